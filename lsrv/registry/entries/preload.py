"""What became of the load that the settings ask for with `preload`. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Preload:
    """`is_wanted`: it goes on, and no operator asked for that load. `has_ended`: well, badly, or given up.

    `gave_up`: why it ended without a load though nothing is broken, until the model is loaded after all.
    """

    is_wanted: bool = False
    has_ended: bool = False
    gave_up: str = ""

    def begin(self) -> None:
        """The settings ask for the load."""
        self.is_wanted, self.has_ended, self.gave_up = True, False, ""

    def end(self, gave_up: str = "") -> None:
        """It is over."""
        self.is_wanted, self.has_ended, self.gave_up = False, True, gave_up
