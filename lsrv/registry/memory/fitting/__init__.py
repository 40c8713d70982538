"""What the settings leave open, fitted to this machine by exact plans. Pure, but for `fit`, which asks for them."""

from lsrv.registry.memory.fitting.bounds import Bounds
from lsrv.registry.memory.fitting.fit import FindBounds, Fitted, Openness, fit

__all__ = ["Bounds", "FindBounds", "Fitted", "Openness", "fit"]
