from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PAIR, HEADER = (f"third_party/gloo/gloo/transport/tcp/pair.{ending}" for ending in ("cc", "h"))
CONTEXT = "horovod/common/gloo/gloo_context.cc"
SOURCES = {
    CONTEXT: """void GlooContext::Initialize(const std::string& gloo_iface) {
  gloo_iface_ = gloo_iface;
  attr device_attr;
  device_attr.iface = gloo_iface_;

  device_attr.ai_family = AF_UNSPEC;
  auto dev = CreateDevice(device_attr);
}

void GlooContext::InitializeForProcessSet(const GlooContext& global_context) {
  attr device_attr;
  device_attr.iface = gloo_iface_;
  device_attr.ai_family = AF_UNSPEC;
  auto dev = CreateDevice(device_attr);

  global_ctx = global_context.ctx;
}
""",
    HEADER: """class Pair {
  bool is_client_;
};
""",
    PAIR: """#include <netinet/tcp.h>
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
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)
    command = [sys.executable, repository / "scripts" / "env" / "horovod" / "patch_gloo.py", folder]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_thread_yields_before_it_gives_up_a_lock(repository: Path, tmp_path: Path) -> None:
    assert patch(repository, tmp_path, SOURCES).returncode == 0
    patched = (tmp_path / PAIR).read_text()
    assert "#include <sched.h>\n" in patched
    assert "  if (!lock) {\n    sched_yield();\n    return;\n" in patched


def test_who_connects_sends_the_secret_and_who_listens_asks_for_it(repository: Path, tmp_path: Path) -> None:
    assert patch(repository, tmp_path, SOURCES).returncode == 0
    assert "  std::string secret_;\n" in (tmp_path / HEADER).read_text()
    listening, _, connecting = (tmp_path / PAIR).read_text().partition("void Pair::handleConnecting()")
    assert "if (!sentSecret(rv, secret_)) {" in listening
    assert "::send(fd_, secret_" not in listening
    assert "::send(fd_, secret_.data(), secret_.size(), MSG_NOSIGNAL)" in connecting


def test_process_sets_take_the_interface_of_all_ranks(repository: Path, tmp_path: Path) -> None:
    assert patch(repository, tmp_path, SOURCES).returncode == 0
    of_all, _, of_set = (tmp_path / CONTEXT).read_text().partition("InitializeForProcessSet")
    assert "device_attr.iface = gloo_iface_;" in of_all
    assert "device_attr.iface = global_context.gloo_iface_;" in of_set


@pytest.mark.parametrize(("file", "place"), [(PAIR, "try_to_lock"), (HEADER, "is_client_"), (CONTEXT, "global_ctx")])
def test_a_source_without_the_place_ends_the_build_and_stays_as_it_is(
    repository: Path, tmp_path: Path, file: str, place: str
) -> None:
    done = patch(repository, tmp_path, SOURCES | {file: SOURCES[file].replace(place, "other")})
    assert done.returncode != 0
    assert "has 0 places like this, instead of one" in done.stderr
    assert "secret" not in (tmp_path / PAIR).read_text()
