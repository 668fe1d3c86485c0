"""`ninelives run` of an empty handler, the whole process, in seconds: the median of runs with warm caches."""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import place

RUNS = 12
WARM = 2

command = str(Path(sys.executable).with_name("ninelives"))
environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHASHSEED", "NINELIVES_HOME")}
environment["NINELIVES_HOME"] = str(place.FOLDER / "home")


def run() -> float:
    began = time.perf_counter()
    handler = f"{place.HERE / 'programs' / 'empty.py'}:nothing"
    subprocess.run([command, "run", handler], env=environment, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


place.report({"command": median([run() for _ in range(RUNS)][WARM:])})
