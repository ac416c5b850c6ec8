from __future__ import annotations

import subprocess
import sys
import zipfile


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
    code = "import pipeline, pipeline.config; print(pipeline.__file__)"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(archive)!r}); {code}"]
    found = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.startswith(str(archive))
