"""[models.upstream]: a remote server that answers for an entry."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from lsrv.config.table import Seconds, Table, checked, shown

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a header's name: RFC 9110, 5.6.2
# What the connection itself writes.
_OWN_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)


def _url(text: str) -> str:
    """`text` without a slash at its end; a bare host gets the /v1 that OpenAI's API begins with."""
    if not _is_address(text):
        raise ValueError(f'{shown(text)} is no address of a server; write one such as "https://api.example.com/v1"')
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise ValueError("holds a user or a password; name a variable that holds the key with api_key_env")
    if "?" in text or "#" in text:
        raise ValueError(f"{shown(text)} has a query or a fragment; leave it out")
    return text.rstrip("/") if parts.path.strip("/") else text.rstrip("/") + "/v1"


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_whole and text.isascii() and text.isprintable() and " " not in text


def _headers_problem(headers: dict[str, str]) -> str | None:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            return f"{shown(name)} can't be the name of a header; write letters, digits and hyphens"
        if name.lower() in _OWN_HEADERS:
            return f'"{name}" is written by lsrv itself; remove it'
        if not (value.isascii() and value.isprintable()):
            return f'the value of "{name}" has characters that a header can\'t carry; write printable ASCII'
    return None


class UpstreamSettings(Table):
    """A remote server that answers for this entry."""

    base_url: Annotated[str, AfterValidator(_url)] = Field(
        description='An OpenAI-compatible server, such as "https://api.example.com/v1".'
    )
    model: str | None = Field(default=None, min_length=1, description="What that server calls the model, if otherwise.")
    api_key_env: str | None = Field(default=None, min_length=1, description="The variable that holds its API key.")
    headers: Annotated[dict[str, str], AfterValidator(checked(_headers_problem))] = Field(
        default={}, repr=False, description="Further headers of each request to it."
    )
    timeout_s: Seconds = Field(
        default=60.0, gt=0, alias="timeout", description="How long it may be silent before a request fails."
    )
    max_concurrency: int = Field(default=0, ge=0, description="Requests to it at once; 0: any number.")
    owned_by: str = Field(default="openai", min_length=1, description="`owned_by` in /v1/models.")
