"""How the ranks of one world find each other.

Gloo, below Horovod, asks a key-value server for the addresses of the other ranks. Every rank runs its own server, which
listens on the loopback interface alone and keeps its keys as files in the launch's folder, which all ranks share and no
other launch uses. So nothing listens on the network but Gloo itself, no port has to be passed between ranks, a
straggler of an earlier launch finds nobody, and Horovod's own servers, which have open CVEs, are never started.

The server answers only below a path that no other process knows, and ends once its rank has joined: Gloo asks nothing
afterwards. Gloo's own ports are open as long. Horovod as scripts/setup compiles it takes connections only from ranks
that send the launch's secret first (`scripts/env/horovod/patch_gloo.py`).
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

import psutil

from pipeline.errors import PlatformError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath

LOOPBACK = "127.0.0.1"
MAX_VALUE = 1 << 20
"""The most bytes of a value; an address takes a few dozen."""
MAX_WRITES = 64
"""The most keys that are written through one server; its rank writes six."""
MAX_CONNECTIONS = 64
"""The most connections at the same time; its rank opens one after the other."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerAddress:
    """Where a rank reaches its key-value server.

    Attributes:
        port: on the loopback interface.
        path: the secret first part of every path.
    """

    port: int
    path: str


@contextmanager
def key_value_server(folder: StoragePath) -> Iterator[ServerAddress]:
    """Serve the keys that are files in `folder`, to whoever has the address that is yielded."""
    server = _Server(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="rendezvous", daemon=True)
    thread.start()
    try:
        yield server.address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, folder: StoragePath) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.folder, self.writes = folder, 0
        port = int(self.server_address[1])
        # Horovod puts its own `:port` behind the address that it is given, see `rank_environment`.
        self.address = ServerAddress(port, f"{secrets.token_hex(16)}:{port}")
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, unless there are too many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Called in that thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever connects may leave at any moment, which would print a traceback each."""
        logger.debug("A request to the key-value server failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """GET, PUT and DELETE of /secret/scope/key."""

    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        file = self._key_file()
        if file is None:
            return
        try:
            self._answer(200, files.read_bytes(file))
        except FileNotFoundError:
            self._answer(404)

    def do_PUT(self) -> None:
        file, length = self._key_file(), self.headers.get("Content-Length", "")
        if file is None:
            return
        self.server.writes += 1
        if not length.isdecimal() or int(length) > MAX_VALUE or self.server.writes > MAX_WRITES:
            self._answer(400)
            return
        files.write_atomically(file, self.rfile.read(int(length)))
        self._answer(200)

    def do_DELETE(self) -> None:
        """Acknowledged only: a rank is leaving, and the keys are removed with the folder."""
        if self._key_file() is not None:
            self._answer(200)

    def _key_file(self) -> StoragePath | None:
        """The key's file; the request is answered where its path names none."""
        secret, *parts = self.path.split("/")[1:] or [""]
        if not hmac.compare_digest(secret.encode(), self.server.address.path.encode()):
            self._answer(403)
            return None
        names = [quote(name, safe="") for name in parts]
        if len(names) != 2 or any(name.strip(".") == "" for name in names):
            self._answer(400)
            return None
        return self.server.folder.child(*names)

    def _answer(self, status: int, content: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: every rank sends several requests."""


def rank_environment(
    hosts: Sequence[str], rank: int, server: ServerAddress, timeout_seconds: float, secret: str
) -> dict[str, str]:
    """Horovod's variables for one rank.

    Args:
        hosts: the host of every rank; ranks of one host stand together.
        rank: this one.
        server: its key-value server.
        timeout_seconds: how long Gloo waits for another rank.
        secret: by which the ranks of this launch know each other, the same for all.

    Raises:
        PlatformError: the hosts have no network in common.
    """
    host = hosts[rank]
    names = list(dict.fromkeys(hosts))
    local = {name: [r for r, h in enumerate(hosts) if h == name] for name in names}
    local_rank = local[host].index(rank)
    peers = [name for name in names if len(local[name]) > local_rank]
    interface = _interface(names, host)
    return {
        "HOROVOD_RANK": str(rank),
        "HOROVOD_SIZE": str(len(hosts)),
        "HOROVOD_LOCAL_RANK": str(local_rank),
        "HOROVOD_LOCAL_SIZE": str(len(local[host])),
        "HOROVOD_CROSS_RANK": str(peers.index(host)),
        "HOROVOD_CROSS_SIZE": str(len(peers)),
        "HOROVOD_HOSTNAME": host,
        # Horovod asks for `http://ADDR:PORT/scope/key`: so this address holds the port and the path, and the port that
        # is put behind it ends the path.
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": f"{LOOPBACK}:{server.port}/{server.path.partition(':')[0]}",
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(server.port),
        "HOROVOD_GLOO_SECRET": secret,
        "HOROVOD_GLOO_TIMEOUT_SECONDS": str(round(timeout_seconds)),
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
        **({"HOROVOD_GLOO_IFACE": interface} if interface else {}),
    }


def _interface(hosts: Sequence[str], host: str) -> str | None:
    """The network interface with the address by which Spark knows this host; loopback where there is one host only.

    None where none of the interfaces has that address, such as behind address translation: then Gloo uses the address
    of the host's name.
    """
    if given := os.environ.get("HOROVOD_GLOO_IFACE"):
        return given
    address = LOOPBACK if len(hosts) == 1 else _resolved(host)
    if len(hosts) > 1 and ip_address(address).is_loopback:
        raise PlatformError(
            f"The ranks run on {len(hosts)} hosts ({', '.join(hosts)}), but '{host}' is known to Spark as {address}, "
            "which no other host can reach. Set SPARK_LOCAL_IP on it to its address in the network of the others."
        )
    for name, addresses in psutil.net_if_addrs().items():
        if any(entry.address.partition("%")[0] == address for entry in addresses):
            return name
    return None


def _resolved(host: str) -> str:
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]).partition("%")[0]
    except OSError as error:
        raise PlatformError(
            f"The name '{host}', by which Spark knows this host, cannot be resolved here: {error}. Set SPARK_LOCAL_IP "
            "to the host's address."
        ) from error
