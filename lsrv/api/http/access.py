"""Who may ask: Host, machine, Origin, keys. Decisions over headers and addresses; nothing here sends or waits."""

from __future__ import annotations

import enum
import hmac
import ipaddress
import socket
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from litestar.types import Scope

from lsrv.api.http.errors import ForbiddenError, UnauthorizedError
from lsrv.echo import echo
from lsrv.errors import RequestError

Headers = dict[bytes, bytes]

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# Names that no public DNS can hold, so that no page of the web can have them point here: RFC 6761, RFC 6762, ICANN's
# reservation of 2024. Containers call this machine host.docker.internal and host.containers.internal.
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal")


class Needs(enum.Enum):
    """What a route asks of its callers."""

    NOTHING = "nothing"
    KEY = "key"  # where there are any
    ADMIN_KEY = "admin key"  # where there are any of those; else as KEY


class AccessSettings(Protocol):
    """`lsrv.config`'s ServerSettings, as far as access needs them."""

    @property
    def host(self) -> str: ...
    @property
    def insecure(self) -> bool: ...
    @property
    def api_keys(self) -> tuple[str, ...]: ...
    @property
    def admin_keys(self) -> tuple[str, ...]: ...
    @property
    def cors_origins(self) -> tuple[str, ...]: ...
    @property
    def allowed_hosts(self) -> tuple[str, ...]: ...


class Caller(msgspec.Struct, frozen=True):
    """Where a request comes from, by its own account (host, origin) and by the socket's (addresses)."""

    host: str | None  # the Host header, with its port
    origin: str | None
    client_address: str | None
    server_address: str | None

    @staticmethod
    def of(scope: Scope, headers: Headers) -> Caller:
        client, server = scope.get("client"), scope.get("server")
        return Caller(
            host=_text(headers.get(b"host")),
            origin=_text(headers.get(b"origin")),
            client_address=client[0] if client else None,
            server_address=server[0] if server else None,
        )


class Access:
    """The rules of one server."""

    def __init__(self, settings: AccessSettings) -> None:
        own = {settings.host.lower(), socket.gethostname().lower()}
        self._hosts = _LOCAL_NAMES | own | {host.lower() for host in settings.allowed_hosts}
        self._origins = frozenset(settings.cors_origins)
        self._api_keys = [key.encode() for key in settings.api_keys]
        self._admin_keys = [key.encode() for key in settings.admin_keys]
        self._bind_address = settings.host
        self._is_local_only = not (is_loopback(settings.host) or settings.api_keys or settings.insecure)

    def check_caller(self, caller: Caller) -> None:
        """Raises RequestError or ForbiddenError for a request from the wrong place."""
        self._check_host(caller.host)
        self._check_machine(caller)
        self._check_origin(caller)

    def _check_host(self, host: str | None) -> None:
        """Against DNS rebinding: a name must be known. An IP literal can't be rebound, HTTP/1.0 may send no Host."""
        if host is None:
            return
        name = host_name(host)
        if name is None:
            raise RequestError("The Host header is not a host name.")
        if name not in self._hosts and not name.endswith(_PRIVATE_SUFFIXES) and not _is_address(name):
            raise ForbiddenError(
                f"This server does not answer to the host name {echo(name)!r}. If that is its name, add it to "
                "allowed_hosts under [server] in models.toml."
            )

    def _check_machine(self, caller: Caller) -> None:
        if not self._is_local_only or caller.client_address is None:
            return
        if is_loopback(caller.client_address) or caller.client_address == caller.server_address:
            return
        raise ForbiddenError(
            f"This server listens on {self._bind_address} without api_keys, so it answers its own machine only. "
            "Set api_keys under [server] in models.toml, or insecure = true to answer everybody."
        )

    def trusts(self, caller: Caller) -> bool:
        """Whether `caller`, who passed all checks, is of this machine or has shown a key: a program runs for it."""
        address = caller.client_address
        return bool(self._api_keys) or address is None or is_loopback(address) or address == caller.server_address

    def _check_origin(self, caller: Caller) -> None:
        if caller.origin is None or caller.origin in self._origins:
            return
        if caller.host is not None and caller.origin.partition("://")[2] == caller.host:
            return
        raise ForbiddenError(
            f"Web pages of {echo(caller.origin)!r} may not use this server. If they should, add that origin to "
            "cors_origins under [server] in models.toml."
        )

    def cors_headers(self, caller: Caller) -> list[tuple[bytes, bytes]]:
        """What lets a page of a configured origin read the answer."""
        if not self._origins:
            return []
        headers = [(b"vary", b"origin")]
        if caller.origin in self._origins:
            headers.append((b"access-control-allow-origin", caller.origin.encode("latin-1")))
            headers.append((b"access-control-expose-headers", b"x-request-id, retry-after, x-lsrv-cache"))
        return headers

    def preflight_headers(self, headers: Headers, methods: Iterable[str]) -> list[tuple[bytes, bytes]]:
        """The answer to OPTIONS: any request header may be sent, for none of ours grants anything by itself."""
        asked = headers.get(b"access-control-request-headers", b"authorization, content-type, x-api-key")
        allowed = ", ".join(methods).encode()
        return [
            (b"allow", allowed),
            (b"access-control-allow-methods", allowed),
            (b"access-control-allow-headers", asked[:1024]),
            (b"access-control-max-age", b"600"),
        ]

    def limited_caller(self, headers: Headers, caller: Caller) -> bytes | None:
        """Whose limits a request counts against: its key, else its address; None: nobody's, it has an admin key."""
        key = _key_of(headers)
        if key is not None and _is_one_of(key, self._admin_keys):
            return None
        if self._api_keys and key is not None:
            return b"key " + key
        return b"address " + (caller.client_address or "").encode()

    def check_key(self, headers: Headers, needs: Needs) -> None:
        """Raises UnauthorizedError without a valid key, ForbiddenError for a valid one that may not do this."""
        is_for_admins = needs is Needs.ADMIN_KEY and bool(self._admin_keys)
        if needs is Needs.NOTHING or not (self._api_keys or is_for_admins):
            return
        key = _key_of(headers)
        if key is None:
            raise UnauthorizedError("This server needs a key: send authorization: Bearer KEY, or x-api-key: KEY.")
        if _is_one_of(key, self._admin_keys):
            return
        if not _is_one_of(key, self._api_keys):
            raise UnauthorizedError("The key is not one of this server's.")
        if is_for_admins:
            raise ForbiddenError("Changing models and adapters, and /admin, need one of the admin_keys.")


def is_loopback(address: str) -> bool:
    """Whether `address` is reachable from this machine only; a name other than localhost counts as reachable."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address == "localhost"
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def host_name(host: str) -> str | None:
    """The name in a Host header, lower case, without port and brackets; None if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises ValueError on a port that is none
    except ValueError:
        return None
    return parts.hostname.rstrip(".") if parts.hostname and parts.netloc == host and "@" not in host else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_one_of(key: bytes, keys: list[bytes]) -> bool:
    """Compares with every key in constant time, so that timing tells nothing about any."""
    return sum(hmac.compare_digest(key, known) for known in keys) > 0


def _key_of(headers: Headers) -> bytes | None:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and token.strip():
        return token.strip()
    return headers.get(b"x-api-key") or None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
