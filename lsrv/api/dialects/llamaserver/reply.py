"""Events to what `/completion` and `/infill` answer: one object, a list of them, or a stream that ends with one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lsrv.api.dialects.contract import Heading
from lsrv.api.dialects.llamaserver.settings import settings_object
from lsrv.api.dialects.openai.usage import progress_object, timings_object
from lsrv.api.http.framing import sse
from lsrv.protocol.commands import Generate
from lsrv.protocol.events import Delta, Finished, PrefillProgress, TokenLogprob

_NO_SLOT = -1  # which slot computed it is nobody's business: any client that names this one gets any

_Fields = dict[str, object]
_encode = msgspec.json.Encoder().encode


class LlamaServerForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a body says of its answer. `asked`: one of its commands; `prompts`: of all of them, where they are texts."""

    asked: Generate
    samplers: tuple[str, ...] | None
    is_streaming: bool
    returns_tokens: bool
    response_fields: tuple[str, ...]
    prompts: tuple[str, ...]


class LlamaServerReply:
    """One answer, or one to each prompt. A stream has no [DONE]."""

    def __init__(self, form: LlamaServerForm, heading: Heading) -> None:
        self._form = form
        self._heading = heading
        self._n_sent: dict[int, int] = {}  # tokens of each choice
        self._with_lines: set[int] = set()

    def head(self) -> bytes:
        return b""

    def delta(self, index: int, delta: Delta) -> bytes:
        if delta.progress is not None:
            return self._progress(index, delta.progress)
        return self._piece(index, delta.text, delta.tokens, delta.logprobs)

    def finish(self, index: int, finished: Finished) -> bytes:
        """What was still unsaid, and how it ended."""
        usage = finished.usage
        rest = finished.tokens[usage.n_prompt_tokens + self._n_sent.get(index, 0) :]
        piece = (
            self._piece(index, finished.text, rest, finished.logprobs) if finished.text or finished.logprobs else b""
        )
        return piece + sse(_encode(self._end(index, finished, "", [])))

    def tail(self, finished: Sequence[Finished]) -> bytes:
        return b""

    def body(self, finished: Sequence[Finished]) -> bytes:
        whole = [self._whole(index, end) for index, end in enumerate(finished)]
        return _encode(whole[0] if len(whole) == 1 else whole)

    def _piece(self, index: int, text: str, tokens: list[int], logprobs: list[TokenLogprob] | None) -> bytes:
        n_sent = self._n_sent[index] = self._n_sent.get(index, 0) + len(tokens)
        if "\n" in text:
            self._with_lines.add(index)
        more = b',"completion_probabilities":' + _encode(_probabilities(logprobs)) if logprobs else b""
        return b'data: {"index":%d,"content":%b,"tokens":%b,"stop":false,"id_slot":-1,"tokens_predicted":%d%b}\n\n' % (
            index,
            _encode(text),
            _encode(tokens),
            n_sent,
            more,
        )

    def _progress(self, index: int, progress: PrefillProgress) -> bytes:
        event: _Fields = {"index": index, "content": "", "tokens": [], "stop": False, "id_slot": _NO_SLOT}
        counts = {"tokens_predicted": 0, "tokens_evaluated": progress.n_prompt_tokens}
        return sse(_encode(event | counts | {"prompt_progress": progress_object(progress)}))

    def _whole(self, index: int, end: Finished) -> _Fields:
        if "\n" in end.text:
            self._with_lines.add(index)
        tokens = end.tokens[end.usage.n_prompt_tokens :] if self._form.returns_tokens else []
        return self._end(index, end, end.text, tokens)

    def _end(self, index: int, end: Finished, text: str, tokens: list[int]) -> _Fields:
        form, usage, details = self._form, end.usage, end.details
        sampling = details.sampling if details is not None else form.asked.sampling
        body: _Fields = {
            "index": index,
            "content": text,
            "tokens": tokens,
            "id_slot": _NO_SLOT,
            "stop": True,
            "model": self._heading.model_id,
            "tokens_predicted": usage.n_completion_tokens,
            "tokens_evaluated": usage.n_prompt_tokens,
            "generation_settings": settings_object(form.asked, sampling, form.samplers),
            "prompt": details.prompt if details is not None else form.prompts[index],
            "has_new_line": index in self._with_lines,
            "truncated": _is_truncated(form.asked, end),
            "stop_type": _stop_type(end),
            "stopping_word": end.stop_string or "",
            "tokens_cached": usage.n_prompt_tokens + max(0, usage.n_completion_tokens - 1),
            "timings": timings_object(usage),
        }
        if end.logprobs and not form.is_streaming:
            body["completion_probabilities"] = _probabilities(end.logprobs)
        if self._heading.notes:
            body["warnings"] = self._heading.notes
        if self._heading.is_cached:
            body["cached"] = True
        return _nested(body, form.response_fields) if form.response_fields else body


def _nested(body: _Fields, paths: tuple[str, ...]) -> _Fields:
    """What stands at each path that there is, by the whole path."""
    found: _Fields = {}
    for path in paths:
        value: object = body
        for name in path.split("/"):
            value = value.get(name, msgspec.UNSET) if isinstance(value, dict) else msgspec.UNSET
        if value is not msgspec.UNSET:
            found[path] = value
    return found


def _is_truncated(asked: Generate, end: Finished) -> bool:
    """Whether the context was full before the answer was over."""
    if end.finish_reason != "length" or asked.max_decode_s is not None:
        return False
    return asked.max_tokens is None or end.usage.n_completion_tokens < asked.max_tokens


def _stop_type(end: Finished) -> str:
    if end.finish_reason == "abort":
        return "none"
    if end.finish_reason == "length":
        return "limit"
    return "eos" if end.stop_string is None else "word"


def _probabilities(logprobs: list[TokenLogprob] | None) -> list[_Fields]:
    return [_token(each) | {"top_logprobs": [_token(top) for top in each.top]} for each in logprobs or ()]


def _token(each: TokenLogprob) -> _Fields:
    return {"id": each.token, "token": each.text, "bytes": list(each.raw), "logprob": each.logprob}
