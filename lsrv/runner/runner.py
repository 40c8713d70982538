"""The same models for callers without an event loop: every method waits. Safe under threads."""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Self, TypeVar

from lsrv.runner.async_runner import AsyncRunner
from lsrv.runner.endpoints import ModelEndpoint, ModelEndpoints
from lsrv.runner.loop_thread import LoopThread
from lsrv.runner.requests import ChatCompletionRequest, ChatTurn, CompletionRequest, EmbeddingRequest
from lsrv.runner.responses import (
    ChatCompletionChunkResponse,
    ChatCompletionResponse,
    CompletionChunkResponse,
    CompletionResponse,
    LoraAdapterInfo,
    RankedText,
)
from lsrv.runner.which import Chosen

T = TypeVar("T")
ChunkT = TypeVar("ChunkT")


class Runner:
    """Any number of models in this process, with the server's memory budget, queues and workers, and no port.

    `model_id` is an id or alias everywhere, and None means the default. Every method may raise RunnerError.
    `with` closes it; so do `close` and the end of the process.
    """

    def __init__(self, which: Chosen | str | None = None, **options: object) -> None:
        """`which` is a first model, loaded before this returns; options as `add_model` takes them."""
        self._begin(AsyncRunner(which, **options))
        if which is not None:
            try:
                self.load_model()
            except BaseException:
                self.close()
                raise

    def _begin(self, runner: AsyncRunner) -> None:
        self._runner = runner
        self._loop = LoopThread("lsrv")
        self._registered = dict[str, ModelEndpoint]()
        self._end = weakref.finalize(self, _close, runner, self._loop)  # also at the end of the process

    @classmethod
    def from_config(cls, path: str | os.PathLike[str] | None = None, **overrides: object) -> Self:
        """What `lsrv from-config -f PATH` serves. `overrides` has the shape of models.toml, such as server={…}."""
        runner = cls.__new__(cls)
        runner._begin(AsyncRunner.from_config(path, **overrides))
        return runner

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End what runs and stop every worker. May be called twice."""
        self._end()

    # -- requests in mistral.rs's words ------------------------------------------------------------

    def send_chat_completion_request(
        self, request: ChatCompletionRequest, model_id: str | None = None
    ) -> ChatCompletionResponse | Iterator[ChatCompletionChunkResponse]:
        """The answer, or with `stream` its chunks."""
        return self._answer(self._loop.wait(self._runner.send_chat_completion_request(request, model_id)))

    def send_completion_request(
        self, request: CompletionRequest, model_id: str | None = None
    ) -> CompletionResponse | Iterator[CompletionChunkResponse]:
        """How the text goes on, or with `stream` its chunks."""
        return self._answer(self._loop.wait(self._runner.send_completion_request(request, model_id)))

    def send_embedding_request(self, request: EmbeddingRequest, model_id: str | None = None) -> list[list[float]]:
        """A vector for each input."""
        return self._loop.wait(self._runner.send_embedding_request(request, model_id))

    def send_chat_completion_request_to_model(
        self, request: ChatCompletionRequest, model_id: str
    ) -> ChatCompletionResponse | Iterator[ChatCompletionChunkResponse]:
        """The older name of `send_chat_completion_request(request, model_id)`."""
        return self.send_chat_completion_request(request, model_id)

    def send_completion_request_to_model(
        self, request: CompletionRequest, model_id: str
    ) -> CompletionResponse | Iterator[CompletionChunkResponse]:
        """The older name of `send_completion_request(request, model_id)`."""
        return self.send_completion_request(request, model_id)

    def tokenize_text(
        self,
        text: str,
        add_special_tokens: bool = False,
        enable_thinking: bool | None = None,
        model_id: str | None = None,
    ) -> list[int]:
        """The token ids of `text`; `enable_thinking` changes nothing, for no template is rendered."""
        return self._loop.wait(self._runner.tokenize_text(text, add_special_tokens, enable_thinking, model_id))

    def detokenize_text(
        self, tokens: Sequence[int], skip_special_tokens: bool = False, model_id: str | None = None
    ) -> str:
        """The text of token ids."""
        return self._loop.wait(self._runner.detokenize_text(tokens, skip_special_tokens, model_id))

    def generate_image(self, prompt: str, model_id: str | None = None, **options: object) -> object:
        """Raises RunnerError: no model here makes images."""
        return self._loop.wait(self._runner.generate_image(prompt, model_id, **options))

    def generate_audio(self, prompt: str, model_id: str | None = None) -> object:
        """Raises RunnerError: no model here speaks."""
        return self._loop.wait(self._runner.generate_audio(prompt, model_id))

    # -- the small way -----------------------------------------------------------------------------

    def chat(
        self,
        messages: str | Sequence[ChatTurn],
        model_id: str | None = None,
        *,
        system: str | None = None,
        **fields: object,
    ) -> str:
        """The text of the answer to a question, or to a chat. `fields` are those of `/v1/chat/completions`."""
        return self._loop.wait(self._runner.chat(messages, model_id, system=system, **fields))

    def stream_chat(
        self,
        messages: str | Sequence[ChatTurn],
        model_id: str | None = None,
        *,
        system: str | None = None,
        **fields: object,
    ) -> Iterator[str]:
        """The same, part by part. Whoever stops taking them ends the answer."""
        return self._loop.iterate(self._runner.stream_chat(messages, model_id, system=system, **fields))

    def complete(self, prompt: str, model_id: str | None = None, **fields: object) -> str:
        """How `prompt` goes on. `fields` are those of `/v1/completions`."""
        return self._loop.wait(self._runner.complete(prompt, model_id, **fields))

    def embed(
        self,
        texts: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],
        model_id: str | None = None,
        **fields: object,
    ) -> list[list[float]]:
        """A vector for each text (or list of token ids); `dimensions=N` cuts them."""
        return self._loop.wait(self._runner.embed(texts, model_id, **fields))

    def rerank(
        self, query: str, documents: Sequence[str], model_id: str | None = None, *, top_n: int | None = None
    ) -> list[RankedText]:
        """How well each document answers the query, the best first."""
        return self._loop.wait(self._runner.rerank(query, documents, model_id, top_n=top_n))

    # -- models ------------------------------------------------------------------------------------

    def add_model(self, which: Chosen | str, **options: object) -> Self:
        """Serve one more: a Hub id, a path, or a Which. `options` are keys of `[[models]]`, also `quant` and `isq`.

        The one with that model_id that was added before is replaced.
        """
        self._loop.wait(self._runner.add_model(which, **options))
        return self

    def replace_model(self, model_id: str, which: Chosen | str, **options: object) -> None:
        """Serve another one instead, which may have the same alias. What runs on the old one ends first."""
        self._loop.wait(self._runner.replace_model(model_id, which, **options))

    def remove_model(self, model_id: str) -> None:
        """Serve it no more. What runs ends first; the last one stays."""
        self._loop.wait(self._runner.remove_model(model_id))

    def list_models(self) -> list[str]:
        """Ids (first aliases) of all models, in their order."""
        return self._loop.wait(self._runner.list_models())

    def list_models_with_status(self) -> list[tuple[str, str]]:
        """With "loaded", "unloaded", "reloading", "error" or "disabled" for each."""
        return self._loop.wait(self._runner.list_models_with_status())

    def list_unloaded_models(self) -> list[str]:
        return self._loop.wait(self._runner.list_unloaded_models())

    def get_model_status(self, model_id: str) -> str | None:
        """Which status it has; None if there is no such model."""
        return self._loop.wait(self._runner.get_model_status(model_id))

    def is_model_loaded(self, model_id: str) -> bool:
        return self._loop.wait(self._runner.is_model_loaded(model_id))

    def get_default_model_id(self) -> str | None:
        """Which model answers where none is named."""
        return self._loop.wait(self._runner.get_default_model_id())

    def set_default_model_id(self, model_id: str) -> None:
        self._loop.wait(self._runner.set_default_model_id(model_id))

    def load_model(self, model_id: str | None = None) -> None:
        """Load it now, and return once it is there."""
        self._loop.wait(self._runner.load_model(model_id))

    def unload_model(self, model_id: str, *, force: bool = False) -> None:
        """Give its memory back; what runs ends first, or at once with `force`. The next request loads it again."""
        self._loop.wait(self._runner.unload_model(model_id, force=force))

    def reload_model(self, model_id: str) -> None:
        """Unload it and load it again, or load it if it is not there."""
        self._loop.wait(self._runner.reload_model(model_id))

    def enable_model(self, model_id: str) -> None:
        self._loop.wait(self._runner.enable_model(model_id))

    def disable_model(self, model_id: str) -> None:
        """Unload it and refuse its requests until it is enabled again."""
        self._loop.wait(self._runner.disable_model(model_id))

    def max_sequence_length(self, model_id: str | None = None) -> int | None:
        """How many tokens a request may have, prompt and answer together; the model is loaded to know."""
        return self._loop.wait(self._runner.max_sequence_length(model_id))

    def plan(self, model_id: str | None = None) -> dict[str, object]:
        """Would it fit now, what would it take, who would leave for it: `GET /v1/models/{id}/plan`."""
        return self._loop.wait(self._runner.plan(model_id))

    def pull(self, name: str, on_progress: Callable[[dict[str, object]], None] | None = None) -> None:
        """Get weights onto this disk; `on_progress` gets each step, in another thread."""
        self._loop.wait(self._runner.pull(name, on_progress))

    def send_re_isq(self, dtype: str, model_id: str | None = None) -> None:
        """Quantize the model anew to `dtype`, such as "Q8_0", and load that; what runs ends first."""
        self._loop.wait(self._runner.send_re_isq(dtype, model_id))

    # -- adapters ----------------------------------------------------------------------------------

    def load_lora_adapter(
        self,
        alias: str,
        adapter_dir: str | os.PathLike[str],
        model_id: str | None = None,
        load_inplace: bool = False,
        expected_generation: str | None = None,
    ) -> LoraAdapterInfo:
        """Offer an adapter (a GGUF, or a folder with one) under a name, while its model serves."""
        return self._loop.wait(
            self._runner.load_lora_adapter(alias, adapter_dir, model_id, load_inplace, expected_generation)
        )

    def unload_lora_adapter(
        self, alias: str, model_id: str | None = None, expected_generation: str | None = None
    ) -> LoraAdapterInfo:
        """Offer it no more; who uses it ends with it."""
        return self._loop.wait(self._runner.unload_lora_adapter(alias, model_id, expected_generation))

    def list_lora_adapters(self, model_id: str | None = None) -> list[LoraAdapterInfo]:
        return self._loop.wait(self._runner.list_lora_adapters(model_id))

    @property
    def endpoints(self) -> ModelEndpoints:
        """The same models in OxiBonsai's words."""
        return ModelEndpoints(self, self._registered)

    def _answer(self, answer: T | AsyncGenerator[ChunkT]) -> T | Iterator[ChunkT]:
        return self._loop.iterate(answer) if isinstance(answer, AsyncGenerator) else answer


def _close(runner: AsyncRunner, loop: LoopThread) -> None:
    """In a forked child there is nothing of ours to close."""
    if loop.is_running:
        loop.wait(runner.close())
    loop.close()
