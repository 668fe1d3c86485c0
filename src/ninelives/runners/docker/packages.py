"""What the image of an environment holds beside its base: the packages, as a virtual environment of the base's Python.

The packages are installed on this machine, for the base's Python and system: so the base needs nothing but a Python, no
container needs a network, and packages come from where this machine takes them from. Compiled packages have to be there
as wheels for that, so only wheels are installed.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from ninelives.code.requirements import Needs
from ninelives.runners.environments import OURS, PACKAGE, PYTHON, package_folder, run_uv

#: Where the parts of an image are.
ENVIRONMENT = "/ninelives/environment"
CACHE = "/ninelives/cache"
CODE = "/code"

#: Folders that other things are mounted on.
WORK = "/session"
CONNECTION = "/run/ninelives"

#: The interpreter of an image.
INTERPRETER = f"{ENVIRONMENT}/bin/python"

#: Minor versions of glibc that uv knows, ascending.
_GLIBC = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)

#: What tells how the base's Python is, as JSON. For every Python, so that one that is too old can be named.
PROBE = """\
import json, platform, sys
print(json.dumps(["%d.%d" % sys.version_info[:2], sys.executable, platform.machine(), platform.libc_ver()]))
"""

#: When all files of an image were last changed, for Python's own cache: 1980, the first year that zip files know.
_TIME = 315_532_800


class Base(NamedTuple):
    """The Python of an image that others are based on."""

    #: id of the image
    id: str
    #: what it is called
    name: str
    #: minor version, "3.11"
    version: str
    #: path of the interpreter
    executable: str
    #: kind of processor, as `platform.machine` has it
    machine: str
    #: version of glibc, "2.36"; "": it has another C library
    glibc: str

    @property
    def system(self) -> str:
        """What uv calls its kind of system."""
        if not self.glibc:
            return f"{self.machine}-unknown-linux-musl"
        minor = int(self.glibc.split(".")[1])
        return f"{self.machine}-manylinux_2_{max((known for known in _GLIBC if known <= minor), default=_GLIBC[0])}"

    @property
    def is_like_ours(self) -> bool:
        """Whether packages of this process work there."""
        ours = platform.libc_ver()[0] == "glibc"
        return self.version == PYTHON and self.machine == platform.machine() and bool(self.glibc) and ours


def archive(base: Base, asked: Needs, home: Path, report: Callable[[str], None]) -> IO[bytes]:
    """Return an archive of the environment, to be unpacked at the root of the base; closing it removes it.

    Args:
        base: the image that it is for.
        asked: what the project asks for.
        home: folder to work in.
        report: told what is being done, a line at a time.

    Raises:
        EnvironmentBuildError: the packages can't be installed.
    """
    with tempfile.TemporaryDirectory(dir=home) as folder:
        packages = Path(folder) / "packages"
        packages.mkdir()
        _install(base, asked, packages, report)
        made = tempfile.TemporaryFile(dir=home)  # noqa: SIM115 - the caller closes it
        try:
            _write(made, base, packages)
            made.seek(0)
        except BaseException:
            made.close()
            raise
        return made


def _install(base: Base, asked: Needs, packages: Path, report: Callable[[str], None]) -> None:
    ours = list(OURS.values())
    if asked.requirements:
        count = len(asked.requirements)
        report(f"installing {count} package{'' if count == 1 else 's'} for {base.name}, once")
        _uv(base, asked.requirements, asked.constraints + ours, packages, report)
    # From where the project takes its packages ours need not be found.
    missing = [] if base.is_like_ours else [line for name, line in OURS.items() if not (packages / name).exists()]
    if missing:
        _uv(base, missing, [], packages, report)
    for name in OURS:
        if not (packages / name).exists():
            shutil.copytree(package_folder(name), packages / name)
    shutil.copytree(PACKAGE, packages / "ninelives")


def _uv(base: Base, asked: list[str], constraints: list[str], packages: Path, report: Callable[[str], None]) -> None:
    needed, restricting = packages.with_name("asked.txt"), packages.with_name("constraints.txt")
    for file, lines in ((needed, asked), (restricting, constraints)):
        file.write_text("".join(f"{line}\n" for line in lines))
    run_uv(
        [
            *("pip", "install", "--python", sys.executable, "--target", str(packages), "--link-mode", "copy"),
            *("--python-version", base.version, "--python-platform", base.system, "--only-binary", ":all:"),
            *("--requirements", str(needed), "--constraints", str(restricting)),
        ],
        packages.parent,
        report,
    )


def _write(file: IO[bytes], base: Base, packages: Path) -> None:
    """Write the archive: the same packages make the same one."""
    library = f"{ENVIRONMENT}/lib/python{base.version}/site-packages"
    settings = (
        f"home = {os.path.dirname(base.executable)}\ninclude-system-site-packages = true\nversion = {base.version}\n"
    )
    with tarfile.open(fileobj=file, mode="w") as tar:
        for folder in (CODE, WORK, CONNECTION):
            tar.addfile(_member(folder, tarfile.DIRTYPE))
        _add(tar, f"{ENVIRONMENT}/pyvenv.cfg", settings.encode())
        for name in ("python", "python3"):
            link = _member(f"{ENVIRONMENT}/bin/{name}", tarfile.SYMTYPE)
            link.linkname = base.executable
            tar.addfile(link)
        for path in sorted(packages.rglob("*")):
            inside = path.relative_to(packages)
            if "__pycache__" in inside.parts or not path.is_file():
                continue
            if inside.parts[0] == "bin":
                _add(tar, f"{ENVIRONMENT}/{inside}", _command(path.read_bytes()), executable=True)
            else:
                _add(tar, f"{library}/{inside}", path.read_bytes(), executable=bool(path.stat().st_mode & 0o100))


def _command(script: bytes) -> bytes:
    """Return a script that is run by the environment's Python, which it was not installed for."""
    first, _, rest = script.partition(b"\n")
    if not first.startswith(b"#!"):
        return script
    if b"exec" in rest.split(b"\n", 1)[0] and first == b"#!/bin/sh":
        # For an interpreter whose path is long, or has spaces: a shell reads two lines more, and Python skips them.
        rest = rest.split(b"\n", 2)[2]
    elif b"python" not in first:
        return script
    return b"#!" + INTERPRETER.encode() + b"\n" + rest


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, executable: bool = False) -> None:
    member = _member(name, tarfile.REGTYPE)
    member.mode = 0o755 if executable else 0o644
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _member(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name.lstrip("/"))
    member.type, member.mode, member.mtime = kind, 0o755, _TIME
    return member


def read_probe(image_id: str, name: str, said: list[object]) -> Base:
    """Return what a container of an image says of its Python.

    Args:
        image_id: of the image.
        name: of the image.
        said: to `PROBE`.
    """
    version, executable, machine, libc = said
    kind, number = libc if isinstance(libc, list) else ("", "")
    return Base(image_id, name, str(version), str(executable), str(machine), str(number) if kind == "glibc" else "")
