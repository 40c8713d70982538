"""Weights that lsrv made itself, in its own cache: found again by what they were made from and how.

`weights/KEY/` holds one GGUF and `made.json`, which says where it came from; KEY is a hash of source and recipe. A
folder appears whole or not at all, so that whatever has no `.part` at its end can be served.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lsrv.errors import BuildError, WeightsNotFoundError
from lsrv.frontdoor.gguf.header import GgufHeader, read_header
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress, ignore_progress
from lsrv.frontdoor.store.atomic import SUFFIX, partial_folder
from lsrv.frontdoor.store.own_cache import if_nobody_makes, own_cache, sole_maker
from lsrv.home import expanded

_NOTE = "made.json"
_N_KEY_CHARS = 16
_AS_IT_IS = "source"  # the recipe of what was converted only

_log = logging.getLogger(__name__)


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How weights were made. Another recipe is another file; what is no part of it (threads, versions) changes none."""

    quantization: str  # as llama.cpp names it: "Q4_K_M"; or that it was converted only
    imatrix: str | None = None  # `source_key` of the importance matrix
    converter: int | None = None  # version of lsrv's converter; None: the source was a GGUF

    @property
    def is_conversion(self) -> bool:
        """Whether the result is as precise as its source."""
        return self.quantization == _AS_IT_IS


def conversion(converter: int) -> Recipe:
    """The recipe of what is converted and not quantized."""
    return Recipe(quantization=_AS_IT_IS, converter=converter)


class _Note(msgspec.Struct, frozen=True, kw_only=True):
    """`made.json`. Fields as in `StoredWeights`."""

    file: str
    origin: str
    source_key: str
    recipe: Recipe
    size_bytes: int
    quantization: str
    tensor_bytes: dict[str, int]
    created: int


@dataclass(frozen=True)
class StoredWeights:
    """A GGUF that lsrv made."""

    key: str  # its name for people and programs
    path: Path
    origin: str  # for people: "owner/name@main (safetensors)", "file /models/a.gguf"
    source_key: str
    recipe: Recipe
    size_bytes: int
    quantization: str  # read back from the file
    tensor_bytes: dict[str, int]  # bytes by type of tensor, as GgufHeader.tensor_bytes: what it really is made of
    created: int  # Unix time


