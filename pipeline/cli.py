"""The command line of all jobs: `python jobs/NAME.py --config FILE [--env FILE] [--set a.b=c]... [--debug]`.

`--data FILE --label COLUMN` takes the place of `--config`: the configuration is then drafted from the file.

The last line of standard output is one JSON object; everything else goes to standard error. Exit codes: 0 done,
2 configuration or usage, 3 data, 4 training, 5 environment, 130 and 143 stopped by a signal, 1 anything else.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import shlex
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from pipeline.config import RunConfig, load_config
from pipeline.config.draft import minimal_content
from pipeline.errors import ConfigError, PipelineError, PlatformError, full_disk_error
from pipeline.redact import HIDDEN, is_secret_name, redacted
from pipeline.runtime.logs import configure_logging, safe_text
from pipeline.runtime.quiet import import_quietly, quiet_environment
from pipeline.runtime.signals import Stopped, stop_with_parent, stopping_on_signals
from pipeline.runtime.streams import in_spark_submit, leave_spark_submit_pipe, reserved_standard_output
from pipeline.runtime.terminal import standard_error
from pipeline.schemas.document import Document

STAGES = {
    "run": "pipeline.stages.run:run",
    "prepare": "pipeline.stages.prepare:prepare",
    "train": "pipeline.stages.train:train",
    "evaluate": "pipeline.stages.evaluate:evaluate",
    "score": "pipeline.stages.score:score",
    "crossval": "pipeline.stages.crossval:cross_validate",
    "search": "pipeline.stages.search:search",
    "upload": "pipeline.stages.upload:upload",
    "init": "pipeline.stages.init:init",
    "describe": "pipeline.stages.describe:describe",
}
"""The function of each job, from a RunConfig to a Document; imported when it is called."""

OUTPUTS = {"init": "the file to write (default: conf/NAME.yaml)", "describe": "the page to write"}
"""The jobs that describe a source, which need no label, and what `--output` is of each."""

RESUMED = frozenset({"run", "train", "crossval", "search"})
"""The jobs that resume what a signal interrupted."""

RED = 31
DEBUG_HINT = "Run it again with --debug to see the traceback."
OF_AN_OBJECT_STORE = "AWS Error"
"""A part of Arrow's message when a bucket cannot be reached, or refuses access."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        code: the exit code.
        status: done, failed or stopped.
        content: the fields of the job's result, or `error`.
    """

    code: int
    status: str
    content: dict[str, Any]


def main(stage: str, arguments: Sequence[str] | None = None) -> int:
    """Run a job.

    Args:
        stage: one of STAGES.
        arguments: the command line; None takes this process's.

    Returns:
        The exit code.
    """
    started = time.monotonic()
    if in_spark_submit():
        leave_spark_submit_pipe()
        stop_with_parent()
    with reserved_standard_output() as write_result:
        outcome = _attempt(stage, sys.argv[1:] if arguments is None else list(arguments))
        seconds = round(time.monotonic() - started, 3)
        try:
            write_result(_result_line(stage, outcome, seconds))
        except OSError as error:  # the disk of its file is full, or its reader is gone
            explained = _explained(error)
            _report(f"The result could not be written. {explained}")
            return outcome.code or explained.exit_code
    return outcome.code


def _attempt(stage: str, arguments: list[str]) -> Outcome:
    debug = "--debug" in arguments
    quiet_environment()
    configure_logging(debug)
    try:
        with stopping_on_signals(_abort_java_call), _spark_closed_at_end():
            # Errors are explained before Spark is closed, because the text of a Java error is fetched from Java.
            try:
                return Outcome(0, "done", _run_stage(stage, arguments))
            except Exception as error:
                return _failed(error, debug)
    except Stopped as stopped:
        resumes = "resumes it" if stage in RESUMED else "starts over"
        message = f"{stopped}. The same command {resumes}."
        _report(message)
        return Outcome(stopped.code, "stopped", {"error": message})


def _failed(error: Exception, debug: bool) -> Outcome:
    explained = _explained(error)
    if debug:
        standard_error().line("".join(traceback.format_exception(error)).rstrip())
    _report(str(explained))
    return Outcome(explained.exit_code, "failed", {"error": safe_text(str(explained))})


def _report(message: str) -> None:
    terminal = standard_error()
    terminal.line(f"{terminal.coloured('error:', RED)} {safe_text(message)}")


@contextmanager
def _spark_closed_at_end() -> Iterator[None]:
    try:
        yield
    finally:
        if "pyspark" in sys.modules:
            importlib.import_module("pipeline.runtime.spark").close_session()


def _run_stage(stage: str, arguments: list[str]) -> dict[str, Any]:
    options = _parser(stage).parse_args(arguments)
    config = _config_of(stage, options)
    module, _, function = STAGES[stage].partition(":")
    settings = {name: getattr(options, name) for name in ("output", "force") if hasattr(options, name)}
    result: Document = getattr(import_quietly(module), function)(config, **settings)
    content = result.model_dump(mode="json")
    if content.get("upload") == "pending":
        content["retry"] = shlex.join(["python", "jobs/upload.py", *map(_without_secret, arguments)])
    return content


def _config_of(stage: str, options: argparse.Namespace) -> RunConfig:
    """The configuration of a job: from a file, or drafted from the data."""
    if (options.config is None) == (options.data is None):
        raise ConfigError(f"Give either --config or --data. {_parser(stage).format_usage().strip()}")
    if options.data is None:
        if options.label is not None:
            raise ConfigError("--label goes with --data. With --config, give --set data.label=COLUMN.")
        return load_config(options.config, env=options.env, overrides=options.set)
    if options.label is None and stage not in OUTPUTS:
        raise ConfigError(
            f"--data needs --label: the column to predict. Columns that may be it: jobs/init.py --data {options.data} "
            "lists them."
        )
    content = minimal_content(options.data, options.label or "")
    config = load_config(content, env=options.env, overrides=options.set)
    if stage in OUTPUTS:
        return config
    drafted = import_quietly("pipeline.stages.draft").drafted_content(config, content)
    return load_config(drafted, env=options.env, overrides=options.set)


def _without_secret(argument: str) -> str:
    """An argument as it can be printed; of `--set`, the name of a setting decides whether its value is a secret."""
    name, mark, _ = argument.partition("=")
    return f"{name}={HIDDEN}" if mark and is_secret_name(name) else redacted(argument)


class _Parser(argparse.ArgumentParser):
    """Raises what argparse would print, so that a usage error is reported like any other error."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message[:1].upper()}{message[1:]}. {self.format_usage().strip()}")


