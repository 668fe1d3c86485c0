"""``make soak MINUTES=30``: checks generated programs for as long as it is told, and writes down each that fails."""

from __future__ import annotations

import argparse
import itertools
import random
import re
import sys
import time
from pathlib import Path

from crash.programs import parse

from generated import examples
from generated.check import Failed, check
from generated.generate import KINDS
from generated.stage import Wound

#: How many programs are drawn before the next kind has its turn.
BATCH = 40

FAILED = Path(".soak")


def main() -> int:
    """Soak, or run one failure again; returns 1 when a program failed."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--seed", type=int, default=None, help="where to begin; each soak begins elsewhere by itself")
    parser.add_argument("--kind", choices=sorted(KINDS), help="programs of this kind only")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run a program again that failed")
    options = parser.parse_args()
    if options.replay:
        return replay(options.replay.read_text())
    seed = random.SystemRandom().randrange(10**9) if options.seed is None else options.seed
    return soak(options.minutes * 60, seed, [options.kind] if options.kind else sorted(KINDS))


def soak(seconds: float, seed: int, kinds: list[str]) -> int:
    """Check programs for some seconds; returns 1 when one failed."""
    began, tried, seen = time.monotonic(), examples.Tried(), set[str]()
    print(f"soak: seed {seed}, kinds {', '.join(kinds)}", flush=True)
    for number, kind in zip(itertools.count(seed), itertools.cycle(kinds)):
        if time.monotonic() - began >= seconds:
            break
        try:
            examples.run(KINDS[kind], number, BATCH, tried)
        except Failed as failed:
            report(failed, seen)
        passed = (time.monotonic() - began) / 60
        print(f"{passed:6.1f} min: {tried.programs} programs, {tried.kills} kills, {len(seen)} failures", flush=True)
    return 1 if seen else 0


def report(failed: Failed, seen: set[str]) -> None:
    """Print a failure and write it down, unless one like it was there already."""
    alike = re.sub(r"\d+", "n", failed.what.splitlines()[0])
    if alike in seen:
        return
    seen.add(alike)
    FAILED.mkdir(exist_ok=True)
    path = FAILED / f"{len(list(FAILED.iterdir())) + 1}.txt"
    path.write_text(failed.text)
    print(f"\nFAILED: {failed}\n\nrun it again with: make soak REPLAY={path}\n", flush=True)


def replay(text: str) -> int:
    """Run a program again that failed; returns 1 when it fails again."""
    head, _, main = text.partition("=== main.py\n")
    lines = dict(line.split(":", 1) for line in head.splitlines() if ":" in line)
    wounds = [Wound(int(mark[:-1]), mark.endswith("+")) for mark in lines.get("kills", "").split()]
    program = parse("generated", f"=== main.py\n{main}")
    try:
        check(KINDS[lines.get("kind", "plain").strip()], program, [wounds] if wounds else [])
    except Failed as failed:
        print(failed.what)
        return 1
    print("it does what it should")
    return 0


if __name__ == "__main__":
    sys.exit(main())
