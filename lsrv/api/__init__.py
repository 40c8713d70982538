"""HTTP: dialects, gate, metrics, server. Knows the registry; nobody but the CLI knows it."""

from lsrv.api.app import create_app
from lsrv.api.server import run_server
from lsrv.api.state import ReadSettings

__all__ = ["ReadSettings", "create_app", "run_server"]
