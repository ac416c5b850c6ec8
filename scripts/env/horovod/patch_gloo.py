"""Changes Gloo and its setup by Horovod, in unpacked sources of Horovod; scripts/setup does this before compiling.

python scripts/env/horovod/patch_gloo.py FOLDER

- Gloo's thread for sockets takes the lock of a connection only where it is free, and else returns to epoll, which wakes
  it again at once, because the socket is still ready. So it spins, on a core that the lock's holder may need: with as
  many ranks as cores, an exchange of 30 KB took 5.2 ms, and takes 0.3 ms where the thread yields first.
- While ranks find each other, each listens for the others, and Gloo takes whoever connects first for the rank that it
  waits for. A stranger that connects and leaves ends the process, and one that stays takes a rank's place. With
  HOROVOD_GLOO_SECRET set, the rank that connects sends it first, a connection without it is closed, and the rank goes
  on listening. Without the variable nothing changes.
- Horovod hands HOROVOD_GLOO_IFACE to the connections between all ranks, but not to those of its process sets, of which
  it always has one. These take the address of the host's name: on Debian, that is a loopback address, at which no other
  host is reached; elsewhere it can be another network than the chosen one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TRANSPORT = "third_party/gloo/gloo/transport/tcp"
Change = tuple[str, str]
"""A place in a file, and what stands there afterwards."""

HELPERS = """
// Whether the first bytes of a connection are the secret that the ranks share. They are there when the connection is
// accepted, see TCP_DEFER_ACCEPT, and are so few that they arrive at once.
bool sentSecret(int fd, const std::string& secret) {
  std::vector<char> bytes(secret.size());
  const auto rv = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (rv < 0 || static_cast<size_t>(rv) != secret.size()) {
    return false;
  }
  unsigned char difference = 0;
  for (size_t i = 0; i < secret.size(); i++) {
    difference |= bytes[i] ^ secret[i];
  }
  return difference == 0;
}

} // namespace

Pair::Pair("""
REFUSE = """  rv = accept(fd_, (struct sockaddr*)&addr, &addrlen);

  if (!secret_.empty()) {
    if (rv == -1) {
      return; // it was given up before it was accepted
    }
    if (!sentSecret(rv, secret_)) {
      ::close(rv);
      static std::atomic<int> refused{0};
      if (refused++ < 10) {
        fprintf(
            stderr,
            "Gloo refused a connection from %s, which is none of this job's ranks.\\n",
            Address(addr).str().c_str());
      }
      return;
    }
  }
"""
SEND = """  // Common connection-made code
  handleConnected();
}

void Pair::handleConnected() {"""

CHANGES: Mapping[str, Sequence[Change]] = {
    "horovod/common/gloo/gloo_context.cc": [
        (
            "  attr device_attr;\n  device_attr.iface = gloo_iface_;\n  device_attr.ai_family = AF_UNSPEC;\n"
            "  auto dev = CreateDevice(device_attr);\n\n  global_ctx = ",
            "  attr device_attr;\n  device_attr.iface = global_context.gloo_iface_;\n"
            "  device_attr.ai_family = AF_UNSPEC;\n  auto dev = CreateDevice(device_attr);\n\n  global_ctx = ",
        )
    ],
    f"{TRANSPORT}/pair.h": [("  bool is_client_;\n", "  bool is_client_;\n  std::string secret_;\n")],
    f"{TRANSPORT}/pair.cc": [
        ("#include <netinet/tcp.h>\n", "#include <netinet/tcp.h>\n#include <sched.h>\n"),
        ("#include <signal.h>\n", "#include <signal.h>\n#include <stdio.h>\n"),
        (
            "(m_, std::try_to_lock);\n  if (!lock) {\n    return;\n",
            "(m_, std::try_to_lock);\n  if (!lock) {\n    sched_yield();\n    return;\n",
        ),
        ("\n} // namespace\n\nPair::Pair(", HELPERS),
        (
            "      ex_(nullptr) {\n  listen();\n",
            "      ex_(nullptr) {\n"
            '  if (const char* secret = getenv("HOROVOD_GLOO_SECRET")) {\n    secret_ = secret;\n  }\n'
            "  listen();\n",
        ),
        (
            "  // listen(2) on socket\n",
            "  if (!secret_.empty()) {\n"
            "    // A connection counts once its first bytes are there: the thread that accepts must not wait for\n"
            "    // them, since the other rank's may wait for ours.\n"
            "    int seconds = 60;\n"
            "    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));\n"
            "  }\n\n"
            "  // listen(2) on socket\n",
        ),
        ("  rv = accept(fd_, (struct sockaddr*)&addr, &addrlen);\n", REFUSE),
        (
            SEND,
            "  if (!secret_.empty()) {\n"
            "    // A new connection has room for it.\n"
            "    const auto sent = ::send(fd_, secret_.data(), secret_.size(), MSG_NOSIGNAL);\n"
            "    if (sent < 0 || static_cast<size_t>(sent) != secret_.size()) {\n"
            '      signalException(GLOO_ERROR_MSG("connect ", peer_.str(), ": ", strerror(errno)));\n'
            "      return;\n"
            "    }\n"
            "  }\n\n" + SEND,
        ),
    ],
}


def patched(source: str, changes: Sequence[Change], file: Path) -> str:
    """The source with all changes.

    Raises:
        ValueError: the place of one is not there, or is there twice.
    """
    for before, after in changes:
        if source.count(before) != 1:
            raise ValueError(f"{file} has {source.count(before)} places like this, instead of one:\n{before}")
        source = source.replace(before, after)
    return source


def main() -> None:
    """Patch the files in place, or none of them."""
    files = {Path(sys.argv[1]) / name: changes for name, changes in CHANGES.items()}
    sources = {file: patched(file.read_text(encoding="utf-8"), changes, file) for file, changes in files.items()}
    for file, source in sources.items():
        file.write_text(source, encoding="utf-8")


if __name__ == "__main__":
    main()
