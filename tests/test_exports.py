"""What `code/exports.py` finds in files and folders, as text in, names out."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from ninelives.code.exports import Export, exports
from ninelives.errors import ProgramError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def test_functions_async_functions_and_classes_of_the_top_level(tmp_path: Path) -> None:
    file = write(
        tmp_path / "review.py",
        '''\
        """Reviews."""
        import os

        def on_pull_request(event):
            def inner(x): ...

        @decorated
        @twice
        async def on_issue(event, session_id=None): ...

        class Reviewer:
            def __init__(self, name, *rules, strict=False, **options): ...
            def review(self): ...

        class Plain: ...

        shorthand = lambda event: None
        ''',
    )
    assert exports(file) == [
        Export("review.py", 4, "on_pull_request", ["event"]),
        Export("review.py", 9, "on_issue", ["event", "session_id"]),
        Export("review.py", 11, "Reviewer", ["name", "*rules", "strict", "**options"]),
        Export("review.py", 17, "shorthand", ["event"]),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "def f(): ...",
        "def f(a, b, c): ...",
        "def f(event, *, needed): ...",
        "def f(*, event=None): ...",
        "def f(event): yield 1",
        "async def f(event):\n    if event:\n        x = yield 1",
        "def f(event): return [*(yield from event)]",
        "class F: ...",
        "class F:\n    def __init__(self): ...",
        "class F:\n    def __init__(self, a, b, c): ...",
        "f = lambda: None",
        "f = lambda event: (yield)",
        "f = 3",
    ],
)
def test_what_cannot_be_called_with_an_event_is_no_handler(tmp_path: Path, text: str) -> None:
    assert exports(write(tmp_path / "f.py", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "def F(*events): ...",
        "def F(event, session_id, more=1, *, other=None): ...",
        "def F(event):\n    def g(): yield 1\n    return (lambda: (yield))",
        "class F(Base): ...",
        "@dataclass\nclass F:\n    event: dict",
        "class F:\n    def __init__(self, event, session_id): ...",
        "class F:\n    def __init__(*args): ...",
        "F: Handler = lambda event: None",
        "F = lambda event, session_id: None",
    ],
)
def test_what_can_be_called_with_an_event_is_one(tmp_path: Path, text: str) -> None:
    assert [export.name for export in exports(write(tmp_path / "f.py", text))] == ["F"]


def test_every_kind_of_parameter_in_the_order_of_the_signature(tmp_path: Path) -> None:
    file = write(tmp_path / "f.py", "def f(a, /, b, *c, d=2, e=1, **g): ...")
    assert exports(file)[0].args == ["a", "b", "*c", "d", "e", "**g"]


def test_a_folder_is_read_without_what_is_not_the_users(tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "pkg/__init__.py", "pkg/inner/deep.py"):
        write(tmp_path / name, "def handler(event): ...")
    for name in (".hidden/x.py", "__pycache__/x.py", "env/lib/x.py", "lib/site-packages/x.py", ".secret.py"):
        write(tmp_path / name, "def other(event): ...")
    write(tmp_path / "env/pyvenv.cfg", "home = /usr/bin")
    write(tmp_path / "notes.txt", "def nothing(): ...")
    assert [(export.file, export.name) for export in exports(tmp_path)] == [
        ("a.py", "handler"),
        ("b.py", "handler"),
        ("pkg/__init__.py", "handler"),
        ("pkg/inner/deep.py", "handler"),
    ]


def test_nothing_is_run(tmp_path: Path) -> None:
    file = write(tmp_path / "loud.py", 'raise SystemExit("ran")\ndef handler(event): ...')
    assert [export.name for export in exports(file)] == ["handler"]


def test_a_file_in_another_encoding_is_read_as_python_reads_it(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes("# coding: latin-1\ndef gr\u00fc\u00dfe(event): ...".encode("latin-1"))
    assert exports(tmp_path / "latin.py")[0].name == "gr\u00fc\u00dfe"


def test_invalid_escapes_are_no_warnings_here(tmp_path: Path) -> None:
    assert exports(write(tmp_path / "w.py", r'def f(event): return "\d"'))[0].name == "f"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (b"x = 1\ndef handler(event:\n    pass\n", ":2: SyntaxError: '(' was never closed: def handler(event:"),
        (b"def f():\n  a\n    b\n", ":3: IndentationError: unexpected indent: b"),
        (b"x = '\xff'\n", "SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xff"),
        (b"x = 1\0\n", "source code string cannot contain null bytes"),
    ],
)
def test_a_file_that_is_no_python_is_named_with_the_line(tmp_path: Path, source: bytes, says: str) -> None:
    file = tmp_path / "broken.py"
    file.write_bytes(source)
    with pytest.raises(ProgramError) as raised:
        exports(tmp_path)
    assert str(raised.value).startswith(str(file))
    assert says in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"gone\.py: there is no such file"):
        exports(tmp_path / "gone.py")
