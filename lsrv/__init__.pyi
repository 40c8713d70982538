from lsrv.runner import *  # noqa: F403
from lsrv.runner import __all__ as __all__

__version__: str
