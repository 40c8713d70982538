"""The Hugging Face Hub: names, hashes, access, ranges of bytes. What becomes of the bytes is `fetch`'s."""

from lsrv.frontdoor.hub.client import Hub
from lsrv.frontdoor.hub.patience import Backoff, PassingError, Patience
from lsrv.frontdoor.hub.repo import HubFile, HubHit, HubRepo
from lsrv.frontdoor.hub.token import find_token, log_in

__all__ = ["Backoff", "Hub", "HubFile", "HubHit", "HubRepo", "PassingError", "Patience", "find_token", "log_in"]
