"""Pictures and sound in bodies: taken out of the texts they stand among, which get a mark in their place. Pure."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from msgspec.structs import replace

from lsrv.echo import echo
from lsrv.errors import RequestError, UnsupportedCapabilityError
from lsrv.protocol.commands import Generate, MediaFile, Tokenize

Asking = TypeVar("Asking", Generate, Tokenize)

MAX_FILES = 64
LLAMA_SERVERS_MARKER = "<__media__>"
# One for this process: no client can know it, so that what a text spells out is text. Who reads it out of a rendered
# prompt can spoil but a request of its own.
MARKER = f"<__media_{secrets.token_hex(12)}__>"


@dataclass(slots=True)
class Gathering:
    """The media of one request, in the order in which their marks stand in its texts."""

    files: list[MediaFile] = field(default_factory=list[MediaFile])

    def add(self, data: bytes, place: str) -> str:
        """What stands for it in a text. Raises RequestError."""
        if not data:
            raise RequestError(f"{place} is empty; send the bytes of a picture or a sound.", param=place)
        if len(self.files) == MAX_FILES:
            raise RequestError(f"{place}: {MAX_FILES} pictures and sounds are the most in one request.", param=place)
        self.files.append(MediaFile(data, place))
        return MARKER

    def add_base64(self, text: str, place: str) -> str:
        """The same of bytes in base64; line breaks in it are passed over."""
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise RequestError(f"{place} is no base64 of a picture or a sound.", param=place) from None
        return self.add(data, place)

    def add_url(self, url: str, place: str) -> str:
        """The same of a data URI (RFC 2397). This server fetches nothing: other addresses are refused."""
        scheme, _, rest = url.partition(":")
        if scheme.lower() != "data":
            raise UnsupportedCapabilityError(
                f"{place}: this server fetches no pictures ({echo(url)}); send it inside the request: "
                "data:image/png;base64,…",
                param=place,
            )
        head, comma, data = rest.partition(",")
        if not comma:
            raise RequestError(f"{place} is no data URI; send data:image/png;base64,…", param=place)
        if head.lower().endswith(";base64"):
            return self.add_base64(unquote_to_bytes(data).decode("latin-1"), place)
        return self.add(unquote_to_bytes(data), place)

    def put_into(self, command: Asking) -> Asking:
        """`command` with what was gathered."""
        return replace(command, media=self.files, media_marker=MARKER) if self.files else command


def shown_marker(text: str) -> str:
    """A rendered prompt with llama-server's mark for ours, which is for nobody to know."""
    return text.replace(MARKER, LLAMA_SERVERS_MARKER)
