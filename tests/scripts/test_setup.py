from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PINS = "pyarrow14 python3.11 python3.12 python3.13"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fast"], "unknown option '--fast'; allowed are --cpu, --gpu, --python, --pins, --venv and --help."),
        (["--python"], "--python needs a value."),
        (["--pins=common"], f"--pins is 'common'; allowed are: {PINS}."),
        (["--pins", "databricks-18"], f"--pins is 'databricks-18'; allowed are: {PINS}."),
        (
            ["--python", "3.10"],
            "--python is '3.10'; allowed are 3.11, 3.12, 3.13, or a program of these that has venv and ensurepip.",
        ),
    ],
)
def test_wrong_options(repository: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    command = [repository / "scripts" / "setup", "--venv", tmp_path / "new", *arguments]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (2, f"setup: {message}\n")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("held", ["thesis.txt", "pyvenv.cfg", "bin/python"])
def test_a_folder_that_setup_has_not_made_is_left_alone(repository: Path, tmp_path: Path, held: str) -> None:
    (tmp_path / held).parent.mkdir(exist_ok=True)
    (tmp_path / held).write_text("precious")
    command = [repository / "scripts" / "setup", "--venv", tmp_path]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    message = "allowed are an environment of its own, a new folder and an empty one."
    assert (done.returncode, done.stderr) == (
        2,
        f"setup: --venv is '{tmp_path}', which scripts/setup has not made; {message}\n",
    )
    assert (tmp_path / held).read_text() == "precious"


def test_pins_of_another_python_are_refused(repository: Path, tmp_path: Path) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = "python3.12" if version != "3.12" else "python3.13"
    command = [repository / "scripts" / "setup", "--venv", tmp_path / "new", "--python", sys.executable, "--pins", pins]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert f"--pins is '{pins}', which is for Python {pins[6:]}, and the Python is {version}" in done.stderr


def test_petastorm_s_own_requirements_stand_in_its_place_without_setuptools(repository: Path) -> None:
    command = [sys.executable, repository / "scripts" / "env" / "requirements.py", "cpu", "dev"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    names = [re.split(r"[^\w-]", line, maxsplit=1)[0] for line in done.stdout.splitlines()]
    assert {"pyspark", "dill", "diskcache", "tensorflow-cpu", "moto"} <= set(names)
    assert not {"petastorm", "setuptools", "torch", "horovod"} & set(names)


STUBS = """
set -euo pipefail
wheels=$1/cache/wheels building=$1/cache/wheels.building.$$ root=. site=. compiler=c++ collectives=gloo horovod=0
pins=python3.13 flavour=cpu
tar() { :; }
python() {
    case "$*" in
        *"pip wheel"*) echo compiled >>"$called"; sleep 1; touch "$building/horovod-0.whl" ;;
    esac
}
called=$1/called
"""


@pytest.mark.skipif(shutil.which("flock") is None, reason="without flock, each checkout compiles")
def test_checkouts_that_share_a_cache_compile_once(repository: Path, tmp_path: Path) -> None:
    """The second waits, and takes the wheel of the first."""
    script = (repository / "scripts" / "setup").read_text(encoding="utf-8")
    function = script[script.index("compile_horovod() {") : script.index("compiling=''")]
    (tmp_path / "two").write_text(f"{STUBS}\n{function}\ncompile_horovod &\nwait $!\n")
    setups = [subprocess.Popen(["bash", tmp_path / "two", tmp_path]) for _ in range(2)]

    assert [setup.wait(60) for setup in setups] == [0, 0]
    assert (tmp_path / "called").read_text() == "compiled\n"
    assert [file.name for file in (tmp_path / "cache" / "wheels").iterdir()] == ["horovod-0.whl"]
