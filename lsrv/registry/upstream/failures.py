"""What the answers of a remote server that are no answers mean here: pure functions from values to errors.

| The server                       | Our error                | Towards the client   |
|----------------------------------|--------------------------|----------------------|
| redirects                        | UpstreamError            | 502, with the mend   |
| 401, 403                         | UpstreamError            | 502, names the key   |
| 429                              | UpstreamBusyError        | 429, its Retry-After |
| any other 4xx                    | UpstreamRefusedError     | the same             |
| 503                              | UpstreamUnavailableError | 503, its Retry-After |
| 504                              | UpstreamTimeoutError     | 504                  |
| any other 5xx                    | UpstreamFailedError      | 502                  |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import msgspec

from lsrv.errors import (
    LsrvError,
    PromptTooLongError,
    UpstreamBusyError,
    UpstreamError,
    UpstreamFailedError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

_MAX_MESSAGE_CHARS = 500
_MAX_RETRY_AFTER_S = 3600.0
_TOO_LONG = ("context_length_exceeded", "exceed_context_size_error")  # OpenAI's word; llama-server's type


@dataclass(frozen=True, repr=False)
class Server:
    """Who is spoken of. `key` is here to be kept out of every message."""

    listed_id: str
    base_url: str
    api_key_env: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        return f"the upstream of model '{self.listed_id}' ({self.base_url})"

    def quoted(self, text: str) -> str:
        """What it said, fit for a message: one line, not too long, without the key."""
        text = text.replace(self.key, "…") if self.key else text
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return line if len(line) <= _MAX_MESSAGE_CHARS else line[:_MAX_MESSAGE_CHARS] + "…"


def status_error(server: Server, status: int, headers: Mapping[str, str], body: bytes) -> LsrvError:
    """The error that an answer with `status` (not 2xx) is. `headers` by lower-case name."""
    if 300 <= status < 400:
        return _redirected(server, headers.get("location", ""))
    if status in (401, 403):
        return UpstreamError(_key_message(server, status))
    said = _Said.read(body)
    message = server.quoted(said.message)
    if status == 429:
        return _later(
            headers, UpstreamBusyError(f"{server} has no room for this request: {message or 'try again later'}")
        )
    if 400 <= status < 500:
        return _refused(server, status, said, message)
    if status == 503:
        return _later(headers, UpstreamUnavailableError(f"{server} serves nobody now: {message or 'try again later'}"))
    if status == 504:
        return UpstreamTimeoutError(
            f"{server} waited too long for its own answer (504): {message or 'no reason given'}"
        )
    return UpstreamFailedError(f"{server} failed ({status}): {message or 'no reason given'}")


def event_error(server: Server, error: object) -> LsrvError:
    """The error that is sent inside of an answer (`{"error": …}`) that began well."""
    said = _Said.of(error)
    return UpstreamFailedError(f"{server} broke off: {server.quoted(said.message) or 'no reason given'}")


def nonsense(server: Server, what: str) -> UpstreamError:
    """The error of an answer that does not follow OpenAI's API. `what`: "sent no JSON"."""
    return UpstreamError(f"{server} {what}; check that base_url is that of an OpenAI-compatible server")


@dataclass(frozen=True)
class _Said:
    """What an error body says, as far as it can be read."""

    message: str = ""
    code: str = ""
    param: str | None = None
    n_prompt_tokens: int | None = None  # as lsrv and llama-server tell it
    n_ctx: int | None = None

    @classmethod
    def read(cls, body: bytes) -> _Said:
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return cls()  # an HTML page of something in between
        if not isinstance(value, dict):
            return cls()
        return cls.of(value.get("error", value))

    @classmethod
    def of(cls, error: object) -> _Said:
        """OpenAI's object, a bare text, or what FastAPI ("detail") and others ("message") write."""
        if isinstance(error, str):
            return cls(error)
        if not isinstance(error, dict):
            return cls()
        texts = [error.get(name) for name in ("message", "detail", "error", "code", "type", "param")]
        message, detail, inner, code, kind, param = (text if isinstance(text, str) else "" for text in texts)
        numbers = [error.get(name) for name in ("n_prompt_tokens", "n_ctx")]
        n_prompt_tokens, n_ctx = (number if isinstance(number, int) else None for number in numbers)
        code = kind if kind in _TOO_LONG else code or kind
        return cls(message or detail or inner, code, param or None, n_prompt_tokens, n_ctx)


def _redirected(server: Server, location: str) -> UpstreamError:
    """The query of the new address stays out: it may hold secrets."""
    try:
        parts = urlsplit(urljoin(server.base_url + "/", location))
        where = server.quoted(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")
    except ValueError:
        where = "an address that is none"
    return UpstreamError(
        f"{server} redirects to {where}, and lsrv follows no redirects, for they could lead the key astray: "
        "write the address it is really at into base_url"
    )


def _key_message(server: Server, status: int) -> str:
    if server.api_key_env is None:
        return f"{server} wants a key ({status}): name the variable that holds it with api_key_env"
    return f"{server} refuses our key ({status}): check the variable {server.api_key_env}, which api_key_env names"


def _refused(server: Server, status: int, said: _Said, message: str) -> LsrvError:
    if said.code in _TOO_LONG:
        error = PromptTooLongError(f"{server} refuses the request: {message}", param=said.param)
        numbers = {"n_prompt_tokens": said.n_prompt_tokens, "n_ctx": said.n_ctx}
        error.fields |= {name: number for name, number in numbers.items() if number is not None}
        return error
    if not message:
        message = "it gave no reason; check that base_url ends like its API, in most cases in /v1"
    error = UpstreamRefusedError(f"{server} refuses the request: {message}", param=said.param, status=status)
    if said.code:
        error.fields["upstream_code"] = said.code
    return error


def _later(headers: Mapping[str, str], error: UpstreamError) -> UpstreamError:
    """`error` with when to try again, if the server said so."""
    retry_after_s = _retry_after(headers.get("retry-after", ""))
    if retry_after_s is not None:
        error.fields["retry_after_s"] = retry_after_s
    return error


def _retry_after(text: str) -> float | None:
    """Seconds of a Retry-After; None for a date or nothing."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(seconds, _MAX_RETRY_AFTER_S) if math.isfinite(seconds) and seconds >= 0 else None
