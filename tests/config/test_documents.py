"""YAML files with the lines of everything in them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ninelives.documents import Item, read
from ninelives.errors import UsageError


def test_everything_has_its_line(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("# first\na: 1\n\nb:\n  - x\n  - {on: yes, port: 0080}\nc: >\n  text\n")
    content = read(file)
    assert content.plain() == {"a": 1, "b": ["x", {"on": True, "port": "0080"}], "c": "text\n"}
    items = content.mapping()
    assert (items["a"].line, items["b"].line, items["c"].line) == (2, 4, 7)
    assert [item.line for item in items["b"].items()] == [5, 6]
    assert items["b"].value[1].mapping()["port"].text == "0080"
    assert list(items["a"].items()) == []
    assert items["a"].mapping() == {}


def test_an_empty_file_holds_nothing(tmp_path):
    (tmp_path / "x.yaml").write_text("# nothing\n")
    assert read(tmp_path / "x.yaml") == Item(None, 1)


def test_references_are_one_object_however_many_there_are(tmp_path):
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    (tmp_path / "x.yaml").write_text("\n".join(lines))
    found = read(tmp_path / "x.yaml").plain()
    assert found["a39"][0] is found["a39"][8] is found["a38"]


def test_what_is_nested_too_deeply_is_one_line(tmp_path):
    (tmp_path / "x.yaml").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(UsageError, match=r"x\.yaml.*: "):
        read(tmp_path / "x.yaml")


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


@given(VALUES)
def test_values_are_what_yaml_says(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("yaml") / "x.yaml"
    file.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    assert read(file).plain() == value
