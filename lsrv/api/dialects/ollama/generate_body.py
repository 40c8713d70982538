"""`POST /api/generate`: body to request.

A prompt goes through the model's template as one user message, behind the tokens of `context`. With `raw` it stays as
it is; with `suffix` the answer is what stands between both.
"""

from __future__ import annotations

from functools import partial

import msgspec

from lsrv.api.dialects.contract import DialectRequest
from lsrv.api.dialects.fields.inputs import TokenId
from lsrv.api.dialects.fields.media import Gathering
from lsrv.api.dialects.ollama.asking import OllamaBody, ollama_dialect, ollama_request
from lsrv.api.dialects.ollama.history import with_images
from lsrv.api.dialects.ollama.lines import GENERATE_FORM, OllamaReply
from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError, UnsupportedParameterError
from lsrv.protocol.commands import Generate, Infill


class OllamaGenerateBody(OllamaBody, kw_only=True):
    """No prompt: the model is loaded, or with a `keep_alive` of 0 unloaded."""

    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    raw: bool | None = None
    images: list[str] | None = None
    context: list[TokenId] | None = None


_decoder = msgspec.json.Decoder(OllamaGenerateBody)


def read_generate(raw: bytes) -> OllamaGenerateBody:
    """Raises RequestError."""
    return decode_body(_decoder, raw)


def parse_ollama_generate(raw: bytes) -> DialectRequest:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = read_generate(raw)
    _refuse_misfits(body)
    return ollama_request(body, _command(body), partial(OllamaReply, GENERATE_FORM))


OLLAMA_GENERATE = ollama_dialect(parse_ollama_generate)


def _command(body: OllamaGenerateBody) -> Generate:
    media = Gathering()
    prompt = with_images(body.prompt or "", body.images, "images", media)
    if body.suffix:
        return media.put_into(Generate(request_id=0, prompt=prompt, infill=Infill(body.suffix)))
    if body.raw:
        return media.put_into(Generate(request_id=0, prompt=prompt))
    system: list[dict[str, object]] = [{"role": "system", "content": body.system}] if body.system else []
    messages: list[dict[str, object]] = [*system, {"role": "user", "content": prompt}]
    earlier = body.context or []
    return media.put_into(Generate(request_id=0, messages=messages, earlier_tokens=earlier, wants_tokens=True))


def _refuse_misfits(body: OllamaGenerateBody) -> None:
    if body.raw and (body.template or body.system or body.context):
        raise RequestError("raw mode does not support template, system, or context", param="raw")
    if body.template:
        raise UnsupportedParameterError(
            "template: templates are Jinja here, and stand in models.toml (chat_template); leave it out, or write the "
            "whole prompt and send raw: true.",
            param="template",
        )
