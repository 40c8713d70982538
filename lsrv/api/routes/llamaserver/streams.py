"""Streams that are taken up again, as llama-server's page does: by the id of a conversation, from any byte on."""

from __future__ import annotations

import msgspec
from litestar import Response

from lsrv.api.answers.resumable import stream_of, taken_up
from lsrv.api.http.body import decode_body
from lsrv.api.http.errors import NotKeptError
from lsrv.api.routing.handler import ApiRequest, HandlerAnswer, body_of, json_response
from lsrv.api.routing.route import EVENTS, Route
from lsrv.api.state import ServerState
from lsrv.errors import RequestError

_MAX_DIGITS = 15


class StreamsLookup(msgspec.Struct):
    """`conversation_ids`: those whose streams the client began."""

    conversation_ids: list[str] = []


_decoder = msgspec.json.Decoder(StreamsLookup)
_encode = msgspec.json.Encoder().encode


async def resume_stream(request: ApiRequest, server: ServerState) -> HandlerAnswer:
    """What was sent from byte `from` on, and then what comes. Raises NotKeptError, and RequestError for the query."""
    stream = server.streams.get(_conversation_id(request))
    if stream is None:
        raise NotKeptError("Stream not found or expired", param="conv_id")
    return taken_up(stream, _offset(request.query_params.get("from", "")))


async def stop_stream(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """Ends it for good. That there is none is no error: whoever stops one may be late."""
    conversation_id = _conversation_id(request)
    if (stream := server.streams.get(conversation_id)) is not None:
        server.streams.forget(conversation_id)
        await stream.cancel()
    return Response(b"", status_code=204)


async def look_up_streams(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """Streams of the named conversations, with whatever model; nobody can list those of others."""
    asked = decode_body(_decoder, await body_of(request, server)).conversation_ids
    found = {name: stream for each in asked if each for name, stream in server.streams.named(each)}
    return json_response(_encode([stream_of(name, stream) for name, stream in found.items()]))


def _conversation_id(request: ApiRequest) -> str:
    conversation_id = request.query_params.get("conv_id")
    if not conversation_id:
        raise RequestError("conv_id is missing: the X-Conversation-Id that the stream was asked with.", param="conv_id")
    return conversation_id


def _offset(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise RequestError("Invalid 'from' offset: it is a number of bytes.", param="from")
    return int(text or "0")


ROUTES = (
    Route("GET", "/v1/stream", resume_stream, "Take up a stream again, from byte `from` on", media_types=(EVENTS,)),
    Route("DELETE", "/v1/stream", stop_stream, "End a stream for good"),
    Route("POST", "/v1/streams/lookup", look_up_streams, "How far streams have come", body=StreamsLookup),
)
