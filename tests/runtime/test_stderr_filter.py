from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from pipeline.runtime.stderr_filter import MAX_LINE, filtered_standard_error, is_noise, open_filtered_pipe

NOISE = [
    "WARNING: Using incubator modules: jdk.incubator.vector",
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795225708.278841   11544 port.cc:153] oneDNN custom operations are on.",
    "I1121 01:02:03.456789   11544 cpu_feature_guard.cc:227] This TensorFlow binary is optimized.",
    "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow.",
    "\tat org.apache.spark.deploy.SparkSubmit$$anon$2.doSubmit(SparkSubmit.scala:1132)",
    "\t... 12 more",
]
NEWS = [
    "W0000 00:00:1795225708.278841   11544 cuda.cc:1] no kernel image",
    "E0000 00:00:1795225708.278841   11544 cuda.cc:1] out of memory",
    "java.lang.OutOfMemoryError: Java heap space",
    "12:00:00 WARN  spark TaskSetManager: Lost task 0.0",
    "looked at the data (twice)",
    "",
]


@pytest.mark.parametrize("line", NOISE)
def test_noise_is_known(line):
    assert is_noise(line)


@pytest.mark.parametrize("line", NEWS)
def test_all_else_is_news(line):
    assert not is_noise(line)


def test_a_child_s_output_comes_through_the_filter(capfd):
    pipe = open_filtered_pipe()
    subprocess.run([sys.executable, "-c", f"print({NOISE[0]!r}); print('kept')"], stdout=pipe, check=True)
    os.close(pipe)

    seen, end = "", time.monotonic() + 10
    while "kept" not in seen and time.monotonic() < end:
        time.sleep(0.05)
        seen += capfd.readouterr().err
    assert seen == "kept\n"


def test_control_characters_of_others_reach_no_terminal(capfd):
    with filtered_standard_error("[rank 0] "):
        os.write(2, b"\x1b[2Ja\x1b]0;title\x07b\r12:00:00 ERROR forged\x9b1m http://me:hush@host/x\nnext\r\n")
    assert capfd.readouterr().err == (
        "[rank 0] \\x1b[2Ja\\x1b]0;title\\x07b\\x0d12:00:00 ERROR forged\ufffd1m http://host/x\n[rank 0] next\n"
    )


def test_a_line_without_end_takes_no_more_than_its_share(capfd):
    with filtered_standard_error():
        os.write(2, b"x" * (MAX_LINE + 10))
    assert capfd.readouterr().err == f"{'x' * MAX_LINE}\n{'x' * 10}\n"


def test_our_own_native_output_is_filtered_meanwhile(capfd):
    with filtered_standard_error():
        os.write(2, f"{NOISE[2]}\nnative news\nwith no end".encode())
    os.write(2, f"{NOISE[2]}\n".encode())

    assert capfd.readouterr().err == f"native news\nwith no end\n{NOISE[2]}\n"


def test_standard_error_is_given_back_after_an_error(capfd):
    with pytest.raises(ZeroDivisionError), filtered_standard_error():
        _ = 1 / 0
    os.write(2, b"still here\n")

    assert capfd.readouterr().err == "still here\n"


@pytest.mark.slow
def test_tensorflow_is_imported_in_silence_and_warns_aloud():
    code = """
from pipeline.runtime.quiet import import_quietly
tf = import_quietly("tensorflow")
tf.reduce_sum(tf.ones((2, 2)))
tf.get_logger().warning("a real warning")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)

    assert [line for line in done.stderr.splitlines() if "a real warning" not in line] == []
    assert "a real warning" in done.stderr
