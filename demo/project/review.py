"""Reviews a pull request: a comment for each changed file, and a status on the commit.

An ordinary handler. Nothing here knows that it may be killed.
"""

import os

from codehost import CodeHost

LONGEST_LINE = 100

host = CodeHost(os.environ["CODE_HOST_URL"])


def on_github_pull_request(event):
    pull = event.data.pull_request
    repository = event.data.repository.full_name
    print(f"reviewing #{pull.number} of {repository}: {pull.title}")

    found = 0
    for path in host.changed_files(repository, pull.number):
        remarks = review(host.read_file(repository, path, pull.head.sha))
        found += len(remarks)
        host.comment(repository, pull.number, path, "\n".join(remarks) or "Looks good.")
        print(f"  {path}: {len(remarks)} remarks")

    host.set_status(repository, pull.head.sha, "failure" if found else "success", f"{found} remarks")
    return {"pull_request": pull.number, "remarks": found}


def review(source):
    remarks = []
    for number, line in enumerate(source.splitlines(), start=1):
        code = line.strip()
        if code == "except:":
            remarks.append(f"line {number}: a bare `except` also catches Ctrl-C")
        if code.startswith("print("):
            remarks.append(f"line {number}: a `print` was left in")
        if code.startswith("def ") and ("=[]" in code or "={}" in code):
            remarks.append(f"line {number}: a default that is shared by all calls")
        if len(line) > LONGEST_LINE:
            remarks.append(f"line {number}: {len(line)} characters, {LONGEST_LINE} are allowed")
    return remarks
