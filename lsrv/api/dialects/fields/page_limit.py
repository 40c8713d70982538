"""How many items of a list a client wants at once. Pure."""

from __future__ import annotations

from lsrv.errors import RequestError


def page_limit(given: str | None, *, default: int, most: int) -> int:
    """`given`: what stands in the query. Raises RequestError."""
    if given is None:
        return default
    if not given.isascii() or not given.isdecimal() or not 1 <= int(given[:9]) <= most:
        raise RequestError(f"limit must be a number from 1 to {most}.", param="limit")
    return int(given)
