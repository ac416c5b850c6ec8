"""Jobs as processes of their own, as users start them: what they print, how they end, what they leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.toy import CONFIG

PYTHON = Path(sys.executable)
TOY = [sys.executable, "-m", "tests.support.toy"]


@pytest.fixture
def command(tmp_path):
    """The arguments of a toy job that behaves in some way."""
    config = tmp_path / "toy.yaml"
    config.write_text(CONFIG)
    return lambda behaviour: ["--config", str(config), "--set", f"data.label={behaviour}"]


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run(arguments, cwd=cwd, env=env, capture_output=True, text=True, timeout=200, check=False)


def result_of(stdout: str) -> dict:
    return json.loads(stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).resolve().parents[2] / "jobs").glob("*.py")), ids=lambda p: p.stem
)
def test_jobs_are_thin(path):
    assert len(path.read_text().splitlines()) <= 40


def test_a_job_s_script_reports_a_missing_configuration(repository):
    done = run(sys.executable, "jobs/run.py", "--config", "conf/none.yaml", cwd=repository)

    assert done.returncode == 2
    message = "Configuration file 'conf/none.yaml' does not exist. Give --config or --env an existing file."
    assert done.stderr == f"error: {message}\n"
    assert result_of(done.stdout)["error"] == message


def test_wrong_java_is_an_environment_problem(repository, tmp_path, command):
    if (PYTHON.parent / "java").exists():
        pytest.skip("there is a Java beside this Python")
    program = tmp_path / "old" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'openjdk version \"11.0.22\"' >&2\n")
    program.chmod(0o755)

    done = run(*TOY, *command("spark_count"), cwd=repository, PATH="", JAVA_HOME=str(program.parents[1]))

    assert done.returncode == 5
    assert f"Allowed: version 17 or 21, in JAVA_HOME or on PATH. Received: {program} is Java 11." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.spark
@pytest.mark.slow
def test_a_job_on_spark_is_quiet(repository, command):
    done = run(*TOY, *command("spark_count"), cwd=repository)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert result_of(done.stdout)["status"] == "done"
    told = [line for line in done.stderr.splitlines() if line[9:25] != "INFO  progress: " and "printed by" not in line]
    assert [line[9:] for line in told] == ["INFO  pipeline.toy: at work"], "no start-up noise"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="stands for a full disk")
def test_a_result_on_a_full_disk(repository, command):
    with open("/dev/full", "wb") as full:
        output = {"stdout": full, "stderr": subprocess.PIPE, "text": True}
        done = subprocess.run([*TOY, *command("ok")], cwd=repository, timeout=60, check=False, **output)

    assert done.returncode == 5
    message = "There is no room on the disk: [Errno 28] No space left on device: '/dev/full'. Make room there"
    assert f"error: The result could not be written. {message}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.spark
@pytest.mark.slow
def test_a_java_process_that_is_killed_is_one_message(repository, command):
    done = run(*TOY, *command("spark_killed"), cwd=repository)

    assert done.returncode == 5
    lines = [line for line in done.stderr.splitlines() if "progress: " not in line and "printed by" not in line]
    assert lines[-1].startswith("error: The connection to Spark's Java process was lost: it was killed, or ran out of")
    assert [line[9:] for line in lines[:-1]] == ["INFO  pipeline.toy: at work"]


@pytest.mark.spark
@pytest.mark.slow
def test_too_few_slots(repository, command):
    done = run(*TOY, *command("spark_slots"), cwd=repository)

    cores = max(os.cpu_count() or 1, 2)
    message = (
        f"train.workers is 9, but the Spark master 'local[{cores}]' has {cores} task slots. Lower train.workers, or "
        "set spark.master: local[9] (--set spark.master=local[9], or spark-submit --master local[9])."
    )
    assert done.returncode == 5
    assert result_of(done.stdout)["error"] == message
    assert done.stderr.endswith(f"error: {message}\n")


@pytest.mark.spark
@pytest.mark.slow
def test_spark_submit(repository, tmp_path, command):
    script = repository / "tests" / "support" / "toy.py"
    submit = [str(PYTHON.parent / "spark-submit"), "--master", "local[2]", str(script)]
    # Only what a user's shell has after activating the environment.
    environment = {"PATH": f"{PYTHON.parent}:{os.environ['PATH']}", "PYTHONPATH": str(repository)}

    done = run(*submit, *command("spark_path"), cwd=repository, **environment)

    assert done.returncode == 3
    assert result_of(done.stdout)["error"].startswith("Spark cannot work with the data: [PATH_NOT_FOUND]")
    assert len(done.stdout.splitlines()) == 1, "logs do not follow Python's output through spark-submit"
    assert "error: Spark cannot work with the data" in done.stderr
    assert "INFO SparkContext" not in done.stderr


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_the_job_and_leaves_no_process(repository, command, number, code):
    process = subprocess.Popen(
        [*TOY, *command("spark_sleep")], cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if "of 2 tasks" in line:
            break
    family = psutil.Process(process.pid).children(recursive=True)
    assert any("java" in child.name() for child in family)
    start = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)

    assert time.monotonic() - start < 15, "well before the hard end"
    assert process.returncode == code
    message = f"Stopped by {signal.Signals(number).name}. The same command starts over."
    assert result_of(out) == result_of(out) | {"status": "stopped", "error": message}
    assert err.endswith(f"error: {message}\n")
    _, left = psutil.wait_procs(family, timeout=10)
    assert left == []
