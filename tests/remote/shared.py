"""A runner manager for the crash tests, as a process: ``python shared.py HOME CERTIFICATES``.

Its runners have the outside of the test programs, and work where their place says. The first line on stdout is the pid
of their warm parent; the port is in the line that says where it listens.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from crash.isolated import SharedManager, warm_parent

from ninelives.runners.local import LocalRunner

#: Runners at the same time.
MOST = 8


class PlacedManager(SharedManager):
    def start(self, session: Any, code: Any, vars: Any) -> LocalRunner:
        runner = super().start(session, code, vars)
        if "EFFECTS" in vars:
            runner.cwd = Path(vars["EFFECTS"]).parent / "work"
        return runner


def main() -> int:
    # Late: who only asks how many there may be forks, and so does without gRPC.
    from ninelives.runners.remote.channels import read_credentials
    from ninelives.runners.remote.serving import Serving, serve

    home, certificates = map(Path, sys.argv[1:])
    files = (str(certificates / name) for name in ("ca.pem", "manager.pem", "manager.key"))
    serving = Serving("127.0.0.1:0", read_credentials(*files), home, most=MOST, build_size=1 << 24)
    print(warm_parent()._process.pid, flush=True)
    return serve(serving, lambda: PlacedManager(home), lambda line: print(line, flush=True))


if __name__ == "__main__":
    sys.exit(main())
