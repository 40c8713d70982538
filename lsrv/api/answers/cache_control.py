"""What a request's headers let the response cache do."""

from __future__ import annotations

from collections.abc import Iterable

from lsrv.serving.sources import CacheUse


def cache_use(headers: Iterable[tuple[bytes, bytes]]) -> CacheUse:
    """What `cache-control` says (RFC 9111, 5.2.1)."""
    directives = b",".join(value for name, value in headers if name == b"cache-control").lower()
    if b"no-store" in directives:
        return "off"
    return "renew" if b"no-cache" in directives else "read"
