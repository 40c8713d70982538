"""Tokens of texts and chats on their way to a client, in whatever words: one model is asked, and a place at it."""

from __future__ import annotations

from lsrv.api.http.request_record import RequestRecord
from lsrv.api.state import ServerState
from lsrv.model_id import ModelId
from lsrv.protocol.commands import Tokenize
from lsrv.protocol.events import Tokenized


def resolved(server: ServerState, record: RequestRecord, model: str | None) -> ModelId:
    """The canonical id; from here on those who log, count and watch know it, too. Raises ModelNotFoundError."""
    model_id = server.registry.names.resolve(model)
    server.begin(record, model_id)
    return model_id


async def tokens_of(server: ServerState, record: RequestRecord, model: str | None, command: Tokenize) -> Tokenized:
    """What `command` asks the named model for. Raises ModelNotFoundError."""
    async with server.registry.acquire(resolved(server, record, model)) as lease:
        return await lease.tokenize(command)
