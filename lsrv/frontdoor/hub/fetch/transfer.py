"""The bytes of one file from the Hub into its part: several connections, each failure retried, all of it cancellable.

1. The gaps of the part are cut into segments, and connections take them in order.
2. A broken connection goes on at its segment's next byte; only failures in a row without a new byte count.
3. A server that answers from byte 0 whatever was asked (it knows no Range, or the file is another one by now) gets one
   connection, and the file begins anew.
4. The calling thread hashes what has arrived, reports, and watches for a cancel.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lsrv.errors import BuildCancelledError, FetchError
from lsrv.frontdoor.hub import Backoff, Hub, HubRepo, PassingError
from lsrv.frontdoor.hub.fetch.checksum import Checksum
from lsrv.frontdoor.hub.fetch.part import Part, Segment
from lsrv.frontdoor.hub.fetch.spans import segments
from lsrv.frontdoor.progress import Cancel

if TYPE_CHECKING:
    from lsrv.frontdoor.hub.body import HubBody

_TICK_S = 0.25
_FAREWELL_S = 2.0  # for connections to notice that they were broken off


@dataclass(frozen=True)
class TransferLimits:
    """One connection rarely fills a fast line to a distant host; more than a few are no faster, and less polite."""

    n_connections: int = 4
    segment_bytes: int = 32 * 1024 * 1024
    n_retries: int = 8  # a minute without network is no reason to end a download of hours


class UnrangedError(Exception):
    """The server sent the file from its beginning where a later part was asked for."""


class Transfer:
    """One file. `run` once; it returns with every byte in the part and hashed as far as possible."""

    def __init__(self, hub: Hub, repo: HubRepo, part: Part, limits: TransferLimits) -> None:
        self._hub = hub
        self._repo = repo
        self._part = part
        self._limits = limits
        self._url: str | None = None  # of the storage host, once the Hub has sent us there

    def run(self, checksum: Checksum, on_bytes: Callable[[int], None], cancel: Cancel) -> None:
        """`on_bytes(n_held)` a few times a second. Raises FetchError, OSError (the disk), BuildCancelledError."""
        spans = segments(self._part.missing(), self._limits.segment_bytes)
        try:
            _Crew(self._receive, [self._part.begin(span) for span in spans], self._limits.n_connections).run(
                lambda: self._tick(checksum, on_bytes), cancel
            )
        except UnrangedError:
            self._part.restart()
            whole = self._part.begin((0, self._part.file.size_bytes))
            _Crew(self._receive, [whole], 1).run(lambda: self._tick(checksum, on_bytes), cancel)

    def _tick(self, checksum: Checksum, on_bytes: Callable[[int], None]) -> None:
        on_bytes(self._part.n_held)
        checksum.advance()

    def _receive(self, segment: Segment, member: _Member) -> None:
        """Fill a segment; raises like `run`, and UnrangedError."""
        backoff = Backoff(replace(self._hub.patience, n_retries=self._limits.n_retries), member.stop)
        n_best = 0
        while segment.n_missing:
            try:
                self._receive_once(segment, member)
            except PassingError as error:
                if segment.n_done > n_best:
                    n_best = segment.n_done
                    backoff.reset()
                backoff.wait(error)

    def _receive_once(self, segment: Segment, member: _Member) -> None:
        url = self._url
        try:
            with self._hub.open_file(
                self._repo, self._part.file, segment.position, segment.end, url=url, validator=self._part.validator
            ) as body:
                self._accept(body, segment)
                member.receive(body, lambda chunk: self._keep(segment, chunk))
        except PassingError:
            raise
        except FetchError:
            if url is None:
                raise
            self._url = None  # a signed address ends after a while: ask the Hub for a new one
            return
        if segment.n_missing:
            raise PassingError(
                f"{self._hub.endpoint} broke off while sending {self._part.file.name}; "
                f"{self._part.n_held} of {self._part.file.size_bytes} bytes are kept, ask again"
            )

    def _accept(self, body: HubBody, segment: Segment) -> None:
        """Check that the body is of the file and place we want, and remember who sent it."""
        file = self._part.file
        if body.file_size_bytes not in (None, file.size_bytes):
            server = body.url.partition("?")[0]
            raise FetchError(
                f"{file.name} of {self._repo.repo_id} has {body.file_size_bytes} bytes at {server}, but the Hub's "
                f"listing says {file.size_bytes}: a proxy or mirror is wrong, or it changed just now; ask again"
            )
        if body.first_byte != segment.position:
            if body.first_byte != 0 or (segment.first, segment.end) != (0, file.size_bytes):
                raise UnrangedError
            self._part.rewind(segment)
        self._part.note_validator(body.validator)
        self._url = body.url if body.url != self._hub.file_url(self._repo, file) else None

    def _keep(self, segment: Segment, chunk: bytes) -> bool:
        """Write what belongs to the segment; False once the server sends more than that."""
        wanted = chunk[: segment.n_missing]
        self._part.append(segment, wanted)
        return len(wanted) == len(chunk)


class _Member:
    """What one connection's thread and the calling thread share."""

    def __init__(self, stop: Cancel) -> None:
        self.stop = stop
        self._body: HubBody | None = None

    def receive(self, body: HubBody, keep: Callable[[bytes], bool]) -> None:
        """Every chunk of the body, until there is no more, `keep` says no, or the crew stops."""
        self._body = body
        try:
            for chunk in body.chunks():
                self.stop.check()
                if not keep(chunk):
                    return
        finally:
            self._body = None

    def break_off(self) -> None:
        """Have the transfer wait for bytes no longer. For another thread to call."""
        body = self._body
        if body is not None:
            body.break_off()


class _Crew:
    """Threads that fill segments; the first failure stops all."""

    def __init__(self, receive: Callable[[Segment, _Member], None], work: list[Segment], n_connections: int) -> None:
        self._receive = receive
        self._work = deque(work)
        self._stop = Cancel()
        self._changed = threading.Event()
        self._failure: Exception | None = None
        self._members = [_Member(self._stop) for _ in range(min(n_connections, len(work)))]
        self._threads = [
            threading.Thread(target=self._labour, args=(each,), name="lsrv-fetch", daemon=True)
            for each in self._members
        ]

    def run(self, tick: Callable[[], None], cancel: Cancel) -> None:
        """Fill all segments. `tick` runs here a few times a second. Raises the first failure."""
        for thread in self._threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in self._threads) and self._failure is None:
                self._changed.wait(_TICK_S)
                self._changed.clear()
                cancel.check()
                tick()
        finally:
            self._end()
        if self._failure is not None:
            raise self._failure
        tick()

    def _end(self) -> None:
        """Nobody waits for the network after this. A thread that is still connecting finds the part closed."""
        self._stop.set()
        for member in self._members:
            member.break_off()
        for thread in self._threads:
            thread.join(_FAREWELL_S)

    def _labour(self, member: _Member) -> None:
        try:
            while not self._stop.is_set and (segment := self._next()) is not None:
                self._receive(segment, member)
        except BuildCancelledError:
            pass  # we were told to stop; whoever told us knows why
        except Exception as error:  # noqa: BLE001  # raised again in the thread that waits for us
            self._failure = self._failure or error
        finally:
            self._changed.set()

    def _next(self) -> Segment | None:
        try:
            return self._work.popleft()
        except IndexError:
            return None
