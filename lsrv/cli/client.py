"""A running server as the command line sees it: JSON requests over one plain HTTP connection."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

import rich_click as click

from lsrv.cli.options import DEFAULT_URL
from lsrv.errors import ConfigError, LsrvError, ServerError

CONNECT_TIMEOUT_S = 5.0
_LOOK_S = 0.1

JsonObject = dict[str, Any]  # a server's answer; every reader checks what it takes out


@dataclass(frozen=True)
class ServerClient:
    """Talks to the lsrv at `url`. Follows no redirects and uses no proxy: the key goes to that server only."""

    url: str
    api_key: str | None

    def get(self, path: str) -> JsonObject:
        """The JSON object at `path`. Raises ServerError with what the server said, or that none answers.

        ConfigError: its config has an error.
        """
        return self._request("GET", path, None)

    def delete(self, path: str) -> JsonObject:
        """Delete what is at `path`. Raises like `get`."""
        return self._request("DELETE", path, None)

    def post(self, path: str, body: JsonObject) -> JsonObject:
        """Send `body` and wait for the answer as long as it takes (a load may take minutes). Raises like `get`."""
        return self._request("POST", path, body)

    def events(self, path: str) -> Iterator[tuple[str, JsonObject]]:
        """The server-sent events at `path`, as (name, data), until the server ends the stream. Raises like `get`."""
        connection = self._connect()
        try:
            connection.request("GET", path, None, self._headers() | {"accept": "text/event-stream"})
            response = connection.getresponse()
            if response.status >= 400:
                _answer(response.status, response.read(), self.url)
            yield from _parsed(response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerError(f"the server at {self.url} broke off: {error}") from error
        finally:
            connection.close()

    def post_events(self, path: str, body: JsonObject) -> Iterator[JsonObject]:
        """Send `body`, and the data of each server-sent event that is an object, until `[DONE]`. Raises like `get`."""
        connection = self._connect()
        try:
            connection.request(
                "POST", path, json.dumps(body).encode(), self._headers() | {"accept": "text/event-stream"}
            )
            response = connection.getresponse()
            if response.status >= 400:
                _answer(response.status, response.read(), self.url)
            for line in response:
                field, _, value = line.decode().rstrip("\r\n").partition(":")
                if field == "data" and value.strip() not in ("", "[DONE]"):
                    yield json.loads(value)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerError(f"the server at {self.url} broke off: {error}") from error
        finally:
            connection.close()

    def wait_until_gone(self) -> None:
        """Return when nothing listens there any more: a server that was told to stop goes on until it is done."""
        parts = _split(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        while True:
            try:
                socket.create_connection((parts.hostname or "", port), CONNECT_TIMEOUT_S).close()
            except OSError:
                return
            time.sleep(_LOOK_S)

    def stream(self, path: str, body: JsonObject) -> Iterator[JsonObject]:
        """The chunks that answer `body`, until "[DONE]". Who stops taking them ends the request. Raises like `get`."""
        connection = self._connect()
        try:
            connection.request("POST", path, json.dumps(body).encode(), self._headers())
            response = connection.getresponse()
            if response.status >= 400:
                _answer(response.status, response.read(), self.url)
            for line in response:
                data = line.decode().strip().removeprefix("data: ")
                if data == "[DONE]":
                    return
                if data.startswith("{"):
                    yield _chunk(json.loads(data))
            raise ServerError(f"the server at {self.url} broke off in the middle of an answer")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerError(f"the server at {self.url} broke off: {error}") from error
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        key = {"authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {"accept": "application/json", "content-type": "application/json"} | key

    def _request(self, method: str, path: str, body: JsonObject | None) -> JsonObject:
        connection = self._connect()
        try:
            payload = None if body is None else json.dumps(body).encode()
            connection.request(method, path, payload, self._headers())
            response = connection.getresponse()
            return _answer(response.status, response.read(), self.url)
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(f"the server at {self.url} broke off: {error}") from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        parts = _split(self.url)
        secure = parts.scheme == "https"
        connection_type = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connection_type(parts.hostname or "", parts.port, timeout=CONNECT_TIMEOUT_S)
        try:
            connection.connect()
        except OSError as error:
            raise ServerError(
                f"no server answers at {self.url} ({error}).\n"
                "Start one with `lsrv from-config`, or name a running one with --url or LSRV_URL."
            ) from error
        connection.sock.settimeout(None)
        return connection


def _chunk(found: JsonObject) -> JsonObject:
    """A chunk of a stream. Raises what went wrong in the middle of it."""
    if "error" in found:
        raise _error(found, 500)
    return found


def _parsed(lines: Iterable[bytes]) -> Iterator[tuple[str, JsonObject]]:
    """Our own server's events: a name and one line of data each; comments are left out."""
    name = ""
    for line in lines:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def _split(url: str) -> SplitResult:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        is_usable = False
    if not is_usable:
        raise click.BadParameter(f"{url!r} is no address; one looks like {DEFAULT_URL}", param_hint="--url")
    return parts


def _answer(status: int, body: bytes, url: str) -> JsonObject:
    try:
        answer: object = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ServerError(f"what answers at {url} is no lsrv: it sent status {status} without a JSON object")
    found = cast("JsonObject", answer)
    if status >= 400:
        raise _error(found, status)
    return found


def _error(answer: JsonObject, status: int) -> LsrvError:
    told = answer.get("error")
    error = cast("JsonObject", told) if isinstance(told, dict) else {}
    message = error.get("message")
    if error.get("code") == ConfigError.code:
        return ConfigError(str(message))
    if status == 401:
        return ServerError(f"{message or 'the server wants a key'} (pass it with --api-key or LSRV_API_KEY)")
    return ServerError(str(message or f"the server answered with status {status}"))
