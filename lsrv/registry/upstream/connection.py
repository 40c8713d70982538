"""HTTP to one remote server, and the only place that knows httpx's errors. Redirects are never followed.

Importing httpx takes a while: import this module only where there is an upstream.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2 as httpx
import msgspec

from lsrv.config import UpstreamSettings
from lsrv.errors import UpstreamFailedError, UpstreamTimeoutError
from lsrv.registry.upstream.failures import Server, nonsense, status_error

_CONNECT_TIMEOUT_S = 10.0
_KEEP_ALIVE_S = 4.0  # uvicorn and Node.js close idle connections after 5 s: a request must not run into that
_MAX_KEPT_ALIVE = 32
_MAX_ERROR_BYTES = 64 * 1024  # read of the body of an error

_encode = msgspec.json.Encoder().encode


class UpstreamResponse:
    """A successful answer whose body is still to be read."""

    def __init__(self, server: Server, timeout_s: float, response: httpx.Response) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._response = response

    @property
    def content_type(self) -> str:
        """The content type without parameters, in lower case; "" where the server says none."""
        return self._response.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises UpstreamFailedError, UpstreamTimeoutError."""
        with _translated(self._server, self._timeout_s):
            async for chunk in self._response.aiter_bytes():
                yield chunk

    async def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises UpstreamError if it is longer than `max_bytes`."""
        parts: list[bytes] = []
        n_bytes = 0
        async for chunk in self.chunks():
            n_bytes += len(chunk)
            if n_bytes > max_bytes:
                raise nonsense(self._server, f"sent more than {max_bytes} bytes")
            parts.append(chunk)
        return b"".join(parts)


class UpstreamConnection:
    """A pool of connections that are kept alive."""

    def __init__(self, server: Server, settings: UpstreamSettings) -> None:
        self._server = server
        self._timeout_s = settings.timeout_s
        headers = {"accept-encoding": "identity", "content-type": "application/json"} | dict(settings.headers)
        if server.key is not None:
            headers["authorization"] = f"Bearer {server.key}"
        patience_s = None if math.isinf(settings.timeout_s) else settings.timeout_s
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(patience_s, connect=min(_CONNECT_TIMEOUT_S, settings.timeout_s), pool=None),
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=_MAX_KEPT_ALIVE, keepalive_expiry=_KEEP_ALIVE_S
            ),
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # requests of many clients share no session
        )

    @contextlib.asynccontextmanager
    async def post(self, path: str, body: object) -> AsyncGenerator[UpstreamResponse]:
        """The answer to `body` as JSON at `path` below base_url. Leaving the block early cancels the request there.

        Raises the errors of `failures`.
        """
        async with contextlib.AsyncExitStack() as stack:
            with _translated(self._server, self._timeout_s):
                response = await stack.enter_async_context(
                    self._client.stream("POST", f"{self._server.base_url}/{path}", content=_encode(body))
                )
                if not response.is_success:
                    raise await self._error(response)
            yield UpstreamResponse(self._server, self._timeout_s, response)

    async def close(self) -> None:
        await self._client.aclose()

    async def _error(self, response: httpx.Response) -> Exception:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MAX_ERROR_BYTES:
                break
        return status_error(self._server, response.status_code, response.headers, bytes(body))


@contextlib.contextmanager
def _translated(server: Server, timeout_s: float) -> Generator[None]:
    """httpx's errors as ours."""
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise UpstreamTimeoutError(
            f"{server} did not take the connection in time; check base_url, and the network"
        ) from error
    except httpx.TimeoutException as error:
        raise UpstreamTimeoutError(
            f"{server} was silent for {timeout_s:g} s; raise `timeout` under [models.upstream] if it needs longer"
        ) from error
    except httpx.ConnectError as error:
        reason = server.quoted(str(error)) or type(error).__name__
        raise UpstreamFailedError(
            f"{server} can't be reached ({reason}); check base_url, and that it is running"
        ) from error
    except httpx.HTTPError as error:
        reason = server.quoted(str(error)) or type(error).__name__
        raise UpstreamFailedError(f"{server} broke the connection ({reason}); try again") from error
