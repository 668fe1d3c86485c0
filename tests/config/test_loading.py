"""Settings: what wins, what the values mean, and that what is wrong is named with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninelives.config.loading import Source, load
from ninelives.config.presence import is_default
from ninelives.config.settings import Settings, all_settings, value_of
from ninelives.errors import UsageError


def write(folder: Path, text: str) -> str:
    (folder / "config.yaml").write_text(text)
    return str(folder)


def test_without_anything_it_is_the_defaults(tmp_path):
    assert is_default(str(tmp_path), {"NINELIVES_HOME": "/x", "NINELIVES_MODE": "", "HOME": "/"})
    config = load(str(tmp_path), {"NINELIVES_HOME": "/x", "NINELIVES_MODE": ""})
    assert config.settings == Settings()
    assert set(config.sources) == set(all_settings())
    assert set(config.sources.values()) == {Source("default")}


def test_the_file_goes_over_the_defaults_and_the_environment_over_the_file(tmp_path):
    folder = write(
        tmp_path,
        """\
# ours
mode: test
runner:
  type: remote
  remote_endpoints: ["a:1", "[::1]:2"]
limits:
  memory: 512 MiB
  cpu_seconds: none
  let_go_seconds: 1.5
build:
""",
    )
    assert not is_default(folder, {})
    settings, sources, file = load(folder, {"NINELIVES_RUNNER_TYPE": "docker", "NINELIVES_LIMITS_PIDS": "7"})
    assert (settings.mode, settings.runner.type) == ("test", "docker")
    assert settings.runner.remote_endpoints == ["a:1", "[::1]:2"]
    assert (settings.limits.memory, settings.limits.cpu_seconds) == (512 * 2**20, None)
    assert (settings.limits.let_go_seconds, settings.limits.pids) == (1.5, 7)
    assert file == f"{folder}/config.yaml"
    assert str(sources["mode"]) == f"{file}:2"
    assert str(sources["runner.remote_endpoints"]) == f"{file}:5"
    assert str(sources["runner.type"]) == "NINELIVES_RUNNER_TYPE"
    assert str(sources["worker.address"]) == "default"


ENVIRONMENT = [
    ("RUNNER_REMOTE_ENDPOINTS", "a:1, b.example:65535", ["a:1", "b.example:65535"]),
    ("RUNNER_REMOTE_ENDPOINTS", ",", []),
    ("RUNNER_LAZY_ENVIRONMENTS", "False", False),
    ("BUILD_LOG", "1", True),
    ("LIMITS_MEMORY", "1.5 GiB", 3 * 2**29),
    ("LIMITS_MEMORY", "none", None),
    ("LIMITS_BUILD_SIZE", "10MB", 10_000_000),
    ("LIMITS_CPU_SECONDS", "2 h", 7200.0),
    ("LIMITS_LET_GO_SECONDS", "0", 0.0),
    ("LIMITS_PIDS", "none", None),
    ("DB_DSN", "sqlite:///srv/x.db", "/srv/x.db"),
    ("DB_DSN", "file:x.db", "x.db"),
    ("DB_DSN", "~/x y.db", "~/x y.db"),
    ("DB_DSN", "none", None),
    ("TLS_CA", "ca.pem", "ca.pem"),
]


@pytest.mark.parametrize(("variable", "text", "value"), ENVIRONMENT)
def test_what_environment_variables_mean(tmp_path, variable, text, value):
    name = {setting.variable: name for name, setting in all_settings().items()}["NINELIVES_" + variable]
    found = value_of(load(str(tmp_path), {"NINELIVES_" + variable: text}).settings, name)
    assert (found, type(found)) == (value, type(value))


WRONG = [
    ("mode: dve", "1: mode is 'dve', and must be one of default, test, dev: did you mean dev?"),
    ("mode:\n", "1: mode is None, and must be one of default, test, dev"),
    ("\nrunner:\n  type: local\n  typ: x", "4: there is no setting 'runner.typ': did you mean runner.type?"),
    ("runer:\n  type: local", "1: there is no setting 'runer': did you mean runner?"),
    ("zzz: 1", "1: there is no setting 'zzz': see ninelives config show"),
    ("memory: 1", "1: there is no setting 'memory': did you mean limits.memory?"),
    ("runner: docker", "1: runner is a section: write runner.type, indented below it"),
    ("runner:\n  remote_endpoints: a", "2: runner.remote_endpoints is 'a', and must be a list, each HOST:PORT"),
    ("runner:\n  remote_endpoints: ['a:99999']", "2: runner.remote_endpoints is"),
    ("runner:\n  lazy_environments: 3", "2: runner.lazy_environments is 3, and must be true or false"),
    ("worker:\n  address: 9980", "2: worker.address is 9980, and must be HOST:PORT, such as 10.0.0.7:9980"),
    ("limits:\n  pids: 0", "2: limits.pids is 0, and must be a whole number from 1 on, or none"),
    ("limits:\n  pids: true", "2: limits.pids is True, and must be a whole number"),
    ("limits:\n  memory: 5 parsecs", "2: limits.memory is '5 parsecs', and must be a size such as 512 MiB"),
    ("limits:\n  memory: 0", "2: limits.memory is 0, and"),
    ("limits:\n  memory: .inf", "2: limits.memory is inf, and"),
    ("limits:\n  cpu_seconds: -1", "2: limits.cpu_seconds is -1, and must be a time span such as 90 s"),
    ("limits:\n  cpu_seconds: 2000-01-01", "2: limits.cpu_seconds is '2000-01-01', and"),
    ("db:\n  type: postgres", "2: db.type is 'postgres', and must be one of sqlite"),
    ("db:\n  dsn: postgresql://ann:geheim@h/d", "2: db.dsn is 'postgresql://ann:***@h/d', and must be the path"),
    ("db:\n  dsn: 'mysql:x?password=geheim&a=b'", "2: db.dsn is 'mysql:x?password=***&a=b', and must be the path"),
    ("db:\n  dsn: ':memory:'", "2: db.dsn is ':memory:', and must be the path"),
    ("db:\n  dsn: ''", "2: db.dsn is '', and must be the path"),
    ("- a", "1: settings are a mapping, like 'mode: dev'"),
    ("mode: dev\nmode: test", "2: 'mode' is there already, in line 1: keep one of them"),
    ("mode: dev\n\tx: 1", "2: "),
    ("mode: dev: x", "1: "),
    ("? [a]\n: b", "1: a key is a plain text, like 'name:'"),
    ("mode: &a [*a]", "1: this contains itself: write it out"),
    ("mode: !!python/object:os.system x", "1: mode is 'x', and must be"),
    ("mode: !!int dev", "1: 'dev' can't be read: put it in quotes"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path, text, said):
    with pytest.raises(UsageError) as raised:
        load(write(tmp_path, text), {})
    message = str(raised.value)
    assert message.startswith(f"{tmp_path}/config.yaml:{said}")
    assert "\n" not in message
    assert "geheim" not in message


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"mode: \xff")
    with pytest.raises(UsageError, match=r"config\.yaml is not UTF-8 text \(byte 6\)"):
        load(str(tmp_path), {})
    (tmp_path / "config.yaml").unlink()
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(UsageError, match=r"config\.yaml can't be read: Is a directory"):
        load(str(tmp_path), {})


def test_a_variable_that_is_nearly_ours_is_an_error_and_another_program_s_is_not(tmp_path):
    # Kubernetes gives every pod such variables for a service called ninelives.
    strange = {"NINELIVES_PORT_9980_TCP_ADDR": "10.0.0.1", "NINELIVES_SERVICE_HOST": "10.0.0.1"}
    assert load(str(tmp_path), strange).settings == Settings()
    with pytest.raises(UsageError, match=r"variable NINELIVES_RUNER_TYPE: .* did you mean NINELIVES_RUNNER_TYPE\?"):
        load(str(tmp_path), {"NINELIVES_RUNER_TYPE": "docker"})
    with pytest.raises(UsageError, match=r"^environment variable NINELIVES_MODE: mode is 'x', and must be one of"):
        load(str(tmp_path), {"NINELIVES_MODE": "x"})


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_every_setting_takes_or_refuses_whatever_is_written(value):
    for setting in all_settings().values():
        try:
            parsed = setting.form.parse(value)
        except (ValueError, TypeError, KeyError):
            continue
        setting.form.shown(parsed)


def test_every_setting_has_a_meaning_and_takes_its_own_default():
    for name, setting in all_settings().items():
        assert setting.meaning
        assert re.fullmatch(r"[a-z]+(\.[a-z_]+)?", name)
        assert setting.form.parse(setting.default) == setting.default


def test_the_documents_name_every_setting_with_its_default_and_its_variable():
    text = (Path(__file__).parents[2] / "docs" / "config.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*) \|$", text, re.MULTILINE))
    assert list(rows) == list(all_settings())
    for name, setting in all_settings().items():
        meaning, default = rows[name].rsplit(" | ", 1)
        assert meaning == f"{setting.meaning}: {setting.form.expected}"
        assert setting.form.parse(default.strip("`") if default != "`[]`" else []) == setting.default
