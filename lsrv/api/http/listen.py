"""Sockets to listen on, and how many of them this process may have."""

from __future__ import annotations

import errno
import resource
import socket

from lsrv.errors import ConfigError

MAX_OPEN_FILES = 65536
_ALL = (int(socket.AF_INET6), "::")
_LOOPBACK = (int(socket.AF_INET), "127.0.0.1"), (int(socket.AF_INET6), "::1")
_N_TRIES = 8  # to find a port that is free at all addresses, where any will do
_RESERVED_FILES = 256  # workers' pipes, logs, weights


def bind(host: str, port: int) -> list[socket.socket]:
    """One socket per address of `host`, all on the same port. Raises ConfigError if that can't be had.

    "::" is all addresses, those of IPv4 included, whatever the system makes of it: each family has its own socket, so
    that clients are known by their addresses as they are. "localhost" is both loopbacks, of which clients take either.
    """
    for n_left in reversed(range(_N_TRIES if port == 0 else 1)):
        try:
            return _bound(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not n_left:
                raise _explained(error, host, port) from error
    raise AssertionError  # the last try has returned or raised


def _bound(host: str, port: int) -> list[socket.socket]:
    """The same in one try. Raises OSError; no socket is left open then."""
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            listener = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            chosen_port = sockets[0].getsockname()[1] if len(sockets) > 1 else port  # port 0: the first one chooses
            listener.bind((address, chosen_port))
            listener.listen(2048)
            listener.setblocking(False)
    except OSError:
        for listener in sockets:
            listener.close()
        raise
    return sockets


def _addresses(host: str, port: int) -> list[tuple[int, str]]:
    if host.lower() == "localhost":  # whatever this machine's hosts file says of it
        return [each for each in _LOOPBACK if _is_here(*each)]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found)
    if _ALL in addresses and _has_ipv4():
        addresses[(socket.AF_INET, "0.0.0.0")] = None
    return list(addresses)


def _has_ipv4() -> bool:
    return _is_here(socket.AF_INET, "0.0.0.0")


def _is_here(family: int, address: str) -> bool:
    """Whether this machine has that address: a kernel may be without a family, a container without IPv6."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _explained(error: OSError, host: str, port: int) -> ConfigError:
    match error.errno:
        case errno.EADDRINUSE:
            reason = f"Port {port} on {host} is in use; stop the program that has it, or choose another port."
        case errno.EACCES:
            reason = f"Port {port} needs privileges; choose one above 1023."
        case _:
            reason = f"Can't listen on {host}:{port}: {error.strerror or error}; check host and port under [server]."
    return ConfigError(reason, param="server.port")


def raise_file_limit() -> int:
    """Lift the soft limit of open files as far as is allowed and useful; returns how many connections fit below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    limit = wanted if soft == resource.RLIM_INFINITY else soft
    return max(64, limit - _RESERVED_FILES)
