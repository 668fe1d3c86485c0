"""The main job on a real input: review a pull request, be killed in the middle, go on, and do nothing twice.

Starts a code host on this machine, runs `demo/project/review.py` against it as a session, kills that process with
SIGKILL (no handler, no `finally`, no flush), resumes the session in another process, and compares what the code host
was asked to do with what the journal says. Exits with 1 if anything was done twice or not at all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from server import CodeHostServer

DEMO = Path(__file__).resolve().parent
NINELIVES = Path(sys.executable).absolute().parent / "ninelives"
COMMENTS_BEFORE_KILL = 3


def main() -> int:
    """Run the demo; return the exit code."""
    os.chdir(DEMO)
    host = CodeHostServer(hold_after_comments=COMMENTS_BEFORE_KILL)
    print(f"A code host listens on {host.url}. Pull request #42 changes {len(host.paths)} files there.\n")
    with tempfile.TemporaryDirectory(prefix="ninelives-demo-") as home:
        os.environ |= {"NINELIVES_HOME": home, "CODE_HOST_URL": host.url, "PYTHONPATH": str(DEMO / "outside")}
        os.environ["NO_PROXY"] = "127.0.0.1"
        run_until_held(host)
        session = ninelives_json("sessions", "list")[0]["session_id"]
        before = activities(session)
        print("\nKilled with SIGKILL. What is left is the journal:\n")
        ninelives("sessions", "list")
        host.let_go()
        ninelives("resume", session)
        return report(host, before, activities(session), ninelives_json("sessions", "show", session))


def run_until_held(host: CodeHostServer) -> None:
    """Start the session, and kill its process while it waits for the answer that the code host holds back."""
    command = ["run", "project/review.py:on_github_pull_request", "--data", "@event.json"]
    echo(command)
    process = subprocess.Popen([NINELIVES, *command])
    while not host.held.wait(0.1):
        if process.poll() is not None:
            raise SystemExit(f"the session ended with {process.returncode} before it could be killed")
    process.send_signal(signal.SIGKILL)
    process.wait()


def report(host: CodeHostServer, before: list[Any], after: list[Any], session: dict[str, Any]) -> int:
    """Print what happened and what was not done twice; return 1 if something was, or is missing."""
    done_before = {row["seq"] for row in before if row["status"] == "ok"}
    cut_off = [row for row in before if row["status"] != "ok"]
    done_after = [row for row in after if row["status"] == "ok" and row["seq"] not in done_before]
    asked_twice = [what for what, times in host.asked.items() if times > 1]
    comments = sorted(comment["path"] for comment in host.comments)

    print("\nWhat happened:\n")
    rows = [
        (len(done_before), "activities were done and recorded before the kill"),
        (
            len(cut_off),
            f"was cut off by it: {', '.join(row['name'] for row in cut_off)}, a reading; it was tried again",
        ),
        (len(done_before), "came back from the journal after it: the code host was not asked again"),
        (len(done_after), "were done after it, the one that was cut off among them"),
        (len(host.comments), f"comments are on the pull request, one for each of its {len(host.paths)} files"),
        (len(host.comments) - len(set(comments)), "comments were posted twice"),
        (len(host.statuses), "status is set on the commit"),
    ]
    for count, text in rows:
        print(f"  {count:>3}  {text}")

    wrong = [
        text
        for is_wrong, text in (
            (session["state"] != "completed", f"the session is {session['state']}"),
            (comments != host.paths, f"the comments are on {comments}"),
            (len(host.statuses) != 1, f"the status was set {len(host.statuses)} times"),
            (asked_twice != [host.held_request], f"asked twice: {asked_twice}"),
        )
        if is_wrong
    ]
    print(
        "\nNothing that had finished was done twice, and nothing was lost."
        if not wrong
        else f"\nThat is wrong: {'; '.join(wrong)}."
    )
    return 1 if wrong else 0


def activities(session: str) -> list[Any]:
    """Return the activities in a session's journal."""
    return [row for row in ninelives_json("sessions", "journal", session) if row["kind"] == "activity"]


def ninelives(*arguments: str) -> None:
    """Run a command as a person would."""
    echo(list(arguments))
    subprocess.run([NINELIVES, *arguments], check=True)


def ninelives_json(*arguments: str) -> Any:
    """Run a command as a script would, and return what it says."""
    return json.loads(subprocess.run([NINELIVES, *arguments, "--json"], check=True, capture_output=True).stdout)


def echo(arguments: list[str]) -> None:
    """Show a command before its output."""
    print("$ ninelives", *arguments, flush=True)


if __name__ == "__main__":
    sys.exit(main())
