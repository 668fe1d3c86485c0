"""Outside calls that everybody would call an effect: what the rules about hidden and early effects look for.

Short on purpose. An outside call that is not here may make a client or read a setting, so nothing is said about it.
"""

from __future__ import annotations

import ast

from ninelives.code.check.source import Module
from ninelives.code.rules import Kind

_HTTP = ("delete", "get", "head", "options", "patch", "post", "put", "request")

#: By the names that programs use.
EFFECTS = frozenset(
    {f"{package}.{method}" for package in ("requests", "httpx") for method in _HTTP}
    | {
        "httpx.stream", "os.popen", "os.remove", "os.rename", "os.renames", "os.replace", "os.rmdir",
        "os.startfile", "os.symlink", "os.system", "os.truncate", "os.unlink", "shutil.copy", "shutil.copy2",
        "shutil.copyfile", "shutil.copytree", "shutil.make_archive", "shutil.move", "shutil.rmtree",
        "shutil.unpack_archive", "subprocess.Popen", "subprocess.call", "subprocess.check_call",
        "subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput", "subprocess.run",
        "urllib.request.urlopen", "urllib.request.urlretrieve", "webbrowser.open",
    }
)  # fmt: skip

#: Methods of `pathlib.Path` that nothing else has, or is likely to have.
_PATH_METHODS = frozenset({"write_bytes", "write_text"})


def effect(module: Module, call: ast.Call) -> str | None:
    """Return the name of the effect that a call is; None if it is none, or if nobody can tell.

    The project's own rules win: what they make an activity is an effect, what they make something else is none.
    """
    name = module.resolve(call.func)
    if name is None:
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        return f"Path.{method}" if method in _PATH_METHODS else None
    if name in ("builtins.open", "io.open"):
        return "open" if writes(call) else None
    if name in EFFECTS:
        return name if module.is_activity(name) else None
    return name if module.rules.added(name) is Kind.ACTIVITY else None


def writes(call: ast.Call) -> bool:
    """Return whether a call of ``open`` begins a file anew or adds to it."""
    mode = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "mode"), None)
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and any(c in mode.value for c in "wax+")
