from __future__ import annotations

import configparser
import subprocess
import sys
import zipfile

from pipeline.report.html import render

SHOW = """
import pipeline
import pipeline.config
from pipeline.report.html import render

print(pipeline.__file__)
print(render("page.html", title="<b> & co"), end="")
"""


def test_the_package_is_whole_reproducible_and_can_be_imported(repository):
    made = []
    for _ in range(2):
        done = subprocess.run(
            [repository / "scripts" / "package"], capture_output=True, text=True, timeout=60, check=True
        )
        archive = repository / done.stdout.strip()
        made.append(archive.read_bytes())

    assert made[0] == made[1]
    names = set(zipfile.ZipFile(archive).namelist())
    assert {"pipeline/__init__.py", "pipeline/runtime/log4j2.properties", "pipeline/stages/run.py"} <= names
    assert not any("__pycache__" in name for name in names)
    code = f"import sys; sys.path.insert(0, {str(archive)!r})\n{SHOW}"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=True)
    origin, _, page = found.stdout.partition("\n")
    assert origin.startswith(str(archive))
    assert page == render("page.html", title="<b> & co"), "templates come out of the zip file as well"


def test_every_file_that_the_package_reads_is_in_a_wheel(repository):
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(repository / "setup.cfg")
    patterns = [part.strip() for part in setup["options.package_data"]["*"].split(",")]
    packages = [file.parent for file in (repository / "pipeline").rglob("__init__.py")]

    packed = {file for package in packages for pattern in patterns for file in package.glob(pattern)}
    files = {file for file in (repository / "pipeline").rglob("*") if file.is_file()}
    assert {file for file in files if file.suffix not in (".py", ".pyc", ".md")} - packed == set()
