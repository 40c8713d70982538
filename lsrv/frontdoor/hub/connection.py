"""Requests to one endpoint with one token: where the token may go, what a redirect means, what counts as an answer,
and how much of one is read: whoever answers may be anybody, and may never end.

Uses huggingface_hub's own HTTP session, so proxies and certificates are set up in one place for both. Imports
huggingface_hub (a quarter of a second): import this module only where the network is about to be used.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import msgspec
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status, httpx

from lsrv.echo import echo
from lsrv.frontdoor.hub.patience import PassingError, Patience
from lsrv.frontdoor.hub.repo import BadAnswerError
from lsrv.frontdoor.progress import Cancel

_HUB = "https://huggingface.co"  # mirrors send on to it, and the token is one of its own
_N_REDIRECTS_MAX = 5
_LISTING_BYTES_MAX = 32 * 1024 * 1024  # a hundred thousand files with sizes and hashes
_REFUSAL_BYTES_MAX = 16 * 1024
_ABOUT_BODIES = ("content-length", "content-encoding", "content-type", "transfer-encoding")


class _Refusal(msgspec.Struct):
    """The body of an answer that is an error."""

    error: object = ""


class HubConnection:
    """Any thread may use it."""

    def __init__(self, endpoint: str, token: str | None, patience: Patience) -> None:
        self._trusted = {_origin(endpoint), _origin(_HUB)}
        self._public = build_hf_headers(token=False, library_name="lsrv") | {"accept-encoding": "identity"}
        self._private = build_hf_headers(token=token or False, library_name="lsrv") | {"accept-encoding": "identity"}
        self._timeout = httpx.Timeout(patience.stall_timeout_s, connect=patience.connect_timeout_s)
        self._answer_timeout_s = patience.answer_timeout_s

    def get(self, url: str, params: Mapping[str, str | list[str]], cancel: Cancel) -> bytes:
        """The whole answer. Raises BadAnswerError for one that is too long, BuildCancelledError."""
        query = httpx.QueryParams(dict(params))
        with self.open(f"{url}?{query}" if query else url, {}, cancel) as response:
            data = self._beginning(response, _LISTING_BYTES_MAX + 1, cancel)
        if len(data) > _LISTING_BYTES_MAX:
            raise BadAnswerError(f"a listing of more than {_LISTING_BYTES_MAX} bytes")
        return data

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str], cancel: Cancel) -> Generator[httpx.Response]:
        """A successful answer whose body is still to be read; `response.url` says who gave it in the end.

        Redirects are followed one by one: the token goes to the endpoint and to the Hub, never to a storage host.
        """
        for _ in range(_N_REDIRECTS_MAX):
            known = self._private if _origin(url) in self._trusted else self._public
            with get_session().stream(
                "GET", url, headers={**known, **headers}, follow_redirects=False, timeout=self._timeout
            ) as response:
                if not response.has_redirect_location:
                    self._require_success(response, cancel)
                    yield response
                    return
                url = _redirected(url, response.headers["location"])
        raise httpx.TooManyRedirects(f"more than {_N_REDIRECTS_MAX} redirects, the last one to {urlsplit(url).netloc}")

    def _require_success(self, response: httpx.Response, cancel: Cancel) -> None:
        """Raises what huggingface_hub makes of a refusal, which reads its whole body and believes in its shape; and
        BadAnswerError for what is neither.
        """
        if response.is_success:
            encoding = response.headers.get("content-encoding", "identity")
            if encoding != "identity":
                raise BadAnswerError(f"the encoding {encoding}, which nobody asked for")
            return
        said = _message(self._beginning(response, _REFUSAL_BYTES_MAX, cancel))
        kept = {name: value for name, value in response.headers.items() if name not in _ABOUT_BODIES}
        hf_raise_for_status(
            httpx.Response(response.status_code, headers=kept, json={"error": said}, request=response.request)
        )
        raise BadAnswerError(f"the status {response.status_code}")

    def _beginning(self, response: httpx.Response, n_bytes: int, cancel: Cancel) -> bytes:
        """The body, or so many bytes of it. Raises PassingError when it takes longer than any honest one."""
        end_s = time.monotonic() + self._answer_timeout_s
        found = bytearray()
        for chunk in response.iter_raw():
            cancel.check()
            found += chunk[: n_bytes - len(found)]
            if len(found) == n_bytes:
                break
            if time.monotonic() > end_s:
                raise PassingError(f"{response.url.host} takes more than {self._answer_timeout_s:g} s for an answer")
        return bytes(found)


def _message(body: bytes) -> str:
    """What a refusal says: its "error" where it is JSON, its text where it is text."""
    try:
        return echo(str(msgspec.json.decode(body, type=_Refusal).error))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        return "" if text.startswith("<") else echo(text)


def _redirected(url: str, location: str) -> str:
    """Raises BadAnswerError for what is no address."""
    try:
        found = urljoin(url, location)
        _origin(found)
        httpx.URL(found)
    except (ValueError, httpx.InvalidURL):
        raise BadAnswerError(f"a redirect to {echo(location.partition('?')[0])!r}") from None
    return found


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)
