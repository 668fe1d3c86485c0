"""Environments: one folder with a Python and packages for each distinct list of requirements, shared by all sessions.

Built when it is first needed, with uv, aside, and renamed when it is whole: a build that is interrupted leaves nothing
that anybody would take for an environment. Builders of the same one wait for each other.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ninelives.code.requirements import Needs
from ninelives.errors import EnvironmentBuildError
from ninelives.runners.kept import Kept, alone

#: Changes when environments are built differently.
_FORMAT = 1

#: What runs in a user's environment needs these; `pyproject.toml` asks for the same.
OURS = {"cloudpickle": "cloudpickle>=3.1", "msgspec": "msgspec>=0.19"}

#: The oldest Python that sessions run on.
OLDEST = (3, 11)

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

#: Lines of uv's that an error shows.
_WORDS = 12

#: The folder of this package.
PACKAGE = Path(__file__).resolve().parent.parent


class Environment(NamedTuple):
    """A Python with packages."""

    #: tells it from all others
    key: str
    #: the interpreter
    python: str
    #: its minor version, "3.11"
    version: str
    #: ``sys.path``, if it is not what the interpreter itself makes it
    paths: tuple[str, ...] = ()
    #: of the interpreter
    options: tuple[str, ...] = ()


def own() -> Environment:
    """Return the environment that ninelives itself is in."""
    return Environment("own", sys.executable, PYTHON, tuple(os.path.abspath(path) for path in sys.path if path))


class Environments:
    """The environments of one installation.

    Args:
        home: folder that they are kept in.
        report: told what is being done, a line at a time.
    """

    def __init__(self, home: Path, report: Callable[[str], None] = lambda _: None) -> None:
        self._home = home
        self._report = report
        self._kept = Kept(home)

    def close(self) -> None:
        """Take note that no process runs in any of them any more."""
        self._kept.close()

    def get(self, asked: Needs, python: str = "") -> Environment:
        """Return an environment, and build it if it is not there.

        A project that asks for nothing runs in the environment that ninelives is in, as it does without a runner.

        Args:
            asked: what the project asks for.
            python: minor version of Python that it has to have, "3.11"; "": any that the project allows.

        Raises:
            EnvironmentBuildError: it can't be built.
        """
        if not asked.requirements and python in ("", PYTHON) and allows(asked.python or "", PYTHON):
            return own()
        key = self._key(asked, python)
        folder = self._home / key
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._kept.use(key)
            if not folder.is_dir():
                self._build(folder, asked, python)
        except OSError as error:
            raise EnvironmentBuildError(f"the environment can't be built in {self._home}: {error.strerror}") from error
        return Environment(key, str(folder / "bin" / "python"), _version(folder))

    def _key(self, asked: Needs, python: str) -> str:
        content = [
            _FORMAT,
            asked,
            _interpreter(_choice(asked.python or "", python)),
            sysconfig.get_platform(),
            str(PACKAGE),
            sorted(OURS.values()),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]

    def _build(self, folder: Path, asked: Needs, python: str) -> None:
        with alone(folder.with_suffix(".lock")) as lock:
            if folder.is_dir():
                return
            aside = folder.with_suffix(".new")
            # Left behind by a build that was killed: whoever has the lock is the only builder.
            shutil.rmtree(aside, ignore_errors=True)
            try:
                self._make(aside, asked, python, lock)
                _sync(aside)
                aside.rename(folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):  # that one is there, whatever becomes of others
            self._kept.tidy()

    def _make(self, aside: Path, asked: Needs, python: str, lock: int) -> None:
        count = len(asked.requirements)
        self._report(f"building an environment of {count} package{'' if count == 1 else 's'}, once")
        # Relocatable: it is renamed when it is whole.
        self._uv(
            lock,
            "venv",
            "--quiet",
            "--relocatable",
            "--no-project",
            "--python",
            _interpreter(_choice(asked.python or "", python)),
            str(aside),
        )
        try:
            made = _version(aside)
        except EnvironmentBuildError:
            # uv does not say it of this file.
            reason = os.strerror(errno.ENOSPC)
            raise EnvironmentBuildError(f"the environment can't be built in {self._home}: {reason}?") from None
        needed, restricting = aside / "asked.txt", aside / "constraints.txt"
        # Ours are at hand for the same Python; whichever of them the project asks for is its own.
        at_hand = made == PYTHON
        ours = list(OURS.values())
        needed.write_text("".join(f"{line}\n" for line in asked.requirements + ([] if at_hand else ours)))
        restricting.write_text("".join(f"{line}\n" for line in asked.constraints + ours))
        command = ["pip", "install", "--python", str(aside / "bin" / "python"), "--compile-bytecode"]
        self._uv(lock, *command, "--requirements", str(needed), "--constraints", str(restricting))
        packages = aside / "lib" / f"python{made}" / "site-packages"
        (packages / "ninelives").symlink_to(PACKAGE)
        for name in OURS if at_hand else ():
            if not (packages / name).exists():
                (packages / name).symlink_to(package_folder(name))

    def _uv(self, lock: int, *arguments: str) -> None:
        # If we are killed, it may go on for a while: whoever builds the same anew has to wait for its end.
        run_uv(arguments, self._home, self._report, lock)


def run_uv(arguments: Sequence[str], folder: Path, report: Callable[[str], None], *held: int) -> None:
    """Run uv, which takes packages from where this machine is configured to.

    Args:
        arguments: of uv.
        folder: it runs there: not in the project, whose configuration does not count.
        report: told what it says, a line at a time.
        held: descriptors that stay open for as long as it runs.

    Raises:
        EnvironmentBuildError: it fails, in its own words.
    """
    process = subprocess.Popen(
        [uv(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=folder,
        pass_fds=held,
        text=True,
        errors="replace",
    )
    assert process.stderr is not None
    words: list[str] = []
    with process.stderr:
        for line in process.stderr:
            if text := line.strip():
                # What led to an error is of no interest once it is there.
                words = [text] if text.startswith("error:") else [*words, text][-_WORDS:]
                report(text)
    if process.wait():
        said = " ".join(words).removeprefix("error: ")
        said = said or f"uv ended with exit code {process.returncode} and no word"
        raise EnvironmentBuildError(f"the project's packages can't be installed: {said}")


def uv() -> str:
    """Return the path of uv.

    Raises:
        EnvironmentBuildError: it is not installed.
    """
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise EnvironmentBuildError("uv is needed to install the project's packages: pip install 'ninelives[runners]'")
    return found


def allows(specifiers: str, version: str) -> bool:
    """Return whether versions of Python, as ``requires-python`` has them, include a minor version.

    Raises:
        EnvironmentBuildError: they are not of that form.
    """
    return all(_allows(part.strip(), version) for part in specifiers.split(",") if part.strip())


def _allows(specifier: str, version: str) -> bool:
    match = re.fullmatch(r"(>=|<=|==|!=|~=|<|>)\s*(\d+(?:\.\d+)*)(\.\*)?", specifier)
    if match is None:
        raise EnvironmentBuildError(f"requires-python: {specifier!r} is no version: write one like '>=3.11,<3.14'")
    operator, text, _ = match.groups()
    numbers = tuple(map(int, text.split(".")))
    ours = (*map(int, version.split(".")), 0)
    minor = ours[: min(2, len(numbers))]
    # A patch level is left to uv: here only minor versions are chosen between.
    wanted = numbers[: len(minor)]
    if operator == "~=":
        return minor >= wanted and ours[0] == numbers[0] and (len(numbers) < 3 or minor == wanted)
    if operator == "<" and len(numbers) > 2 and numbers[2]:
        operator = "<="
    if operator == "!=" and len(numbers) > 2:
        return True
    exact = {">=": minor >= wanted, "<=": minor <= wanted, "==": minor == wanted, "!=": minor != wanted}
    return exact.get(operator, minor < wanted if operator == "<" else minor > wanted or len(numbers) > 2)


def _choice(specifiers: str, python: str) -> str:
    """Return which Python an environment gets: the one that is needed, else ours if the project allows it."""
    if python:
        return python
    if allows(specifiers, PYTHON):
        return PYTHON
    return f"{specifiers},>={'.'.join(map(str, OLDEST))}"


def _interpreter(choice: str) -> str:
    """Return what to ask uv for; ours is at hand."""
    return str(getattr(sys, "_base_executable", sys.executable)) if choice == PYTHON else choice


def _version(folder: Path) -> str:
    found = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+)", (folder / "pyvenv.cfg").read_text(), re.MULTILINE)
    if found is None:
        raise EnvironmentBuildError(f"{folder} is damaged: remove it, and it is built again")
    return found[1]


def package_folder(package: str) -> Path:
    """Return the folder of a package of this process."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).resolve().parent


def _sync(folder: Path) -> None:
    """Bring the file system of a folder to disk: a power loss leaves no half of it under its name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        ctypes.CDLL(None).syncfs(descriptor)
    finally:
        os.close(descriptor)
