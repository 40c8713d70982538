"""The way to a server, which can be cut and laid to another one, while its address stays the same."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class WayToServer:
    """Forwards connections to the port `target`; with None it hangs up on whoever calls."""

    def __init__(self) -> None:
        self.target: int | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        self.target = None
        for each in list(self._open):
            _close(each)
        self._open.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        _close(self._listener)
        self.cut()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            if self.target is None:
                _close(caller)
                continue
            server = socket.create_connection(("127.0.0.1", self.target))
            self._open |= {caller, server}
            for source, sink in ((caller, server), (server, caller)):
                threading.Thread(target=_forward, args=(source, sink), daemon=True).start()


def _forward(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _close(source)
    _close(sink)


def _close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
