"""model_id + quantization -> one local GGUF, checked before any worker opens it."""

from lsrv.frontdoor.adapter import find_adapter
from lsrv.frontdoor.gguf_header import GgufHeader, read_header
from lsrv.frontdoor.prepare import FrontDoor
from lsrv.frontdoor.resolve import resolve
from lsrv.frontdoor.weights import Weights
from lsrv.frontdoor.wish import Pending, Wish

__all__ = ["FrontDoor", "GgufHeader", "Pending", "Weights", "Wish", "find_adapter", "read_header", "resolve"]
