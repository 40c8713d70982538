"""`POST /api/chat`: body to request."""

from __future__ import annotations

from functools import partial

import msgspec

from lsrv.api.dialects.contract import DialectRequest
from lsrv.api.dialects.fields.media import Gathering
from lsrv.api.dialects.fields.tools import ToolList, checked_tools, name_of
from lsrv.api.dialects.ollama.asking import OllamaBody, ollama_dialect, ollama_request
from lsrv.api.dialects.ollama.history import OllamaMessage, openai_messages
from lsrv.api.dialects.ollama.lines import CHAT_FORM, OllamaReply
from lsrv.api.http.body import decode_body
from lsrv.protocol.commands import Generate, ToolUse


class OllamaChatBody(OllamaBody, kw_only=True):
    """No messages: the model is loaded, or with a `keep_alive` of 0 unloaded."""

    messages: list[OllamaMessage] | None = None
    tools: ToolList | None = None


_decoder = msgspec.json.Decoder(OllamaChatBody)


def read_chat(raw: bytes) -> OllamaChatBody:
    """Raises RequestError."""
    return decode_body(_decoder, raw)


def parse_ollama_chat(raw: bytes) -> DialectRequest:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = read_chat(raw)
    media = Gathering()
    messages = openai_messages(body.messages or [], media)
    command = Generate(request_id=0, messages=messages, tool_use=_tool_use(body.tools or []))
    return ollama_request(body, media.put_into(command), partial(OllamaReply, CHAT_FORM))


OLLAMA_CHAT = ollama_dialect(parse_ollama_chat)


def _tool_use(given: list[object]) -> ToolUse | None:
    tools = checked_tools(given)
    return ToolUse(tools=tools, names=[name_of(tool) for tool in tools]) if tools else None