class Store:
    """The made weights below `folder` (None: `own_cache()/weights`). All methods block; any thread, any process."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or own_cache() / "weights"

    def get(self, source_key: str, recipe: Recipe) -> StoredWeights | None:
        """What was made of that source by that recipe; None if it is not there."""
        return self._read(self._place(source_key, recipe))

    def make(
        self,
        source_key: str,
        recipe: Recipe,
        write: Callable[[Path], object],
        *,
        name: str,
        origin: str,
        on_progress: OnBuildProgress = ignore_progress,
        cancel: Cancel | None = None,
    ) -> StoredWeights:
        """`get`, else have `write` make the GGUF at the path it is given, and keep it as `name`.gguf.

        Of several callers in any process one makes it, the others wait and find it. Whatever `write` raises passes
        through and leaves nothing, and so does BuildCancelledError; a result that is no sound GGUF is a
        CorruptWeightsError. After a SIGKILL a partial folder stays until the next `sweep`.
        """
        place = self._place(source_key, recipe)
        file = f"{_as_file_name(name)}.gguf"
        with sole_maker(place, cancel, lambda: on_progress(BuildProgress("look", f"{file}, made by another process"))):
            if (found := self._read(place)) is not None:
                return found
            self.sweep()
            with partial_folder(place) as folder:
                write(folder / file)
                note = _note(file, origin, source_key, recipe, read_header(folder / file))
                (folder / _NOTE).write_bytes(msgspec.json.format(msgspec.json.encode(note)))
        return _stored(place, note)

    def entries(self) -> list[StoredWeights]:
        """All weights that were made, newest first."""
        places = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        found = [stored for place in places if (stored := self._read(place)) is not None]
        return sorted(found, key=lambda stored: -stored.created)

    def find(self, name: str) -> list[StoredWeights]:
        """Weights that `name` means: a key or its beginning, a path, a file name, or the name without `.gguf`."""
        path = expanded(name).absolute()
        return [
            stored
            for stored in self.entries()
            if (len(name) >= 4 and stored.key.startswith(name))
            or name in (stored.path.name, stored.path.stem)
            or stored.path.absolute() == path
        ]

    def remove(self, stored: StoredWeights) -> int:
        """Delete it; returns the bytes freed (once no process has it open: a worker that serves it goes on)."""
        place = self.folder / stored.key
        with sole_maker(place):
            if self._read(place) is None:
                raise WeightsNotFoundError(f"{stored.path}: is gone already; `lsrv list` shows what there is")
            # Renamed first: a deletion that is cut short must not leave something that looks whole.
            leaving = place.with_name(place.name + SUFFIX)
            shutil.rmtree(leaving, ignore_errors=True)
            place.rename(leaving)
            shutil.rmtree(leaving)
        return stored.size_bytes

    def sweep(self) -> int:
        """Delete what killed processes left unfinished, and nothing that is being made; returns the bytes freed."""
        n_bytes = 0
        for partial in self.folder.glob(f"*{SUFFIX}"):
            with if_nobody_makes(partial.with_name(partial.name.removesuffix(SUFFIX))) as is_left:
                if is_left:
                    n_bytes += sum(path.stat().st_blocks * 512 for path in partial.rglob("*"))
                    shutil.rmtree(partial)
        return n_bytes

    def _place(self, source_key: str, recipe: Recipe) -> Path:
        text = msgspec.json.encode([source_key, recipe], order="deterministic")
        return self.folder / hashlib.sha256(text).hexdigest()[:_N_KEY_CHARS]

    def _read(self, place: Path) -> StoredWeights | None:
        if place.name.endswith(SUFFIX):
            return None
        try:
            note = msgspec.json.decode((place / _NOTE).read_bytes(), type=_Note)
        except OSError as error:
            if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                _log.warning("weights made here can't be read", extra={"path": str(place), "reason": error.strerror})
            return None
        except msgspec.MsgspecError as error:
            _log.warning("unreadable note; the weights are made anew", extra={"path": str(place), "reason": str(error)})
            return None
        stored = _stored(place, note)
        return stored if _has_size(stored.path, stored.size_bytes) else None


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size == size_bytes
    except OSError:
        return False


def only_one(found: list[StoredWeights], name: str) -> StoredWeights:
    """The one that `name` means. Raises WeightsNotFoundError, or BuildError that lists what it could mean."""
    if not found:
        raise WeightsNotFoundError(f'lsrv made no weights called "{name}"; `lsrv list` shows what it made')
    if len(found) > 1:
        those = ", ".join(f"{stored.key} ({stored.path.name})" for stored in found)
        raise BuildError(f'"{name}" means {len(found)} files: {those}; name one by its key')
    return found[0]


def _stored(place: Path, note: _Note) -> StoredWeights:
    return StoredWeights(
        key=place.name,
        path=place / Path(note.file).name,
        origin=note.origin,
        source_key=note.source_key,
        recipe=note.recipe,
        size_bytes=note.size_bytes,
        quantization=note.quantization,
        tensor_bytes=note.tensor_bytes,
        created=note.created,
    )


def _note(file: str, origin: str, source_key: str, recipe: Recipe, header: GgufHeader) -> _Note:
    return _Note(
        file=file,
        origin=origin,
        source_key=source_key,
        recipe=recipe,
        size_bytes=header.size_bytes,
        quantization=header.quantization,
        tensor_bytes=header.tensor_bytes,
        created=int(time.time()),
    )


def _as_file_name(name: str) -> str:
    """`name` without what a file name can't hold: "owner/a b" -> "owner_a b"."""
    return "".join("_" if char in "/\\:\0" else char for char in name).lstrip(".")[:200] or "weights"
