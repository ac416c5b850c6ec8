"""Settings for spark-submit, which no other user can read.

Every user of a machine sees the command lines of all processes, and `spark.conf` may hold keys of object stores. So
settings are handed over in a file of this user's, which is removed once Java has read it.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.store.filesystem import storage_path
from pipeline.store.private import write_private

IN_KEYS, IN_VALUES = re.compile(r"[\\:=#! \t\f]"), re.compile(r"\\")
LINE_BREAKS = str.maketrans({"\n": "\\n", "\r": "\\r"})


@contextmanager
def submit_arguments(settings: Mapping[str, str]) -> Iterator[str]:
    """The value of PYSPARK_SUBMIT_ARGS with which Java starts with `settings`; it must have started within the block.

    The user's own arguments follow, and so take precedence, as they do over `--conf`. Their own `--properties-file`
    replaces ours: what Java need not know when it starts then reaches it with the context.
    """
    with TemporaryDirectory(prefix="pipeline-spark-") as folder:
        file = Path(folder, "spark.properties")
        write_private(storage_path(str(file)), properties_text(settings).encode())
        ours = f"--properties-file {shlex.quote(str(file))} --load-spark-defaults"
        yield f"{ours} {os.environ.get('PYSPARK_SUBMIT_ARGS', 'pyspark-shell')}"


def properties_text(settings: Mapping[str, str]) -> str:
    """Settings as a properties file of Java, which reads back every character but white space around a value."""
    return "".join(f"{_escaped(key, IN_KEYS)}={_escaped(value, IN_VALUES)}\n" for key, value in settings.items())


def _escaped(text: str, special: re.Pattern[str]) -> str:
    return special.sub(r"\\\g<0>", text).translate(LINE_BREAKS)
