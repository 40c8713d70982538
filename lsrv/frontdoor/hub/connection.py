"""Requests to one endpoint with one token: where the token may go, what a redirect means, what counts as an answer.

Uses huggingface_hub's own HTTP session, so proxies and certificates are set up in one place for both. Imports
huggingface_hub (a quarter of a second): import this module only where the network is about to be used.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status, httpx

from lsrv.frontdoor.hub.patience import Patience

_HUB = "https://huggingface.co"  # mirrors send on to it, and the token is one of its own
_N_REDIRECTS_MAX = 5


class HubConnection:
    """Any thread may use it."""

    def __init__(self, endpoint: str, token: str | None, patience: Patience) -> None:
        self._trusted = {_origin(endpoint), _origin(_HUB)}
        self._public = build_hf_headers(token=False, library_name="lsrv") | {"accept-encoding": "identity"}
        self._private = build_hf_headers(token=token or False, library_name="lsrv") | {"accept-encoding": "identity"}
        self._timeout = httpx.Timeout(patience.stall_timeout_s, connect=patience.connect_timeout_s)

    def get(self, url: str, params: Mapping[str, str | list[str]]) -> bytes:
        """The whole answer."""
        query = httpx.QueryParams(dict(params))
        with self.open(f"{url}?{query}" if query else url, {}) as response:
            return response.read()

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str]) -> Generator[httpx.Response]:
        """A successful answer whose body is still to be read; `response.url` says who gave it in the end.

        Redirects are followed one by one: the token goes to the endpoint and to the Hub, never to a storage host.
        """
        for _ in range(_N_REDIRECTS_MAX):
            known = self._private if _origin(url) in self._trusted else self._public
            with get_session().stream(
                "GET", url, headers={**known, **headers}, follow_redirects=False, timeout=self._timeout
            ) as response:
                if not response.has_redirect_location:
                    hf_raise_for_status(response)
                    yield response
                    return
                url = urljoin(url, response.headers["location"])
        raise httpx.TooManyRedirects(f"more than {_N_REDIRECTS_MAX} redirects, the last one to {urlsplit(url).netloc}")


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)
