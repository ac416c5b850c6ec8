"""Ranks find each other over loopback servers that share a folder, and over one network interface."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from contextlib import ExitStack

import psutil
import pytest

from pipeline.errors import PlatformError
from pipeline.store.filesystem import storage_path
from pipeline.training.rendezvous import MAX_VALUE, key_value_server, rank_environment


def ask(port: int, path: str, value: bytes | None = None, method: str = "GET") -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=value, method=method)
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
    with key_value_server(storage_path(str(tmp_path / "launch"))) as port:
        for path in ("/../secret", "/secret", "/a/b/c", "/./..", "//", "/%2e%2e/secret", "/..%2fsecret/x"):
            assert ask(port, path)[0] in (400, 404), path
        with socket.create_connection(("127.0.0.1", port), 5) as wire:
            wire.sendall(f"PUT /global/0 HTTP/1.0\r\nContent-Length: {MAX_VALUE + 1}\r\n\r\n".encode())
            assert wire.recv(100).split()[1] == b"400"
        assert ask(port, "/global/0")[0] == 404


def test_the_server_listens_on_the_loopback_interface_alone_and_is_gone_afterwards(tmp_path):
    with key_value_server(storage_path(str(tmp_path))) as port:
        found = [c for c in psutil.Process().net_connections("inet") if c.status == "LISTEN" and c.laddr.port == port]
        assert [connection.laddr.ip for connection in found] == ["127.0.0.1"]
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
        pass


def test_ranks_of_one_host_talk_over_the_loopback_interface(monkeypatch):
    monkeypatch.delenv("HOROVOD_GLOO_IFACE", raising=False)
    told = rank_environment(["any.name", "any.name"], 1, 5000, 90.0)
    loopback = next(
        name for name, found in psutil.net_if_addrs().items() if any(e.address == "127.0.0.1" for e in found)
    )
    assert told["HOROVOD_GLOO_IFACE"] == loopback
    assert (told["HOROVOD_RANK"], told["HOROVOD_LOCAL_RANK"], told["HOROVOD_CROSS_SIZE"]) == ("1", "1", "1")
    assert (told["HOROVOD_GLOO_RENDEZVOUS_ADDR"], told["HOROVOD_GLOO_TIMEOUT_SECONDS"]) == ("127.0.0.1", "90")


def test_hosts_without_a_network_in_common_are_refused(monkeypatch):
    monkeypatch.delenv("HOROVOD_GLOO_IFACE", raising=False)
    message = (
        r"on 2 hosts \(127\.0\.0\.1, 10\.0\.0\.2\), but '127\.0\.0\.1' .* no other host can reach. Set SPARK_LOCAL_IP"
    )
    with pytest.raises(PlatformError, match=message):
        rank_environment(["127.0.0.1", "10.0.0.2"], 0, 5000, 90.0)


def test_a_host_whose_name_nobody_knows_is_refused(monkeypatch):
    monkeypatch.delenv("HOROVOD_GLOO_IFACE", raising=False)
    with pytest.raises(PlatformError, match=r"The name 'nowhere\.invalid', by which Spark knows this host, cannot be"):
        rank_environment(["10.0.0.2", "nowhere.invalid"], 1, 5000, 90.0)


def test_an_address_of_no_interface_leaves_the_choice_to_gloo(monkeypatch):
    monkeypatch.delenv("HOROVOD_GLOO_IFACE", raising=False)
    assert "HOROVOD_GLOO_IFACE" not in rank_environment(["192.0.2.7", "192.0.2.8"], 0, 5000, 90.0)
    monkeypatch.setenv("HOROVOD_GLOO_IFACE", "eth7")
    assert rank_environment(["192.0.2.7", "192.0.2.8"], 0, 5000, 90.0)["HOROVOD_GLOO_IFACE"] == "eth7"
