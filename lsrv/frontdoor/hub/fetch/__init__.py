"""Files of a Hub repository into the Hugging Face cache: resumed, checked, whole or not there at all."""

from lsrv.frontdoor.hub.fetch.files import fetch_files
from lsrv.frontdoor.hub.fetch.transfer import TransferLimits

__all__ = ["TransferLimits", "fetch_files"]
