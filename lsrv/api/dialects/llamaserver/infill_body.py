"""`POST /infill`: what stands between two texts, with other files of the project in view. Body to request."""

from __future__ import annotations

import msgspec

from lsrv.api.dialects.contract import DialectRequest
from lsrv.api.dialects.llamaserver.completion_body import LlamaServerBody, llama_server_dialect, llama_server_request
from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError
from lsrv.protocol.commands import Generate, Infill, OtherFile


class ExtraText(msgspec.Struct):
    text: str
    filename: str | None = None


class InfillBody(LlamaServerBody, kw_only=True):
    """`prompt`: the beginning of what is to be filled in, behind `input_prefix`."""

    input_prefix: str | None = None
    input_suffix: str | None = None
    input_extra: list[ExtraText] | None = None
    prompt: str | None = None
    spm_infill: bool | None = None


_decoder = msgspec.json.Decoder(InfillBody)


def parse_infill(raw: bytes) -> DialectRequest:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    before, behind = _required(body.input_prefix, "input_prefix"), _required(body.input_suffix, "input_suffix")
    infill = Infill(
        behind,
        is_suffix_first=bool(body.spm_infill),
        others=[OtherFile(extra.filename or "tmp", extra.text) for extra in body.input_extra or ()],
        written=body.prompt or "",
        is_fitting=True,
    )
    return llama_server_request(body, [Generate(request_id=0, prompt=before, infill=infill)])


LLAMA_INFILL = llama_server_dialect(parse_infill)


def _required(text: str | None, name: str) -> str:
    if text is None:
        raise RequestError(f'"{name}" is required', param=name)
    return text
