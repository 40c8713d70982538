"""Files of a Hub repository into the Hugging Face cache: resumed, checked, whole or not there at all."""

from lsrv.frontdoor.fetch.files import fetch_files
from lsrv.frontdoor.fetch.transfer import TransferLimits

__all__ = ["TransferLimits", "fetch_files"]
