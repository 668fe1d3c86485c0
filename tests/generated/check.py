"""Runs a generated program undisturbed and with kills, and compares."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence

from crash import programs
from crash.harness import IN_KEYS, Kill, Result
from crash.test_equivalence import effects_once

from generated.generate import Kind
from generated.stage import Stage, Wound

#: A longer program is a loop that does the same again and again.
MOST_WRITES = 400

#: In what plain Python gives no two runs the same.
_DIFFERS = re.compile(r"\b(random|uuid)\.|ninelives\.(?!activity)|@ninelives|as_one\(")


class Failed(AssertionError):
    """What a program did otherwise than it should; shows the program, and how to run it again."""

    def __init__(self, what: str, kind: Kind, program: programs.Program, wounds: Sequence[Wound] = ()) -> None:
        self.what = what
        self.program = program
        marks = " ".join(f"{wound.far}{'+' if wound.after else '-'}" for wound in wounds)
        self.text = f"kind: {kind.name}\nkills: {marks}\n=== main.py\n{program.files['main.py']}"
        super().__init__(
            f"{what}\n\n--- the program, to be run again with 'make soak REPLAY=FILE' once it is in a file ---\n{self.text}"
        )


def check(kind: Kind, program: programs.Program, runs: Sequence[Sequence[Wound]]) -> int:
    """Run a program undisturbed, and again with the kills of each run; returns how many kills fell.

    Raises:
        Failed: a run does not come to what it should.
    """
    with Stage(program) as stage:
        stage.run()
        undisturbed = _result(stage, kind, program)
        writes = len(stage.writes())
        if writes > MOST_WRITES:
            return 0
        _no_stop(stage, undisturbed, kind, program)
        _replayed(stage, undisturbed, kind, program)
        if not _DIFFERS.search(program.files["main.py"]):
            _as_plain(stage, undisturbed, kind, program)
        return sum(_killed(stage, wounds, writes, undisturbed, kind, program) for wounds in runs)


def _killed(
    stage: Stage, wounds: Sequence[Wound], writes: int, undisturbed: Result, kind: Kind, program: programs.Program
) -> int:
    stage.start_over()
    try:
        kills = stage.wounded(wounds, writes)
    except AssertionError as error:
        raise Failed(str(error), kind, program, wounds) from error
    result = _result(stage, kind, program, wounds)
    what = ""
    if result.ends == ["stopped"]:
        what = _stopped(stage, result, undisturbed, kind)
    elif kind.ordered:
        what = _differs(undisturbed, result, kills) or _effects(stage, undisturbed)
    else:
        what = _differs_in_order(undisturbed, result, kills, kind) or _attempts(stage)
    if what:
        raise Failed(f"killed at {kills}: {what}", kind, program, wounds)
    if not kind.ordered:
        # Of an ordered one, the record is the one that was replayed before.
        _replayed(stage, result, kind, program, wounds)
    return len(kills)


def _result(stage: Stage, kind: Kind, program: programs.Program, wounds: Sequence[Wound] = ()) -> Result:
    try:
        return stage.result()
    except Exception as error:
        raise Failed(f"no result: {error!r}\n{stage.terminal()['stderr'][-2000:]}", kind, program, wounds) from error


def _no_stop(stage: Stage, result: Result, kind: Kind, program: programs.Program) -> None:
    if result.ends[0] != "error" and not result.ends[0].startswith("completed"):
        why = stage.error()["message"] if result.ends == ["stopped"] else stage.terminal()["stderr"][-1000:]
        raise Failed(f"undisturbed: {result.ends} {why}", kind, program)


def _replayed(
    stage: Stage, result: Result, kind: Kind, program: programs.Program, wounds: Sequence[Wound] = ()
) -> None:
    """A session whose process died just before the end comes to the same from its record alone, and does nothing."""
    stage.reopen()
    stage.run()
    again = _result(stage, kind, program, wounds)
    # What was still outside when the session ended may be called again, since its end is not recorded any more.
    left = any(" interrupted" in line for line in result.journal)
    what = _changed(result, again, ("prints", "ends") if left else ("prints", "ends", "effects", "journal"))
    if again.ends == ["stopped"]:
        what = stage.error()["message"]
        if any(stop in what for stop in kind.stops):
            return
    if what:
        raise Failed(f"replayed from its record: {what}", kind, program, wounds)


def _as_plain(stage: Stage, undisturbed: Result, kind: Kind, program: programs.Program) -> None:
    stage.start_over()
    ran = stage.run_plain()
    plain = Result(ran.prints, ran.effects, ran.ends, [])
    what = ""
    if kind.ordered:
        what = _changed(plain, undisturbed, ("prints", "ends", "effects"))
    elif kind.settled:
        # Tracebacks go through the standard library's loop and pools there, and through ours here.
        brief = [each._replace(ends=[each.ends[0], each.ends[-1]]) for each in map(_unordered, (plain, undisturbed))]
        what = _changed(*brief, ("ends", "prints", "effects"))
    if what:
        raise Failed(f"otherwise than plain Python: {what}", kind, program)


def _stopped(stage: Stage, result: Result, undisturbed: Result, kind: Kind) -> str:
    message = stage.error()["message"]
    if not any(stop in message for stop in kind.stops):
        return f"stopped: {message}"
    if not kind.ordered:
        return ""
    effects = stage.effects(stage.cut_off)
    if result.prints != undisturbed.prints[: len(result.prints)] or effects != undisturbed.effects[: len(effects)]:
        return f"stopped, and did otherwise before: {_changed(undisturbed, result, ('prints', 'effects'))}"
    return ""


def _differs(undisturbed: Result, result: Result, kills: Sequence[Kill]) -> str:
    return _changed(undisturbed, result, ("prints", "ends", "journal"))


def _effects(stage: Stage, undisturbed: Result) -> str:
    if undisturbed.effects in effects_once(stage):
        return ""
    return _difference("effects", undisturbed.effects, stage.effects())


def _differs_in_order(undisturbed: Result, result: Result, kills: Sequence[Kill], kind: Kind) -> str:
    if not kind.settled:
        return ""
    return _changed(_unordered(undisturbed), _unordered(result), ("ends", "prints", "journal"))


def _unordered(result: Result) -> Result:
    """Return a result without the order of its parts.

    Which lane took what from a queue is order too, and so is whether one came too late to have to wait.
    """
    journal = [line.partition(" ")[2] for line in result.journal if " sleep " not in line]
    return Result(sorted(result.prints), sorted(result.effects), result.ends, sorted(journal))


def _attempts(stage: Stage) -> str:
    """Each attempt had its effect at most once, and there is a second one only of what a kill cut off."""
    last = stage.attempts()
    made = Counter((key, attempt) for key, attempt, _ in stage.keys())  # noqa: SIM118 - no mapping
    for (key, attempt), processes in made.items():
        if processes > 1:
            return f"{processes} processes made attempt {attempt} of {key}"
        if attempt > last.get(key, 0):
            return f"attempt {attempt} of {key} is not in the journal"
    cut_off = {f"test-{IN_KEYS}-{key.replace(':', '-')}" for key in stage.cut_off_keys}
    for key, attempt in last.items():
        if attempt > 1 and key not in cut_off:
            return f"{key} was tried again, and was not cut off"
    return ""


def _changed(old: Result, new: Result, names: Sequence[str]) -> str:
    for name in names:
        if getattr(old, name) != getattr(new, name):
            return _difference(name, getattr(old, name), getattr(new, name))
    return ""


def _difference(name: str, old: Sequence[str], new: Sequence[str]) -> str:
    lines = list(difflib.unified_diff(old, new, "undisturbed", "this run", lineterm="", n=1))
    return "\n".join([f"{name} differ:", *lines[:30]])
