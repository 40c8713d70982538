"""Raw bytes to a typed body. Every way in which a body can be wrong ends here as a `RequestError` (400)."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from lsrv.api.http.allowances import mended, most_mended
from lsrv.echo import LINE_CHARS, echo
from lsrv.errors import RequestError

T = TypeVar("T")

# Decoding holds everybody up, in a thread, too (one call into C): 10 MB of ids took 0.15 s, of small messages 1 s.
MAX_COMMAS = 512 * 1024
MAX_QUOTES = 400_000
MAX_DEPTH = 64  # of values that pass through unread, such as template arguments
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1  # what msgpack can carry to the worker

# Escapes in texts, pairs of surrogates as one; what remains of surrogates is alone.
_ESCAPED = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[^u]|u(?![dD][89a-fA-F]))"
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)

_PLACE = re.compile(r"^(?P<what>.*) - at (?:`key` in )?`\$\.?(?P<path>.*)`$", re.DOTALL)


def decode_body(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """`raw` as the decoder's type. Raises RequestError, with `param` where the place is known."""
    check_parts(raw)
    try:
        if not raw.isascii():
            raw.decode()  # msgspec leaves fields it does not know unchecked
        return _decoded(decoder, raw)
    except UnicodeDecodeError as error:
        raise RequestError(f"The body is not UTF-8: byte {error.start} is invalid.") from error
    except RecursionError as error:
        raise RequestError("The body is nested too deeply.") from error
    except msgspec.DecodeError as error:
        raise _explained(error, raw) from error


def check_parts(raw: bytes) -> None:
    """Raises RequestError for JSON of so many parts that decoding it takes long. Counting takes a millisecond or two.

    A text counts with the commas in it: one with so many has more tokens than contexts hold. Its quotes are escaped.
    """
    n_commas = raw.count(b",") if len(raw) > MAX_COMMAS else 0
    n_quotes = raw.count(b'"') - raw.count(b'\\"') if len(raw) > MAX_QUOTES else 0
    if n_commas > MAX_COMMAS:
        raise RequestError(f"The body has {n_commas} commas, and {MAX_COMMAS} are the most; send it in parts.")
    if n_quotes > MAX_QUOTES:
        raise RequestError(
            f"The body has {n_quotes // 2} keys and texts, and {MAX_QUOTES // 2} are the most; send it in parts."
        )


def _decoded(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    for _ in range(most_mended(raw)):
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError as error:
            better = mended(raw, error)
            if better is None:
                raise
            raw = better
    return decoder.decode(raw)


def convert_body(fields: dict[str, object], kind: type[T]) -> T:
    """What `kind` knows of decoded `fields`. Raises RequestError as `decode_body` does."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise _misfit(error) from error


def _explained(error: msgspec.DecodeError, raw: bytes) -> RequestError:
    if raw.startswith(b"\xef\xbb\xbf"):
        return RequestError("The body begins with a byte order mark; JSON must not.")
    if not raw.strip():
        return RequestError("The body is empty; this route needs a JSON object.")
    if not isinstance(error, msgspec.ValidationError):
        return _lone_surrogate(raw) or RequestError(f"The body is not valid JSON: {echo(str(error))}.")
    return _misfit(error)


def _lone_surrogate(raw: bytes) -> RequestError | None:
    """Half of a character, as programs leave it that cut texts by UTF-16: msgspec takes what follows for the rest."""
    for escape in _ESCAPED.finditer(raw):
        if (half := escape["half"]) is not None:
            return RequestError(
                f"The body is not valid JSON: {half.decode()} at byte {escape.start()} is half of a character (a lone "
                "surrogate); leave it out, or send the other half, too."
            )
    return None


def _misfit(error: msgspec.ValidationError) -> RequestError:
    text = echo(str(error), 2 * LINE_CHARS)  # what is wrong, and where
    place = _PLACE.match(text)
    if place is None:
        return RequestError(f"The body does not fit this route: {text}.", param=_named_field(text))
    return RequestError(f"{place['path']}: {place['what']}.", param=place["path"])


def _named_field(text: str) -> str | None:
    """The field in "Object missing required field `x`"."""
    found = re.search(r"field `([^`]+)`", text)
    return found[1] if found else None


def check_plain(value: object, param: str, depth: int = 0) -> None:
    """Refuses what could not travel to a worker. Raises RequestError naming `param`."""
    if depth > MAX_DEPTH:
        raise RequestError(f"{param} is nested more than {MAX_DEPTH} levels deep.", param=param)
    if isinstance(value, dict):
        for item in value.values():
            check_plain(item, param, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_plain(item, param, depth + 1)
    elif isinstance(value, int) and not _MIN_INT <= value <= _MAX_INT:
        raise RequestError(f"{param} holds an integer that does not fit 64 bits.", param=param)
