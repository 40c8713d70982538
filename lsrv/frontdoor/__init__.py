"""model_id + quantization -> one local GGUF, checked before any worker opens it."""

from lsrv.frontdoor.finding.adapter import find_adapter
from lsrv.frontdoor.finding.checked import Weights
from lsrv.frontdoor.finding.projector import choose_projector_beside
from lsrv.frontdoor.finding.resolve import resolve
from lsrv.frontdoor.gguf.header import GgufHeader, read_header
from lsrv.frontdoor.making.by_hand import Quantizing
from lsrv.frontdoor.prepare import FrontDoor
from lsrv.frontdoor.spec import Pending, WeightsSpec

__all__ = [
    "FrontDoor",
    "GgufHeader",
    "Pending",
    "Quantizing",
    "Weights",
    "WeightsSpec",
    "choose_projector_beside",
    "find_adapter",
    "read_header",
    "resolve",
]
