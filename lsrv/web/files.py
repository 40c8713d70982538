"""Files of the page as values: bytes, plain and compressed, their type and a tag of what is in them. Read once each."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain",
}

# A model's answer is a stranger's text: nothing runs or is fetched but what this server itself serves, nothing is
# sent elsewhere, and text becomes elements in one place alone, DOMPurify (`trusted-types`).
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types dompurify"
)
PAGE_HEADERS = {
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",  # asked again each time, and answered with 304: a new version is never half an old one
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """`gzipped`: the same compressed. `tag`: of what is in it, for an ETag."""

    body: bytes
    gzipped: bytes
    media_type: str
    tag: str


@cache
def file_names() -> frozenset[str]:
    """All there is, by paths below `static`."""
    return frozenset(path.relative_to(_FOLDER).as_posix() for path in _FOLDER.rglob("*") if path.suffix in _MEDIA_TYPES)


@cache
def page_file(name: str) -> PageFile:
    """One of `file_names`."""
    path = _FOLDER / name
    body = path.read_bytes()
    return PageFile(
        body=body,
        gzipped=gzip.compress(body, 9, mtime=0),
        media_type=_MEDIA_TYPES[path.suffix],
        tag=hashlib.sha256(body).hexdigest()[:20],
    )