def _parser(stage: str) -> argparse.ArgumentParser:
    parser = _Parser(prog=f"jobs/{stage}.py", allow_abbrev=False, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", metavar="FILE", help="the experiment, e.g. conf/bank.yaml")
    parser.add_argument("--data", metavar="FILE", help="a file, folder or pattern, in place of --config")
    parser.add_argument("--label", metavar="COLUMN", help="the column of --data to predict")
    parser.add_argument("--env", metavar="FILE", help="an overlay on it, e.g. conf/env/local.yaml")
    parser.add_argument(
        "--set", action="append", default=[], metavar="A.B=VALUE", help="a setting that overrides both; may be repeated"
    )
    if stage in OUTPUTS:
        parser.add_argument("--output", metavar="FILE", help=OUTPUTS[stage])
    if stage == "init":
        parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    parser.add_argument("--debug", action="store_true", help="log more, and show the traceback of an error")
    return parser


def _abort_java_call() -> None:
    if java_process := sys.modules.get("pipeline.runtime.java_process"):
        java_process.abort_call()


def _explained(error: Exception) -> PipelineError:
    """Translate an error of any library into one that the user can act on."""
    if isinstance(error, PipelineError):
        return error
    if isinstance(error, ImportError):
        return PlatformError(f"{error}, with {sys.executable}. Run ./scripts/setup, then use .venv/bin/python.")
    if isinstance(error, OSError) and OF_AN_OBJECT_STORE in str(error):
        return PlatformError(
            f"The object store failed: {error}. Check that the bucket is there, what its credentials allow, and the "
            "endpoint; then run the same command again."
        )
    if isinstance(error, OSError) and (full := full_disk_error(str(error))):
        return full
    if "pyspark" in sys.modules:
        explain = importlib.import_module("pipeline.runtime.spark_errors").explain_spark_error
        if (explained := explain(error)) is not None:
            return _with_hint(explained) if explained.exit_code == 1 else explained
    return _with_hint(PipelineError(f"{type(error).__name__}: {error}"))


def _with_hint(error: PipelineError) -> PipelineError:
    return PipelineError(f"{str(error).rstrip('.')}. {DEBUG_HINT}")


def _result_line(stage: str, outcome: Outcome, seconds: float) -> str:
    common = {"stage": stage, "status": outcome.status, "seconds": seconds, "run_id": None}
    content = {key: value for key, value in outcome.content.items() if key != "seconds"}
    return json.dumps(_finite({**common, **content}), ensure_ascii=True, allow_nan=False)


def _finite(value: Any) -> Any:
    """The same content, with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
