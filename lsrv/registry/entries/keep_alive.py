"""How long a model stays in memory when nobody uses it: as its settings say, or as the last request asked. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class KeepAlive:
    """Idle time after which an entry is unloaded.

    What a request asks counts from its place in the worker until the next load or such request.
    """

    _asked_s: dict[int, float] = field(default_factory=dict[int, float])  # by tickets that wait for a place
    _present_s: float | None = None

    def arrived(self, ticket: int, keep_alive_s: float | None, least_s: float = 0.0) -> None:
        if keep_alive_s is not None:
            self._asked_s[ticket] = max(keep_alive_s, least_s)

    def granted(self, ticket: int) -> None:
        self._present_s = self._asked_s.pop(ticket, self._present_s)

    def left(self, ticket: int) -> None:
        self._asked_s.pop(ticket, None)

    def loaded(self) -> None:
        self._present_s = None

    def seconds(self, configured_s: float) -> float:
        """Idle time before the unload; math.inf: never."""
        return configured_s if self._present_s is None else self._present_s

    def reason(self, configured_s: float) -> str:
        """Why the model left, for people."""
        whose = "keep_alive" if self._present_s is None else "keep_alive of a request"
        return f"idle for {self.seconds(configured_s):g} s ({whose})"
