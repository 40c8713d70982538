"""The page that people chat on: its files in `static`, served as they stand, and what browsers hold them to.

No HTTP here: `api/routes/page` answers with these values.
"""

from lsrv.web.files import PAGE_HEADERS, PageFile, file_names, page_file

__all__ = ["PAGE_HEADERS", "PageFile", "file_names", "page_file"]
