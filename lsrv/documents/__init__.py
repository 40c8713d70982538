"""Documents that are kept for their clients under ids, on disk below a bound. What is in them, others know."""

from lsrv.documents.shelf import Document, DocumentLimits, Shelf

__all__ = ["Document", "DocumentLimits", "Shelf"]
