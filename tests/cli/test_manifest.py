"""What is wrong with a project's manifest is one line."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ("name: [x]\n", "'name' is a text, not ['x']: write it in quotes"),
        ("name: 5\n", "'name' is a text, not 5: write it in quotes"),
        ("project: {name: 5}\n", "'name' is a text, not 5: write it in quotes"),
        ("rules: [x]\n", "'rules' maps dotted names to kinds, like 'mylib.parse: deterministic'"),
        ("rules: {shop.buy: [x]}\n",
         "'rules' maps dotted names to kinds, like 'mylib.parse: deterministic', and ['x'] is none"),
        ("- name\n", "a manifest is a mapping, like 'name: review'"),
        ("name: \x07\n", "special characters are not allowed"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_manifest_is_one_line(cli, program, manifest, says) -> None:
    program(manifest, "ninelives.yaml")
    program("def handler(event): ...\n")
    answer = cli("run", "app.py:handler")
    assert (answer.code, answer.out) == (2, "")
    (line,) = answer.err.splitlines()
    assert says in line
    assert "\\n" not in line


@pytest.mark.parametrize("manifest", ["", "name: shop\n", "project: {name: shop}\n", "project: shop\n", "rules:\n"])
def test_a_manifest_that_says_little_is_good(cli, program, manifest) -> None:
    program(manifest, "ninelives.yaml")
    program("def handler(event): ...\n")
    assert cli("run", "app.py:handler").code == 0
