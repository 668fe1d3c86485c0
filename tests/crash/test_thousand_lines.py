"""A session killed while it writes line 500 of 1,000 ends with exactly 1,000 lines, however much of that line was written."""

from __future__ import annotations

import signal

import pytest
from sampling import sampled

from crash import programs
from crash.harness import Kill, Place

#: How a line is written, and the file is opened.
WRITES = {
    "text": ('open("f", "w", encoding="utf-8")', 'file.write(f"line {number} ü\\n")'),
    "binary": ('open("f", "wb")', 'file.write(f"line {number} ü\\n".encode())'),
    "appended": ('open("f", "a", encoding="utf-8")', 'file.write(f"line {number} ü\\n")'),
    "appended and read": ('open("f", "a+b")', 'file.write(f"line {number} ü\\n".encode())'),
    "raw": ('open("f", "wb", buffering=0)', 'file.write(f"line {number} ü\\n".encode())'),
    "lines that end otherwise": ('open("f", "w", encoding="utf-8", newline="\\r\\n")', 'file.write(f"line {number} ü\\n")'),
    "a mark in front": ('open("f", "w", encoding="utf-16")', 'file.write(f"line {number} ü\\n")'),
    "print": ('open("f", "w", encoding="utf-8")', 'print("line", number, "ü", file=file)'),
    "pathlib": ('pathlib.Path("f").open("w", encoding="utf-8")', 'file.writelines([f"line {number}", " ü\\n"])'),
    "csv": ('open("f", "w", newline="", encoding="utf-8")', 'csv.writer(file, lineterminator="\\n").writerow([f"line {number} ü"])'),
    "json": ('open("f", "w", encoding="utf-8")', 'file.write(json.dumps(f"line {number} ü", ensure_ascii=False)[1:-1] + "\\n")'),
}  # fmt: skip

MAIN = """\
import csv
import json
import pathlib


def main(event):
    with OPENED as file:
        for number in range(1000):
            WRITTEN
"""

#: Journal writes before the first line: `open` and ``__enter__`` begin and end.
BEFORE = 4


@pytest.mark.parametrize("left", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("how", sampled(list(WRITES), 1, quick=3))
def test_killed_in_line_500(how: str, left: float) -> None:
    opened, written = WRITES[how]
    text = MAIN.replace("OPENED", opened).replace("WRITTEN", written)
    encoding, end = "utf-16" if "utf-16" in opened else "utf-8", "\r\n" if 'newline="\\r' in opened else "\n"
    wanted = "".join(f"line {number} ü{end}" for number in range(1000)).encode(encoding)
    with Place(programs.parse("lines", f"=== main.py\n{text}")) as place:
        # It has been written, and is not in the journal.
        assert place.run(Kill(BEFORE + 2 * 500, after=False)) == -signal.SIGKILL
        file = place.work / "f"
        whole = file.read_bytes()
        lines = whole.decode(encoding).splitlines(keepends=True)
        assert len(lines) == 500
        size = len("".join(lines[:-1]).encode(encoding))
        # As if it had died in the middle: "ü" is two bytes.
        file.write_bytes(whole[: size + int((len(whole) - size) * left)])
        assert place.run() == 0, place.error()
        assert file.read_bytes() == wanted
