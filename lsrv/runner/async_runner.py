"""Models in the caller's own event loop: the server's registry, workers and handlers, and no port."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar, cast

import msgspec

from lsrv.config import find_config
from lsrv.errors import ModelNotFoundError, from_info
from lsrv.model_id import ModelId
from lsrv.quantization import parse_quant
from lsrv.registry import EntryView, OfferedAdapter
from lsrv.runner.entries import Entries, entry_of, overrides_in
from lsrv.runner.requests import ChatCompletionRequest, ChatTurn, CompletionRequest, EmbeddingRequest, body_of
from lsrv.runner.responses import (
    ChatCompletionChunkResponse,
    ChatCompletionResponse,
    CompletionChunkResponse,
    CompletionResponse,
    LoraAdapterInfo,
    RankedText,
)
from lsrv.runner.runner_error import RunnerError
from lsrv.runner.session import Session, in_runners_words
from lsrv.runner.which import Chosen

T = TypeVar("T")

_CHAT, _TEXT = "/v1/chat/completions", "/v1/completions"


class AsyncRunner:
    """Any number of models, loaded when they are first asked for. `async with` closes it; so does `close`.

    `model_id` is an id or alias everywhere, and None means the default. Every method may raise RunnerError.
    It belongs to the event loop that first uses it.
    """

    def __init__(self, which: Chosen | str | None = None, **options: object) -> None:
        """`which` is a first model, with options as `add_model` takes them; `server={…}` is that table of a file."""
        entries = Entries(None, overrides_in(options))
        if which is not None:
            entries = entries.with_added(entry_of(which, options))
        self._session = Session(entries)

    @classmethod
    def from_config(cls, path: str | os.PathLike[str] | None = None, **overrides: object) -> Self:
        """What `lsrv from-config -f PATH` serves. `overrides` has the shape of models.toml, such as server={…}."""
        runner = cls()
        runner._session = Session(Entries(Path(path) if path is not None else find_config(), overrides))
        return runner

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End what runs and stop every worker. May be called twice."""
        await self._session.close()

    # -- requests in mistral.rs's words ------------------------------------------------------------

    async def send_chat_completion_request(
        self, request: ChatCompletionRequest, model_id: str | None = None
    ) -> ChatCompletionResponse | AsyncGenerator[ChatCompletionChunkResponse]:
        """The answer, or with `stream` its chunks."""
        body = body_of(request, model_id)
        if request.stream:
            return self._events(_CHAT, body, ChatCompletionChunkResponse)
        return await self._asked(_CHAT, body, ChatCompletionResponse)

    async def send_completion_request(
        self, request: CompletionRequest, model_id: str | None = None
    ) -> CompletionResponse | AsyncGenerator[CompletionChunkResponse]:
        """How the text goes on, or with `stream` its chunks."""
        body = body_of(request, model_id)
        if request.stream:
            return self._events(_TEXT, body, CompletionChunkResponse)
        return await self._asked(_TEXT, body, CompletionResponse)

    async def send_embedding_request(self, request: EmbeddingRequest, model_id: str | None = None) -> list[list[float]]:
        """A vector for each input."""
        if request.truncate_sequence:
            raise RunnerError(
                "lsrv embeds a text as it is, or says that it is too long; cut it before.", param="truncate_sequence"
            )
        return await self.embed(cast("list[str]", request.input), model_id)

    async def send_chat_completion_request_to_model(
        self, request: ChatCompletionRequest, model_id: str
    ) -> ChatCompletionResponse | AsyncGenerator[ChatCompletionChunkResponse]:
        """The older name of `send_chat_completion_request(request, model_id)`."""
        return await self.send_chat_completion_request(request, model_id)

    async def send_completion_request_to_model(
        self, request: CompletionRequest, model_id: str
    ) -> CompletionResponse | AsyncGenerator[CompletionChunkResponse]:
        """The older name of `send_completion_request(request, model_id)`."""
        return await self.send_completion_request(request, model_id)

    async def tokenize_text(
        self,
        text: str,
        add_special_tokens: bool = False,
        enable_thinking: bool | None = None,
        model_id: str | None = None,
    ) -> list[int]:
        """The token ids of `text`; `enable_thinking` changes nothing, for no template is rendered."""
        body = {"content": text, "add_special": add_special_tokens, "model": model_id}
        return (await self._asked("/v1/tokenize", body, dict[str, list[int]]))["tokens"]

    async def detokenize_text(
        self, tokens: Sequence[int], skip_special_tokens: bool = False, model_id: str | None = None
    ) -> str:
        """The text of token ids."""
        if skip_special_tokens:
            raise RunnerError(
                "lsrv writes control tokens by their names; take them out of the ids before.",
                param="skip_special_tokens",
            )
        body = {"tokens": list(tokens), "model": model_id}
        return (await self._asked("/v1/detokenize", body, dict[str, str]))["content"]

    async def generate_image(self, prompt: str, model_id: str | None = None, **options: object) -> object:
        """Raises RunnerError: no model here makes images."""
        return await self._asked("/v1/images/generations", {"prompt": prompt, "model": model_id} | options, object)

    async def generate_audio(self, prompt: str, model_id: str | None = None) -> object:
        """Raises RunnerError: no model here speaks."""
        return await self._asked("/v1/audio/speech", {"input": prompt, "model": model_id}, object)

    # -- the small way ---------------------------------------------------------------------------------

    async def chat(
        self,
        messages: str | Sequence[ChatTurn],
        model_id: str | None = None,
        *,
        system: str | None = None,
        **fields: object,
    ) -> str:
        """The text of the answer to a question, or to a chat. `fields` are those of `/v1/chat/completions`."""
        body = _chat_body(messages, system, model_id, fields)
        return (await self._asked(_CHAT, body, ChatCompletionResponse)).choices[0].message.content or ""

    async def stream_chat(
        self,
        messages: str | Sequence[ChatTurn],
        model_id: str | None = None,
        *,
        system: str | None = None,
        **fields: object,
    ) -> AsyncGenerator[str]:
        """The same, part by part. Whoever stops taking them ends the answer."""
        body = _chat_body(messages, system, model_id, fields) | {"stream": True}
        async for chunk in self._events(_CHAT, body, ChatCompletionChunkResponse):
            text = chunk.choices[0].delta.content if chunk.choices else None
            if text:
                yield text

    async def complete(self, prompt: str, model_id: str | None = None, **fields: object) -> str:
        """How `prompt` goes on. `fields` are those of `/v1/completions`."""
        body = {"prompt": prompt, **_model(model_id), **fields}
        return (await self._asked(_TEXT, body, CompletionResponse)).choices[0].text

    async def embed(
        self,
        texts: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],
        model_id: str | None = None,
        **fields: object,
    ) -> list[list[float]]:
        """A vector for each text (or list of token ids); `dimensions=N` cuts them."""
        body = {"input": texts, **_model(model_id), **fields}
        answer = await self._asked("/v1/embeddings", body, _Vectors)
        return [each.embedding for each in answer.data]

    async def rerank(
        self, query: str, documents: Sequence[str], model_id: str | None = None, *, top_n: int | None = None
    ) -> list[RankedText]:
        """How well each document answers the query, the best first."""
        body = {"query": query, "documents": list(documents), "top_n": top_n, **_model(model_id)}
        return (await self._asked("/v1/rerank", body, _Ranking)).results

    # -- models ----------------------------------------------------------------------------------------

    async def add_model(self, which: Chosen | str, **options: object) -> Self:
        """Serve one more: a Hub id, a path, or a Which. `options` are keys of `[[models]]`, also `quant` and `isq`.

        The one with that model_id that was added before is replaced.
        """
        await self._session.change(self._session.entries.with_added(entry_of(which, options)))
        return self

    async def replace_model(self, model_id: str, which: Chosen | str, **options: object) -> None:
        """Serve another one instead, which may have the same alias. What runs on the old one ends first."""
        left = self._session.entries.without((await self._view(model_id)).model_id)
        await self._session.change(left.with_added(entry_of(which, options)))

    async def remove_model(self, model_id: str) -> None:
        """Serve it no more. What runs ends first; the last one stays."""
        canonical = (await self._view(model_id)).model_id
        entries = self._session.entries.without(canonical)
        if await self.get_default_model_id() in await self._names_of(canonical):
            entries = entries.with_default(None)
        await self._session.change(entries)

    async def list_models(self) -> list[str]:
        """Ids (first aliases) of all models, in their order."""
        return [view.listed_id for view in await self._views()]

    async def list_models_with_status(self) -> list[tuple[str, str]]:
        """With "loaded", "unloaded", "reloading", "error" or "disabled" for each."""
        return [(view.listed_id, view.status) for view in await self._views()]

    async def list_unloaded_models(self) -> list[str]:
        return [view.listed_id for view in await self._views() if view.status == "unloaded"]

    async def get_model_status(self, model_id: str) -> str | None:
        """Which status it has; None if there is no such model."""
        try:
            return (await self._view(model_id)).status
        except RunnerError as error:
            if error.code == ModelNotFoundError.code:
                return None
            raise

    async def is_model_loaded(self, model_id: str) -> bool:
        return await self.get_model_status(model_id) == "loaded"

    async def get_default_model_id(self) -> str | None:
        """Which model answers where none is named."""
        if not self._session.entries:
            return None
        registry = await self._session.registry()
        chosen = registry.names.default_id
        return chosen if chosen is None or registry.routing.view(chosen) else (await self._view(chosen)).listed_id

    async def set_default_model_id(self, model_id: str) -> None:
        registry = await self._session.registry()
        with in_runners_words():
            registry.names.choose_default(model_id)

    async def load_model(self, model_id: str | None = None) -> None:
        """Load it now, and return once it is there."""
        canonical = (await self._view(model_id)).model_id
        with in_runners_words():
            loaded = await (await self._session.registry()).load(canonical)
            if loaded.error is not None:
                raise from_info(loaded.error)

    async def unload_model(self, model_id: str, *, force: bool = False) -> None:
        """Give its memory back; what runs ends first, or at once with `force`. The next request loads it again."""
        canonical = (await self._view(model_id)).model_id
        with in_runners_words():
            await (await self._session.registry()).unload(canonical, force=force)

    async def reload_model(self, model_id: str) -> None:
        """Unload it and load it again, or load it if it is not there."""
        await self._asked("/v1/models/reload?strict=true", {"model_id": model_id}, object)

    async def enable_model(self, model_id: str) -> None:
        canonical = (await self._view(model_id)).model_id
        with in_runners_words():
            await (await self._session.registry()).enable(canonical)

    async def disable_model(self, model_id: str) -> None:
        """Unload it and refuse its requests until it is enabled again."""
        canonical = (await self._view(model_id)).model_id
        with in_runners_words():
            await (await self._session.registry()).disable(canonical)

    async def max_sequence_length(self, model_id: str | None = None) -> int | None:
        """How many tokens a request may have, prompt and answer together; the model is loaded to know."""
        view = await self._view(model_id)
        if view.info is None:
            await self.load_model(model_id)
            view = await self._view(model_id)
        return view.info.n_ctx_seq if view.info is not None else None

    async def plan(self, model_id: str | None = None) -> dict[str, object]:
        """Would it fit now, what would it take, who would leave for it: `GET /v1/models/{id}/plan`."""
        listed = (await self._view(model_id)).listed_id
        handlers = await self._session.handlers()
        return msgspec.json.decode(await handlers.ask("GET", f"/v1/models/{listed}/plan"), type=dict[str, object])

    async def pull(self, name: str, on_progress: Callable[[dict[str, object]], None] | None = None) -> None:
        """Get weights onto this disk, by a model's id or "OWNER/NAME:QUANT"; `on_progress` gets each step."""
        handlers = await self._session.handlers()
        async for line in handlers.lines("/api/pull", {"model": name}):
            step = msgspec.json.decode(line, type=dict[str, object])
            if "error" in step:
                raise RunnerError(str(step["error"]), code="pull_failed", status=502)
            if on_progress is not None:
                on_progress(step)

    async def send_re_isq(self, dtype: str, model_id: str | None = None) -> None:
        """Quantize the model anew to `dtype`, such as "Q8_0", and load that; what runs ends first."""
        view = await self._view(model_id)
        try:
            quant = parse_quant(dtype)
        except ValueError as error:
            raise RunnerError(f"dtype: {error}.", param="dtype") from None
        await self._session.change(self._session.entries.with_isq(view.model_id, quant))
        await self.load_model(view.listed_id)

    # -- adapters --------------------------------------------------------------------------------------

    async def load_lora_adapter(
        self,
        alias: str,
        adapter_dir: str | os.PathLike[str],
        model_id: str | None = None,
        load_inplace: bool = False,
        expected_generation: str | None = None,
    ) -> LoraAdapterInfo:
        """Offer an adapter (a GGUF, or a folder with one) under a name, while its model serves."""
        folder = await asyncio.to_thread(Path(adapter_dir).absolute)
        canonical = (await self._view(model_id)).model_id
        adapters = (await self._session.registry()).adapters
        with in_runners_words():
            loaded = await adapters.load(
                canonical,
                alias,
                str(folder),
                is_replacing=load_inplace,
                expected_generation=expected_generation,
            )
        return _adapter_info(loaded)

    async def unload_lora_adapter(
        self, alias: str, model_id: str | None = None, expected_generation: str | None = None
    ) -> LoraAdapterInfo:
        """Offer it no more; who uses it ends with it."""
        canonical = (await self._view(model_id)).model_id
        adapters = (await self._session.registry()).adapters
        with in_runners_words():
            return _adapter_info(await adapters.unload(canonical, alias, expected_generation=expected_generation))

    async def list_lora_adapters(self, model_id: str | None = None) -> list[LoraAdapterInfo]:
        return [_adapter_info(each) for each in (await self._view(model_id)).adapters]

    # -- within ----------------------------------------------------------------------------------------

    async def _views(self) -> list[EntryView]:
        return (await self._session.registry()).views() if self._session.entries else []

    async def _view(self, model_id: str | None) -> EntryView:
        registry = await self._session.registry()
        with in_runners_words():
            return registry.view(registry.names.resolve(model_id))

    async def _names_of(self, canonical: ModelId) -> set[str]:
        view = (await self._session.registry()).view(canonical)
        return {canonical, view.listed_id, *view.aliases}

    async def _asked(self, path: str, body: object, answer_type: type[T]) -> T:
        handlers = await self._session.handlers()
        return msgspec.json.decode(await handlers.ask("POST", path, body), type=answer_type)

    async def _events(self, path: str, body: object, chunk_type: type[T]) -> AsyncGenerator[T]:
        handlers = await self._session.handlers()
        async with contextlib.aclosing(handlers.events(path, body)) as events:
            async for data in events:
                yield msgspec.json.decode(data, type=chunk_type)


class _Vector(msgspec.Struct):
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


class _Ranking(msgspec.Struct):
    results: list[RankedText]


def _model(model_id: str | None) -> dict[str, object]:
    return {} if model_id is None else {"model": model_id}


def _chat_body(
    messages: str | Sequence[ChatTurn], system: str | None, model_id: str | None, fields: Mapping[str, object]
) -> dict[str, object]:
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
    before = [] if system is None else [{"role": "system", "content": system}]
    return {"messages": [*before, *said], **_model(model_id), **fields}


def _adapter_info(adapter: OfferedAdapter) -> LoraAdapterInfo:
    return LoraAdapterInfo(alias=adapter.name, source=adapter.source, generation=adapter.generation)
