from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from pipeline import cli
from tests.support import toy


class Ended(NamedTuple):
    code: int
    result: dict[str, Any]
    stderr: str


@pytest.fixture
def job(tmp_path, capfd) -> Callable[..., Ended]:
    """Runs the toy job in this process, and puts back what a job changes in it."""
    root, formatter = logging.getLogger(), warnings.formatwarning
    handlers, level, own_level = list(root.handlers), root.level, logging.getLogger("pipeline").level
    config = tmp_path / "toy.yaml"
    config.write_text(toy.CONFIG)

    def run(*arguments: str, behaviour: str = "fine") -> Ended:
        named = ["--config", str(config), "--set", f"data.label={behaviour}"]
        code = cli.main("toy", [*named, *arguments])
        out, err = capfd.readouterr()
        assert len(out.splitlines()) == 1, "standard output has the result and nothing else"
        return Ended(code, json.loads(out, parse_constant=pytest.fail), err)

    yield run
    logging.captureWarnings(False)
    warnings.formatwarning = formatter
    root.handlers[:], root.level = handlers, level
    logging.getLogger("pipeline").setLevel(own_level)


def test_the_result_is_one_json_line_with_the_common_keys(job):
    ended = job()

    assert ended.code == 0
    assert list(ended.result)[:4] == ["stage", "status", "seconds", "run_id"]
    assert ended.result["stage"] == "toy"
    assert ended.result["status"] == "done"
    assert ended.result["run_id"] == "run-7"
    assert ended.result["seconds"] >= 0
    assert ended.result["metrics"] == {"loss": None, "auc": 0.5}, "JSON has no NaN"


def test_what_others_print_goes_to_standard_error(job):
    ended = job()

    assert "printed by a library" in ended.stderr
    assert "printed by native code" in ended.stderr
    assert "INFO  pipeline.toy: at work" in ended.stderr


@pytest.mark.parametrize(
    ("behaviour", "code", "message"),
    [
        ("data_error", 3, "Column 'income' is missing. Add it."),
        ("train_error", 4, "The loss is not a number at https://host/x. Lower it."),
        (
            "bucket_error",
            5,
            "The object store failed: When getting information for key 'x' in bucket 'lake': AWS Error ",
        ),
        (
            "full_disk",
            5,
            "There is no room on the disk: [Errno 28] No space left on device: '/x/y'. Make room there, or",
        ),
        ("no_module", 5, "No module named 'horovod', with "),
        ("bug", 1, "KeyError: 'forgotten'. Run it again with --debug to see the traceback."),
    ],
)
def test_an_error_is_one_message_and_the_exit_code_of_its_kind(job, behaviour, code, message):
    ended = job(behaviour=behaviour)

    assert ended.code == code
    assert ended.result["status"] == "failed"
    assert ended.result["error"].startswith(message)
    assert ended.stderr.count(f"error: {message}") == 1
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stderr + json.dumps(ended.result)


def test_an_upload_that_is_pending_comes_with_the_command_that_retries_it(job, tmp_path):
    ended = job("--set", "track.uri=http://me:hush@host:5000", behaviour="upload_fails")

    assert (ended.code, ended.result["upload"]) == (0, "pending")
    retry = (
        f"python jobs/upload.py --config {tmp_path}/toy.yaml --set data.label=upload_fails --set track.uri=http://host"
    )
    assert ended.result["retry"].startswith(retry)
    assert "retry" not in job().result


def test_debug_shows_where_an_error_happened(job):
    ended = job("--debug", behaviour="bug")

    assert "Traceback (most recent call last)" in ended.stderr
    assert 'raise KeyError("forgotten")' in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "train.epohcs=3"], "Unknown key 'train.epohcs'. Did you mean 'epochs'?"),
        (["--set", "train.epochs=many"], "'train.epochs' has a wrong value. Allowed: "),
        (["--set", "train.epochs"], "Override 'train.epochs' cannot be read. Allowed: --set section.key=value."),
        (["--env", "conf/none.yaml"], "Configuration file 'conf/none.yaml' does not exist."),
        (["--epochs", "3"], "Unrecognized arguments: --epochs 3. usage: jobs/toy.py [-h] [--config FILE]"),
        (["--data", "t.csv"], "Give either --config or --data. usage: jobs/toy.py"),
        (["--label", "y"], "--label goes with --data. With --config, give --set data.label=COLUMN."),
    ],
)
def test_a_wrong_configuration_or_usage_is_named(job, arguments, message):
    ended = job(*arguments)

    assert ended.code == 2
    assert ended.result["error"].startswith(message)
    assert f"error: {message}" in ended.stderr


def test_config_is_required(capfd, job):
    assert cli.main("toy", []) == 2
    out, err = capfd.readouterr()
    assert "Give either --config or --data. usage: " in err
    assert json.loads(out)["status"] == "failed"


def test_data_needs_a_label(capfd, job):
    assert cli.main("toy", ["--data", "t.csv"]) == 2
    _, err = capfd.readouterr()
    assert "--data needs --label: the column to predict. Columns that may be it: jobs/init.py --data t.csv lists" in err


def test_stages_are_named_like_their_jobs(repository):
    jobs = {path.stem for path in (repository / "jobs").glob("*.py")}

    assert jobs == set(cli.STAGES) - {"toy"}
