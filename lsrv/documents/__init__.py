"""Documents that are kept for their clients under ids, on disk below a bound. What is in them, others know."""

from lsrv.documents.shelf import DocumentLimits, Rewritten, Shelf

__all__ = ["DocumentLimits", "Rewritten", "Shelf"]
