"""Ranks find each other over loopback servers that share a folder, and over one network interface."""

from __future__ import annotations

import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack

import psutil
import pytest

from pipeline.errors import PlatformError
from pipeline.store.filesystem import storage_path
from pipeline.training.rendezvous import (
    MAX_CONNECTIONS,
    MAX_VALUE,
    MAX_WRITES,
    ServerAddress,
    key_value_server,
    rank_environment,
)

SERVER = ServerAddress(5000, "hush:5000")


def ask(server: ServerAddress, path: str, value: bytes | None = None, method: str = "GET") -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/{server.path}{path}", data=value, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def test_what_one_rank_puts_every_rank_of_the_launch_gets_and_no_other_launch(tmp_path):
    launches = [storage_path(str(tmp_path / name)) for name in ("one", "one", "other")]
    with ExitStack() as stack:
        first, second, foreign = (stack.enter_context(key_value_server(launch)) for launch in launches)
        assert ask(first, "/global/0")[0] == 404
        assert ask(first, "/global/0", b"\x00an address\xff", "PUT")[0] == 200
        assert ask(second, "/global/0") == (200, b"\x00an address\xff")
        assert ask(second, "/local_0/0")[0] == 404
        assert ask(foreign, "/global/0")[0] == 404


def test_nobody_gets_out_of_the_folder_or_fills_it(tmp_path):
    (tmp_path / "secret").write_text("hush")
    with key_value_server(storage_path(str(tmp_path / "launch"))) as server:
        for path in ("/../secret", "/secret", "/a/b/c", "/./..", "//", "/%2e%2e/secret", "/..%2fsecret/x"):
            assert ask(server, path)[0] in (400, 404), path
        with socket.create_connection(("127.0.0.1", server.port), 5) as wire:
            wire.sendall(f"PUT /{server.path}/global/0 HTTP/1.0\r\nContent-Length: {MAX_VALUE + 1}\r\n\r\n".encode())
            assert wire.recv(100).split()[1] == b"400"
        assert ask(server, "/global/0")[0] == 404


def test_the_server_answers_nobody_who_does_not_know_its_path(tmp_path):
    launch = storage_path(str(tmp_path))
    with key_value_server(launch) as server, key_value_server(launch) as other:
        assert server.path.partition(":")[0] != other.path.partition(":")[0]
        assert ask(server, "/global/0", b"an address", "PUT")[0] == 200
        for path in ("", other.path, server.path[:-1], "é"):
            stranger = ServerAddress(server.port, urllib.parse.quote(path))
            assert ask(stranger, "/global/0")[0] == 403, path
            assert ask(stranger, "/global/0", b"mine", "PUT")[0] == 403, path
            assert ask(stranger, "/global/1", b"mine", "PUT")[0] == 403, path
            assert ask(stranger, "/global/0", method="DELETE")[0] == 403, path
        assert ask(server, "/global/0") == (200, b"an address")
        assert ask(server, "/global/1")[0] == 404


def test_the_number_of_keys_is_bounded(tmp_path):
    with key_value_server(storage_path(str(tmp_path))) as server:
        answers = [ask(server, f"/global/{key}", b"x", "PUT")[0] for key in range(MAX_WRITES + 2)]
    assert answers == [200] * MAX_WRITES + [400] * 2


def test_connections_that_say_nothing_take_no_more_than_their_share(tmp_path, capfd):
    with key_value_server(storage_path(str(tmp_path))) as server, ExitStack() as silent:
        before = threading.active_count()
        wires = [
            silent.enter_context(socket.create_connection(("127.0.0.1", server.port), 5))
            for _ in range(MAX_CONNECTIONS + 8)
        ]
        wires[-1].settimeout(5)
        assert wires[-1].recv(1) == b""  # closed at once
        assert threading.active_count() - before <= MAX_CONNECTIONS
        wires[0].sendall(b"GET /x HTTP/1.0\r\n\r\n")
        wires[0].close()
        for wire in wires[1:]:
            wire.close()
        end = time.monotonic() + 5
        while threading.active_count() > before and time.monotonic() < end:
            time.sleep(0.01)
        assert ask(server, "/global/0")[0] == 404
    assert capfd.readouterr().err == ""


def test_the_server_listens_on_the_loopback_interface_alone_and_is_gone_afterwards(tmp_path):
    with key_value_server(storage_path(str(tmp_path))) as server:
        port = server.port
        found = [c for c in psutil.Process().net_connections("inet") if c.status == "LISTEN" and c.laddr.port == port]
        assert [connection.laddr.ip for connection in found] == ["127.0.0.1"]
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
        pass


def test_ranks_of_one_host_talk_over_the_loopback_interface(monkeypatch):
    monkeypatch.delenv("HOROVOD_GLOO_IFACE", raising=False)
    told = rank_environment(["any.name", "any.name"], 1, SERVER, 90.0, "known")
    loopback = next(
        name for name, found in psutil.net_if_addrs().items() if any(e.address == "127.0.0.1" for e in found)
    )
    assert told["HOROVOD_GLOO_IFACE"] == loopback
    assert (told["HOROVOD_RANK"], told["HOROVOD_LOCAL_RANK"], told["HOROVOD_CROSS_SIZE"]) == ("1", "1", "1")
    assert (told["HOROVOD_GLOO_SECRET"], told["HOROVOD_GLOO_TIMEOUT_SECONDS"]) == ("known", "90")
    # Horovod's own way to put the parts together
    address = f"http://{told['HOROVOD_GLOO_RENDEZVOUS_ADDR']}:{told['HOROVOD_GLOO_RENDEZVOUS_PORT']}/global/0"
    assert address == f"http://127.0.0.1:{SERVER.port}/{SERVER.path}/global/0"


def test_hosts_without_a_network_in_common_are_refused(monkeypatch):
    monkeypatch.delenv("HOROVOD_GLOO_IFACE", raising=False)
    message = (
        r"on 2 hosts \(127\.0\.0\.1, 10\.0\.0\.2\), but '127\.0\.0\.1' .* no other host can reach. Set SPARK_LOCAL_IP"
    )
    with pytest.raises(PlatformError, match=message):
        rank_environment(["127.0.0.1", "10.0.0.2"], 0, SERVER, 90.0, "known")


def test_a_host_whose_name_nobody_knows_is_refused(monkeypatch):
    monkeypatch.delenv("HOROVOD_GLOO_IFACE", raising=False)
    with pytest.raises(PlatformError, match=r"The name 'nowhere\.invalid', by which Spark knows this host, cannot be"):
        rank_environment(["10.0.0.2", "nowhere.invalid"], 1, SERVER, 90.0, "known")


def test_an_address_of_no_interface_leaves_the_choice_to_gloo(monkeypatch):
    monkeypatch.delenv("HOROVOD_GLOO_IFACE", raising=False)
    assert "HOROVOD_GLOO_IFACE" not in rank_environment(["192.0.2.7", "192.0.2.8"], 0, SERVER, 90.0, "known")
    monkeypatch.setenv("HOROVOD_GLOO_IFACE", "eth7")
    assert rank_environment(["192.0.2.7", "192.0.2.8"], 0, SERVER, 90.0, "known")["HOROVOD_GLOO_IFACE"] == "eth7"
