"""Configurations: merged, checked as a whole, and every problem named in one message."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

import pytest
import yaml

from pipeline.config.load import load_config, merge, parse_config
from pipeline.config.yaml_loader import parse_yaml
from pipeline.errors import ConfigError

MINIMAL = {
    "name": "n",
    "data": {"source": {"path": "t.csv"}, "label": "y"},
    "features": {"numeric": {"columns": "x"}},
}

NAMES = "'name' has a wrong value. Allowed: letters from A to Z, digits, '_', '-' and '.', but not dots alone."


def message_of(content: dict) -> str:
    with pytest.raises(ConfigError) as raised:
        parse_config(content)
    assert raised.value.exit_code == 2
    return str(raised.value)


def changed(path: str, value: object) -> dict:
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return merge(MINIMAL, value)


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    return path


def test_a_minimal_configuration_gets_stated_defaults():
    config = parse_config(MINIMAL)
    assert config.features.numeric[0].columns == ("x",)
    assert config.split.fractions.train == 0.8
    assert (config.train.workers, config.seed, config.storage.root) == (1, 0, "artifacts")
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 1


def test_later_layers_win_key_by_key(file, tmp_path):
    env = tmp_path / "env.yaml"
    env.write_text("storage: {root: /data}\ntrain: {workers: 4, batch_size: 64}\n")
    config = load_config(
        file, env=env, overrides=["train.workers=2", "split.fractions={train: 1.0, validation: 0, test: 0}"]
    )
    assert (config.storage.root, config.train.workers, config.train.batch_size) == ("/data", 2, 64)
    assert config.split.fractions.test == 0.0


@pytest.mark.parametrize(
    ("override", "value"),
    [("seed=7", 7), ("seed=1_000", 1000)],
)
def test_an_override_is_yaml(file, override, value):
    assert load_config(file, overrides=[override]).seed == value


def test_an_exponent_without_a_point_is_a_number(file):
    assert load_config(file, overrides=["train.optimizer.learning_rate=1e-4"]).train.optimizer.learning_rate == 1e-4


def test_spark_settings_are_text(file):
    config = load_config(file, overrides=["spark.conf={a.b: true, c: 4}"])
    assert config.spark.conf == {"a.b": "true", "c": "4"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sed", 1, "Unknown key 'sed'. Did you mean 'seed'?"),
        ("train.worker", 1, "Unknown key 'train.worker'. Did you mean 'workers'?"),
        ("train.optimizer", {"rate": 1}, "Unknown key 'train.optimizer.rate'. Known: backward_passes_per_step, clip_"),
        ("data.source.zzz", 1, "Unknown key 'data.source.zzz'. Known: columns, decimal, encoding, "),
        (
            "search.space",
            {"model.dropout": {"unifrom": [0, 1]}},
            "Unknown key 'search.space.model.dropout.unifrom'. Did you mean 'uniform'?",
        ),
        (
            "seed",
            "one",
            "'seed' has a wrong value. Allowed: integer, unable to parse string as an integer. Received: 'one'.",
        ),
        ("seed", True, "'seed': a number is needed, not true or false."),
        ("train.epochs", 0, "'train.epochs' has a wrong value. Allowed: greater than or equal to 1. Received: 0."),
        (
            "name",
            "..",
            NAMES,
        ),
        (
            "name",
            ".",
            NAMES,
        ),
        (
            "name",
            "a\n",
            NAMES,
        ),
        ("name", "a" * 65, "'name' has a wrong value. Allowed: a text of at most 64 characters"),
        (
            "name",
            "a/b",
            NAMES,
        ),
        (
            "data.source.null_values",
            [-999],
            "'data.source.null_values[0]' has a wrong value. Allowed: a text. Received: -999. Put it in quotes: YAML ",
        ),
        (
            "data.task",
            "guess",
            "'data.task': there is no task 'guess'. Allowed: auto, binary, multiclass, regression, or package",
        ),
        (
            "data.source.sample",
            "iris",
            "'data.source': give one of path, table, query and sample; received path and sample.",
        ),
        ("split.fractions.train", 0.5, "'split.fractions': train, validation and test add up to 0.7, not to 1."),
        ("features.numeric.fill", 1.0, "'features.numeric[0]': fill and impute: constant go together."),
        ("features.categorical", {"columns": ["x"]}, "'features': columns named more than once: x."),
        ("data.label", "x", "the label 'x' is also named as a feature."),
    ],
)
def test_every_message(path, value, message):
    assert message_of(changed(path, value)).startswith(message)


@pytest.mark.parametrize(
    "content", [{**MINIMAL, "features": {}}, {k: v for k, v in MINIMAL.items() if k != "features"}]
)
def test_without_features_they_follow_from_the_data(content):
    assert parse_config(content).features.is_automatic


def test_all_problems_are_named_at_once():
    content = merge(changed("sed", 1), {"train": {"epochs": 0}, "data": {"label": None}})
    message = message_of(content)
    assert message.startswith("The configuration is not valid (3 problems):\n  - ")
    assert all(place in message for place in ("'sed'", "'train.epochs'", "'data.label'"))


def test_what_is_missing():
    assert message_of({"name": "n", "features": MINIMAL["features"]}) == (
        "'data' is missing. Add it to the configuration."
    )


def test_long_values_are_cut_in_messages():
    assert "..." in message_of(changed("seed", "x" * 500))
    assert len(message_of(changed("seed", "x" * 500))) < 250


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"Configuration file '.*' does not exist\. Give --config or --env an existing file\."),
        ("a: [", r"is not valid YAML: line 1, column "),
        ("a: 1\na: 2\n", r"is not valid YAML: line 1, column 1: key 'a' is given twice"),
        ("- a\n", r"must hold a mapping of sections, like 'name: \.\.\.'"),
        ("a: !!python/object/apply:os.system [ls]\n", r"is not valid YAML: .*could not determine a constructor"),
        ("#" * 1_000_001, r"is too large\. Allowed: 1000000 bytes\."),
        ("[" * 5000, r"is not valid YAML: line 1, column 51: lists and mappings are nested deeper than 50 levels"),
        ("a: &a [*a]\n", r"is not valid YAML: line 1, column 4: aliases make more than 5,000,000 characters of it"),
        ("name: 2024-99-99\n", r"Configuration file '.*' is not valid YAML: month must be in 1\.\.12\."),
        ("name: !!timestamp x\n", r"Configuration file '.*' is not valid YAML: "),
    ],
)
def test_files_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def bomb(levels: int, each: int) -> str:
    """Lists of aliases of lists of aliases."""
    lines = [f"a0: &a0 [{', '.join(['x'] * each)}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * each)}]" for n in range(1, levels)]
    return "\n".join([*lines, f"seed: *a{levels - 1}\n"])


MERGED = "a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9))
DEEP = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    "text", [bomb(9, 9), bomb(3, 400), f"a: &a '{'x' * 600_000}'\nb: [{'*a, ' * 10}]\n", MERGED, DEEP]
)
def test_aliases_that_stand_for_more_than_a_file_can_hold_are_refused_at_once(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    begun = time.process_time()
    with pytest.raises(
        ConfigError, match=r"is not valid YAML: line \d+, column \d+: aliases make more than 5,000,000 "
    ):
        load_config(tmp_path / "c.yaml")
    assert time.process_time() - begun < 5.0


def test_aliases_within_bounds_are_read(file):
    file.write_text(file.read_text() + "train: &t {workers: 2}\nevaluate: {}\n")
    assert load_config(file).train.workers == 2
    assert "Received: [['x', 'x'], ['x', 'x']]." in message_of(changed("seed", parse_yaml(bomb(2, 2), "x")["seed"]))


def test_many_keys_take_no_more_than_their_share_of_time(file):
    file.write_text(file.read_text() + "".join(f"key_number_{number}: 1\n" for number in range(12_000)))
    begun = time.process_time()
    with pytest.raises(ConfigError, match=r"\(12000 problems\):(.|\n)*\.\.\. and 11,800 more\.$"):
        load_config(file)
    assert time.process_time() - begun < 10.0


@pytest.mark.parametrize(
    "override",
    [
        "spark.conf.fs.secret.key=[hush]",
        "spark.conf={fs.secret.key: [hush]}",
        "spark.conf.fs.secret.key=[hush",
        "spark.conf.fs.secret.key:hush",
        "spark.conf.api_key=!x hush",
        "train.password=hush",
        "track.uri=[https://me:hush@host/x]",
        "spark.conf=[https://host/x?sig=hush]",
        "storage.root={secret: hush}",
        "data.source.format=password=hush",
    ],
)
def test_messages_do_not_quote_secrets(file, override):
    with pytest.raises(ConfigError) as raised:
        load_config(file, overrides=[override])
    shown = "".join(traceback.format_exception(raised.value))
    assert "hush" not in shown.partition("pipeline.errors.ConfigError")[2]
    assert "hush" not in str(raised.value)
    assert "pydantic" not in shown


def test_a_file_that_the_system_refuses():
    with pytest.raises(ConfigError, match=r"Configuration file '/proc/self/mem' cannot be read: .*Make it readable\."):
        load_config("/proc/self/mem")


@pytest.mark.parametrize("override", ["seed", "=1", "a..b=1"])
def test_overrides_that_cannot_be_read(file, override):
    with pytest.raises(ConfigError, match=r"cannot be read\. Allowed: --set section\.key=value\."):
        load_config(file, overrides=[override])


@pytest.mark.parametrize("value", ["[", "2024-99-99", "!!timestamp x", "[" * 5000])
def test_an_override_that_is_no_yaml(file, value):
    with pytest.raises(ConfigError, match=r"Override 'seed=.*' has a value that is not valid YAML: "):
        load_config(file, overrides=[f"seed={value}"])


CONFIGS = sorted((Path(__file__).resolve().parents[2] / "conf").glob("*.yaml"))
OVERLAYS = [None, *sorted((Path(__file__).resolve().parents[2] / "conf" / "env").glob("*.yaml"))]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem if path else "none")
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_what_ships_is_valid_in_every_environment(config, overlay):
    assert load_config(config, env=overlay).name == config.stem


def test_all_errors_of_a_configuration_are_shown_with_all_known_names(file):
    unknown = {f"key_{number}": 1 for number in range(30)}
    with pytest.raises(ConfigError, match=r"30 problems") as error:
        load_config(file, overrides=[f"train={unknown}"])
    assert str(error.value).count("\n  - ") == 30
    assert "workers" in str(error.value)


def test_an_empty_value_is_called_nothing(file):
    with pytest.raises(ConfigError, match=r"'data\.key' has a wrong value\. Allowed: a list\. Received: nothing\."):
        load_config(file, overrides=["data.key="])


def test_the_hardened_overlay_authenticates_and_encrypts():
    folder = Path(__file__).resolve().parents[2] / "conf"
    conf = load_config(folder / "bank.yaml", env=folder / "env" / "hardened.yaml").spark.conf
    on = ["spark.authenticate", "spark.network.crypto.enabled", "spark.io.encryption.enabled", "spark.acls.enable"]
    assert [conf[name] for name in on] == ["true"] * 4
    assert (conf["spark.network.crypto.cipher"], conf["spark.ui.enabled"]) == ("AES/GCM/NoPadding", "false")
    assert "spark.authenticate.secret" not in conf


def test_keys_that_yaml_takes_for_truth_values_are_texts():
    assert parse_yaml("{on: [yes], no: 1}", "x") == {"on": [True], "no": 1}
    joins = "data: {joins: [{source: {sample: iris}, on: [id]}]}"
    assert parse_yaml(joins, "x")["data"]["joins"][0]["on"] == ["id"]
