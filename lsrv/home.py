"""The user's home folder, which not every process has: containers and services run without HOME. Leaf."""

from __future__ import annotations

from pathlib import Path

_NOWHERE = Path("/nonexistent")  # the home of users without one, by Debian's policy: whoever writes there is told


def home() -> Path | None:
    """The home folder; None where nobody knows it."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def below_home(path: Path) -> Path:
    """A default place, for which other libraries write "~" where they know no home: never a folder of that name."""
    return _NOWHERE / path.relative_to("~") if path.parts[:1] == ("~",) else path


def expanded(text: str) -> Path:
    """`text` as a path, "~" replaced. Where no home is known it stays, and whoever looks for that path tells of it."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)
