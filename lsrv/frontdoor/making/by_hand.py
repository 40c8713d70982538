"""Quantizing what somebody names on the command line: a GGUF, or safetensors. Into lsrv's cache, or where they say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lsrv.errors import QuantizeError
from lsrv.frontdoor.finding.checked import Weights
from lsrv.frontdoor.hub.cache_layout import default_cache
from lsrv.frontdoor.making.make_quantized import keep_quantized
from lsrv.frontdoor.making.maker import GgufSource, Maker, SafetensorsSource
from lsrv.frontdoor.making.on_disk import find_here
from lsrv.frontdoor.making.quantize import imatrix_beside, quantize
from lsrv.frontdoor.progress import Cancel, OnBuildProgress
from lsrv.frontdoor.spec import WeightsSpec
from lsrv.frontdoor.store.store import Store
from lsrv.quantization import Quant, parse_quant


@dataclass(frozen=True)
class Quantizing:
    """`source` as `quant` says. `named_imatrix` None: the one beside it. `n_threads` None: all cores."""

    source: str
    quant: str
    named_imatrix: Path | None
    n_threads: int | None
    on_progress: OnBuildProgress
    cancel: Cancel

    @cached_property
    def imatrix(self) -> Path | None:
        """The importance matrix that is used. Raises WeightsNotFoundError, CorruptWeightsError."""
        found = self._found
        beside = found.folder / "model" if isinstance(found, SafetensorsSource) else found.path
        return self.named_imatrix or imatrix_beside(beside)

    def keep(self) -> Path:
        """The result in lsrv's own cache: found there, or made. Blocking, for minutes. Raises BuildError."""
        if isinstance(found := self._found, SafetensorsSource):
            return self._maker.make(found, self._asked).path
        return keep_quantized(
            found,
            self.quant,
            imatrix=self.imatrix,
            n_threads=self.n_threads,
            on_progress=self.on_progress,
            cancel=self.cancel,
        ).path

    def write(self, output: Path) -> Path:
        """The result at `output`. Blocking, for minutes. Raises BuildError."""
        if isinstance(found := self._found, SafetensorsSource):
            self._maker.write(found, self._asked, output)
            return output
        return quantize(
            found.path,
            output,
            self.quant,
            imatrix=self.imatrix,
            n_threads=self.n_threads,
            on_progress=self.on_progress,
            cancel=self.cancel,
        )

    @cached_property
    def _found(self) -> Weights | SafetensorsSource:
        found = find_here(WeightsSpec(model_id=self.source), default_cache(), Store())
        return found.weights if isinstance(found, GgufSource) else found

    @property
    def _maker(self) -> Maker:
        return Maker(Store(), self.named_imatrix, self.on_progress, self.cancel, self.n_threads)

    @property
    def _asked(self) -> Quant:
        try:
            return parse_quant(self.quant)
        except ValueError as error:
            raise QuantizeError(str(error)) from None
