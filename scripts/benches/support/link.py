"""Two hosts on this machine: networks of their own, joined by a link whose delay and rate are given. Needs root."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

INTERFACE, MTU = "link0", 60_000
SET_INTERFACE, PACKETS_WITHOUT_HEADER = 0x400454CA, 0x1001


class SimulatedHost:
    """A network namespace, in which a thread starts processes."""

    def __init__(self, number: int) -> None:
        """`number` is 0 or 1."""
        self.address = f"10.77.0.{number + 1}"
        self._thread = ThreadPoolExecutor(1)
        self.tunnel = self._thread.submit(self._enter).result()

    def run(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a process on this host."""
        return self._thread.submit(subprocess.Popen, command, text=True, **options).result()

    def _enter(self) -> int:
        """Move this thread, and what it starts, into a namespace; returns the file of its end of the link.

        The host's name resolves to a loopback address, as it does on Debian.
        """
        os.unshare(os.CLONE_NEWNET | os.CLONE_NEWUTS)
        socket.sethostname("localhost")
        tunnel = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tunnel, SET_INTERFACE, struct.pack("16sH22x", INTERFACE.encode(), PACKETS_WITHOUT_HEADER))
        for command in (
            "link set lo up",
            f"addr add {self.address}/24 dev {INTERFACE}",
            f"link set {INTERFACE} mtu {MTU} txqueuelen 5000 up",
        ):
            subprocess.run(["ip", *command.split()], check=True)
        return tunnel


class Link:
    """The wires between two hosts.

    Attributes:
        delay: seconds from one end to the other.
        rate: bytes a second in each direction.
    """

    def __init__(self) -> None:
        """Without delay, at any rate."""
        self.delay, self.rate = 0.0, float("inf")
        self.hosts = (SimulatedHost(0), SimulatedHost(1))
        here, there = (host.tunnel for host in self.hosts)
        for source, target in ((here, there), (there, here)):
            self._forward(source, target)

    def _forward(self, source: int, target: int) -> None:
        packets: deque[tuple[float, bytes]] = deque()
        arrived = threading.Condition()

        def read() -> None:
            idle_at = 0.0
            while True:
                packet = os.read(source, MTU)
                idle_at = max(idle_at, time.monotonic()) + len(packet) / self.rate
                with arrived:
                    packets.append((idle_at + self.delay, packet))
                    arrived.notify()

        def write() -> None:
            while True:
                with arrived:
                    arrived.wait_for(lambda: packets)
                    due, packet = packets.popleft()
                time.sleep(max(0.0, due - time.monotonic()))
                os.write(target, packet)

        for work in (read, write):
            threading.Thread(target=work, daemon=True).start()
