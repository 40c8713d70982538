"""A call as its route makes it, with nothing kept."""

from __future__ import annotations

from lsrv.api.dialects.responses.body import items_of, read_responses
from lsrv.api.dialects.responses.call import AskedItems, ResponsesCall


def asked(raw: bytes) -> ResponsesCall:
    body = read_responses(raw)
    return ResponsesCall(body, AskedItems([], items_of(body.input)))
