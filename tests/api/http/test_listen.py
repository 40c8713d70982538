"""Which addresses a host means."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from lsrv.api.http.listen import bind
from lsrv.config import ServerSettings


@contextmanager
def bound(host: str) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(each) for each in bind(host, 0)]


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_all_addresses_of_ipv6_are_those_of_ipv4_too_on_one_port() -> None:
    with bound("::") as listeners:
        addresses = {each.getsockname()[:2] for each in listeners}
        port = listeners[0].getsockname()[1]
        assert addresses == {("::", port), ("0.0.0.0", port)}
        for client in ("127.0.0.1", "::1"):
            socket.create_connection((client, port), timeout=10).close()


def test_an_address_means_itself() -> None:
    with bound("127.0.0.1") as (listener,):
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_localhost_is_both_loopbacks_on_one_port() -> None:
    with bound("localhost") as listeners:
        addresses = [each.getsockname()[:2] for each in listeners]
        port = addresses[0][1]
        assert addresses == [("127.0.0.1", port), ("::1", port)]


def test_who_says_nothing_is_served_at_localhost() -> None:
    assert ServerSettings().host == "localhost"
