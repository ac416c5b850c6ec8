from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FILE = "third_party/gloo/gloo/transport/tcp/pair.cc"
SOURCE = """#include <netinet/tcp.h>
#include <signal.h>
void Pair::handleEvents(int events) {
  std::unique_lock<std::mutex> lock(m_, std::try_to_lock);
  if (!lock) {
    return;
  }
"""


def patch(repository: Path, folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    file = folder / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    command = [sys.executable, repository / "scripts" / "env" / "horovod" / "patch_gloo.py", folder]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_thread_yields_before_it_gives_up_a_lock(repository: Path, tmp_path: Path) -> None:
    assert patch(repository, tmp_path, SOURCE).returncode == 0
    patched = (tmp_path / FILE).read_text()
    assert "#include <sched.h>\n" in patched
    assert "  if (!lock) {\n    sched_yield();\n    return;\n" in patched


def test_a_source_without_the_place_ends_the_build(repository: Path, tmp_path: Path) -> None:
    done = patch(repository, tmp_path, SOURCE.replace("try_to_lock", "defer_lock"))
    assert done.returncode != 0
    assert "has 0 places like this, instead of one" in done.stderr
