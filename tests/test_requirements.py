"""What a program needs, as its files say it."""

from __future__ import annotations

import pytest

from ninelives.code.requirements import Needs, find_needs, read_needs
from ninelives.errors import ProgramError


def needs(**files):
    names = {"requirements": "requirements.txt", "pyproject": "pyproject.toml", "more": "sub/more.txt"}
    return find_needs({names.get(name, name): text.encode() for name, text in files.items()})


def test_nothing_is_needed():
    assert find_needs({"app.py": b""}) == Needs(None, [], [])
    assert needs(requirements="# nothing\n\n", pyproject="[tool.x]\n") == Needs(None, [], [])


GOOD = [
    "requests",
    "requests==2.32.3",
    "Requests >= 2, < 3",
    "requests[socks,security]~=2.0",
    "requests (>=2)",
    'tomli; python_version < "3.11"',
    'a.b-c_d!=1.*;extra=="x"',
    "pip @ https://example.org/pip-1.zip",
    "x @ git+https://example.org/x/y@v1.0#egg=x",
    "x @ git+ssh://git@example.org/x.git",
    "requests==1 --hash=sha256:ab --hash=sha256:cd",
]


@pytest.mark.parametrize("line", GOOD)
def test_requirements(line):
    assert needs(requirements=f"{line}  # why\r\n") == Needs(None, [line], [])


def test_lines_are_joined_and_other_files_taken_in():
    found = find_needs(
        {
            "requirements.txt": "\ufeffa==1 \\\n    --hash=sha256:ab \\\n  --hash=sha256:cd\n-r sub/more.txt\nz\n".encode(),
            "sub/more.txt": b"b # 1\n--requirement=../last.txt\n",
            "last.txt": b"c",
        }
    )
    assert found.requirements == ["a==1 --hash=sha256:ab --hash=sha256:cd", "b", "c", "z"]


def test_constraints_are_kept_apart():
    found = find_needs(
        {
            "requirements.txt": b"a\n-c limits/all.txt\n-r more.txt\n",
            "limits/all.txt": b"x==1\n-r other.txt\n",
            "limits/other.txt": b"y<2",
            "more.txt": b"b\n--constraint=limits/other.txt",
        }
    )
    assert found == Needs(None, ["a", "b"], ["x==1", "y<2", "y<2"])


def test_a_folder_is_read_no_further_than_it_goes(tmp_path):
    folder = tmp_path / "code"
    (folder / "sub").mkdir(parents=True)
    assert read_needs(folder) == Needs(None, [], [])
    (folder / "requirements.txt").write_text("a\n-r sub/more.txt\n")
    (folder / "sub" / "more.txt").write_text("b\n")
    (folder / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.12"\n')
    assert read_needs(folder) == Needs(">=3.12", ["a", "b"], [])
    (tmp_path / "outside.txt").write_text("c\n")
    (folder / "sub" / "more.txt").write_text("-r ../../outside.txt\n")
    with pytest.raises(ProgramError, match=r"sub/more\.txt:1: \.\./\.\./outside\.txt is no file of the program"):
        read_needs(folder)
    (folder / "sub" / "more.txt").unlink()
    (folder / "sub" / "more.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(ProgramError, match=r"requirements\.txt:2: sub/more\.txt is no file of the program"):
        read_needs(folder)
    (folder / "requirements.txt").unlink()
    (folder / "requirements.txt").mkdir()
    with pytest.raises(ProgramError, match=r"requirements\.txt: can't be read \(Is a directory\)"):
        read_needs(folder)


def test_pyproject_is_for_a_program_without_requirements_txt():
    project = (
        '[project]\nrequires-python = ">= 3.11, !=3.12.1"\ndependencies = ["a>=1", "b[x] ;  os_name==\'posix\'"]\n'
    )
    assert needs(pyproject=project) == Needs(">= 3.11, !=3.12.1", ["a>=1", "b[x] ; os_name=='posix'"], [])
    assert needs(pyproject=project, requirements="c\n") == Needs(">= 3.11, !=3.12.1", ["c"], [])
    dynamic = '[project]\ndynamic = ["dependencies"]\n'
    assert needs(pyproject=dynamic, requirements="c\n") == Needs(None, ["c"], [])


BAD = [
    ({"requirements": "a\n\nb c\n"}, r"requirements\.txt:3: 'b c' is no requirement: write it like 'requests>=2\.32'"),
    ({"requirements": "a>>1"}, "is no requirement"),
    ({"requirements": "=1"}, "is no requirement"),
    ({"requirements": "-e ."}, r"requirements\.txt:1: '-e \.' is on this machine only"),
    ({"requirements": "./lib"}, "on this machine only"),
    ({"requirements": "x @ file:///srv/x.whl"}, "on this machine only"),
    ({"requirements": "--index-url=https://u:geheim@h/"}, "--index-url is the business of who installs"),
    ({"requirements": "--extra-index-url https://h/"}, "--extra-index-url is the business of who installs"),
    ({"requirements": "-c gone.txt"}, "is no file of the program"),
    ({"requirements": "x @ https://u:geheim@h/x.zip"}, "a build holds no secrets"),
    ({"requirements": "x @ git+https://geheim@h/x.git"}, "a build holds no secrets"),
    ({"requirements": "a\n-r gone.txt"}, r"requirements\.txt:2: gone\.txt is no file of the program"),
    ({"requirements": "-r ../x.txt"}, r"\.\./x\.txt is no file of the program"),
    ({"requirements": "-r /etc/passwd"}, "is no file of the program"),
    (
        {"requirements": "-r sub/more.txt", "more": "-r ../requirements.txt"},
        r"sub/more\.txt:1: requirements\.txt refers",
    ),
    ({"pyproject": "[project\n"}, r"pyproject\.toml: .*line 1.*: correct the TOML"),
    ({"pyproject": "project = 1"}, "project is a table"),
    ({"pyproject": "[project]\nrequires-python = '3.11'"}, r"requires-python is '3\.11': write versions"),
    ({"pyproject": "[project]\nrequires-python = 3.11"}, "requires-python is"),
    ({"pyproject": "[project]\ndependencies = 'a'"}, "dependencies are a list of texts"),
    ({"pyproject": "[project]\ndependencies = ['a b']"}, r"pyproject\.toml: 'a b' is no requirement"),
    ({"pyproject": "[project]\ndynamic = ['dependencies']"}, "dynamic: write them out"),
]


@pytest.mark.parametrize(("files", "said"), BAD)
def test_what_is_wrong_is_said_with_its_place(files, said):
    with pytest.raises(ProgramError, match=said) as raised:
        needs(**files)
    assert "geheim" not in str(raised.value)


def test_a_file_that_is_no_text():
    with pytest.raises(ProgramError, match=r"requirements\.txt: is not UTF-8 text \(byte 1\)"):
        find_needs({"requirements.txt": b"a\xff"})


def test_a_long_line_takes_no_time():
    with pytest.raises(ProgramError):
        needs(requirements="a" + " " * 100_000 + "!")
    with pytest.raises(ProgramError):
        needs(requirements="a-" * 50_000 + "!")
