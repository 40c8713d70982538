"""What is made here: a source on this disk to weights in lsrv's own store."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lsrv.frontdoor.finding.checked import MADE_HERE, Weights, open_weights
from lsrv.frontdoor.finding.choice import Candidate, Choice
from lsrv.frontdoor.making.convert import VERSION, convert, files_needed
from lsrv.frontdoor.making.make_quantized import keep_quantized, recipe
from lsrv.frontdoor.making.quantize import imatrix_beside, makeable, quantize
from lsrv.frontdoor.progress import Cancel, OnBuildProgress
from lsrv.frontdoor.store.atomic import partial_file
from lsrv.frontdoor.store.source_key import source_key
from lsrv.frontdoor.store.store import Recipe, Store, StoredWeights, conversion
from lsrv.quantization import Quant


@dataclass(frozen=True)
class GgufSource:
    """A GGUF of full precision. `origin`: for people."""

    weights: Weights
    origin: str


@dataclass(frozen=True)
class SafetensorsSource:
    """A folder as transformers writes it. `name`: of what is made of it."""

    folder: Path
    origin: str
    name: str


Source = GgufSource | SafetensorsSource


@dataclass(frozen=True)
class Maker:
    """Makes weights and keeps them, or finds them made. Blocking."""

    store: Store
    imatrix: Path | None
    on_progress: OnBuildProgress
    cancel: Cancel
    n_threads: int | None = None  # None: all cores of this process

    def make(self, source: Source, quant: Quant | None) -> Weights:
        """`source` as `quant` says (None: at its own precision). Raises ConvertError, QuantizeError, …"""
        if isinstance(source, SafetensorsSource):
            return _opened(self._from_safetensors(source, quant), f"made here from {source.origin}")
        if quant is None:
            return source.weights
        stored = keep_quantized(
            source.weights,
            quant,
            origin=source.origin,
            imatrix=self._imatrix_for(source),
            n_threads=self.n_threads,
            store=self.store,
            on_progress=self.on_progress,
            cancel=self.cancel,
        )
        return _opened(stored, f"quantized here from {source.weights.path.name}")

    def made(self, source: Source, quant: Quant | None) -> Weights | None:
        """What `make` would find made already."""
        if isinstance(source, SafetensorsSource):
            stored = self.store.get(_key(source), self._recipe(source, quant))
        elif quant is None:
            return source.weights
        else:
            stored = self.store.get(source_key(source.weights.shards), recipe(quant, self._imatrix_for(source)))
        return _opened(stored, "made here before") if stored is not None else None

    def _from_safetensors(self, source: SafetensorsSource, quant: Quant | None) -> StoredWeights:
        def write(target: Path) -> None:
            if quant is None:
                convert(source.folder, target, name=source.name, on_progress=self.on_progress, cancel=self.cancel)
            else:
                self._convert_and_quantize(source, made.quantization, target)

        made = self._recipe(source, quant)
        return self.store.make(
            _key(source),
            made,
            write,
            name=f"{source.name}-{made.quantization}" if quant is not None else source.name,
            origin=source.origin,
            on_progress=self.on_progress,
            cancel=self.cancel,
        )

    def write(self, source: SafetensorsSource, quant: Quant, target: Path) -> None:
        """`source` as `quant` says, at `target`, whole or not at all. Raises ConvertError, QuantizeError, …"""
        with partial_file(target) as partial:
            self._convert_and_quantize(source, makeable(quant), partial)

    def _recipe(self, source: SafetensorsSource, quant: Quant | None) -> Recipe:
        if quant is None:
            return conversion(VERSION)
        return msgspec.structs.replace(recipe(quant, self._imatrix_for(source)), converter=VERSION)

    def _imatrix_for(self, source: Source) -> Path | None:
        beside = source.folder / "model" if isinstance(source, SafetensorsSource) else source.weights.path
        return self.imatrix or imatrix_beside(beside)

    def _convert_and_quantize(self, source: SafetensorsSource, quantization: str, target: Path) -> None:
        """The converted file lies beside the target while it is needed: on the disk that was made sure to have room."""
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="converted-") as folder:
            whole = convert(
                source.folder,
                Path(folder, f"{source.name}.gguf"),
                name=source.name,
                on_progress=self.on_progress,
                cancel=self.cancel,
            )
            quantize(
                whole,
                target,
                quantization,
                imatrix=self._imatrix_for(source),
                n_threads=self.n_threads,
                on_progress=self.on_progress,
                cancel=self.cancel,
            )


def _key(source: SafetensorsSource) -> str:
    names = files_needed(path.relative_to(source.folder).as_posix() for path in source.folder.rglob("*"))
    return source_key(source.folder / name for name in names)


def _opened(stored: StoredWeights, because: str) -> Weights:
    choice = Choice(Candidate((stored.path.name,), quantization=stored.quantization), because)
    return open_weights(stored.path.parent, choice, f"{MADE_HERE}, {stored.origin}")
