"""What the settings leave open, fitted to this machine by exact plans. Pure, but for `fit`, which asks for them."""

from lsrv.registry.fitting.bounds import Bounds
from lsrv.registry.fitting.fit import Fitted, fit

__all__ = ["Bounds", "Fitted", "fit"]
