"""Processes that need TensorFlow and Horovod, forked from one that has imported both and used neither.

An import costs more than most tests of ranks compute. A process that has used TensorFlow has threads, which a fork
loses: so it is not the process of the tests that is forked.

python -m tests.support.forks
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from pipeline.exchange.build import build_library

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}


@dataclass(frozen=True)
class Call:
    """What a fork does.

    Attributes:
        target: a function, as MODULE:FUNCTION.
        arguments: its arguments.
        output: the file that gets all that the fork writes to stdout and stderr.
    """

    target: str
    arguments: tuple[str, ...]
    output: str


class ForkServer:
    """Forks on request; started by the first one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        atexit.register(self.close)

    def run(self, calls: Sequence[Call], *, seconds: float) -> list[int]:
        """Run all calls at once, each in a fork of its own, in the environment of this process; returns exit codes.

        After so many seconds those that still run are killed.
        """
        request = {
            "calls": [asdict(call) for call in calls],
            "environment": {**os.environ, **QUIET},
            "seconds": seconds,
        }
        process = self._process or self._start()
        answer = ""
        try:
            print(json.dumps(request), file=process.stdin, flush=True)
            answer = process.stdout.readline()
        finally:
            if not answer:  # interrupted, by a test's own limit for example: forks may still run
                self.close()
        return json.loads(answer)

    def close(self) -> None:
        """Kill the server and all its forks."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.support.forks"]
        environment = {**os.environ, **QUIET}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, env=environment, stdin=pipe, stdout=pipe, text=True, start_new_session=True
        )
        return self._process


SERVER = ForkServer()


def main() -> None:
    """Answer requests until there are no more."""
    build_library()
    import horovod.tensorflow  # noqa: F401 (imported once, before all forks)
    import keras  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        forks = [fork(Call(**call), request["environment"]) for call in request["calls"]]
        print(json.dumps(await_all(forks, request["seconds"])), flush=True)  # noqa: T201


def fork(call: Call, environment: Mapping[str, str]) -> int:
    """Start a call; returns its process."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        with Path(call.output).open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os.environ.clear()
        os.environ.update(environment)
        module, _, name = call.target.partition(":")
        getattr(import_module(module), name)(*call.arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # Libraries' threads can hold a process up for ever when it ends in the usual way; ranks on Spark do not end so.
        sys.stdout.flush()
        os._exit(code)


def await_all(processes: Sequence[int], seconds: float) -> list[int]:
    """Their exit codes, in order."""
    end, codes = time.monotonic() + seconds, dict.fromkeys(processes)
    while None in codes.values():
        for process in [process for process, code in codes.items() if code is None]:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                codes[process] = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)
    return [*codes.values()]


if __name__ == "__main__":
    main()
