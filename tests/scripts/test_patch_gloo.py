from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = "third_party/gloo/gloo/transport/tcp"
SOURCES = {
    "pair.h": """class Pair {
  bool is_client_;
};
""",
    "pair.cc": """#include <netinet/tcp.h>
#include <signal.h>

} // namespace

Pair::Pair(
      ex_(nullptr) {
  listen();
}

void Pair::listen() {
  // listen(2) on socket
}

void Pair::handleEvents(int events) {
  std::unique_lock<std::mutex> lock(m_, std::try_to_lock);
  if (!lock) {
    return;
  }
}

void Pair::handleListening() {
  rv = accept(fd_, (struct sockaddr*)&addr, &addrlen);

  // Common connection-made code
  handleConnected();
}

void Pair::handleConnecting() {
  // Common connection-made code
  handleConnected();
}

void Pair::handleConnected() {
""",
}


def patch(repository: Path, folder: Path, sources: dict[str, str]) -> subprocess.CompletedProcess[str]:
    (folder / FOLDER).mkdir(parents=True)
    for name, source in sources.items():
        (folder / FOLDER / name).write_text(source)
    command = [sys.executable, repository / "scripts" / "env" / "horovod" / "patch_gloo.py", folder]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_thread_yields_before_it_gives_up_a_lock(repository: Path, tmp_path: Path) -> None:
    assert patch(repository, tmp_path, SOURCES).returncode == 0
    patched = (tmp_path / FOLDER / "pair.cc").read_text()
    assert "#include <sched.h>\n" in patched
    assert "  if (!lock) {\n    sched_yield();\n    return;\n" in patched


def test_who_connects_sends_the_secret_and_who_listens_asks_for_it(repository: Path, tmp_path: Path) -> None:
    assert patch(repository, tmp_path, SOURCES).returncode == 0
    assert "  std::string secret_;\n" in (tmp_path / FOLDER / "pair.h").read_text()
    listening, _, connecting = (tmp_path / FOLDER / "pair.cc").read_text().partition("void Pair::handleConnecting()")
    assert "if (!sentSecret(rv, secret_)) {" in listening
    assert "::send(fd_, secret_" not in listening
    assert "::send(fd_, secret_.data(), secret_.size(), MSG_NOSIGNAL)" in connecting


@pytest.mark.parametrize(("file", "place"), [("pair.cc", "try_to_lock"), ("pair.h", "is_client_")])
def test_a_source_without_the_place_ends_the_build_and_stays_as_it_is(
    repository: Path, tmp_path: Path, file: str, place: str
) -> None:
    done = patch(repository, tmp_path, SOURCES | {file: SOURCES[file].replace(place, "other")})
    assert done.returncode != 0
    assert "has 0 places like this, instead of one" in done.stderr
    assert "secret" not in (tmp_path / FOLDER / "pair.cc").read_text()
