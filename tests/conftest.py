"""What every test may use: a drawn picture of a partly hidden person, and no network."""
from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from pictures import Picture, draw


@pytest.fixture(scope="session")
def picture() -> Picture:
    return draw()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connecting to anything but this machine fails the test."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test connects to {address}: nothing here needs the network")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)
    monkeypatch.setattr(socket.socket, "connect_ex", local_only)
    yield
