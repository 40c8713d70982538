"""Events: what a worker reports to the parent. Frozen values; nothing here does anything."""

from __future__ import annotations

from typing import Literal

import msgspec

from lsrv.errors import ErrorInfo
from lsrv.protocol.commands import Sampling
from lsrv.protocol.tool_news import ToolNews

FinishReason = Literal["stop", "length", "tool_calls", "abort"]
LoadStage = Literal["look", "fetch", "convert", "plan", "quantize", "weights", "context", "warmup"]


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """The worker has imported llama.cpp and waits for `Load`."""

    pid: int
    llama_cpp_version: str
    system_info: str  # llama_print_system_info(): the CPU features the build uses
    devices: list[str]  # backend devices, e.g. ["CPU", "CUDA0"]
    library: str = ""  # path of the libllama that was loaded


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """How far a load is."""

    stage: LoadStage
    fraction: float  # 0..1 within the stage
    what: str = ""  # for people: the file that is fetched or made


class MemoryUse(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes by llama.cpp's own count, summed over devices, and per device name."""

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    output_bytes: int
    by_device: dict[str, int] = {}


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is loaded, and how."""

    arch: str
    name: str
    quantization: str  # as in file names, e.g. "Q4_K_M"
    n_params: int
    size_bytes: int
    n_vocab: int
    n_ctx_train: int
    n_ctx_seq: int  # longest prompt + answer of one request, in tokens
    n_slots: int
    n_embd: int
    kv: str
    n_threads: int
    n_threads_batch: int
    pooling: str
    has_chat_template: bool
    has_tools: bool = False  # that template shows a chat's tools
    can_generate: bool
    can_see: bool = False
    can_hear: bool = False
    can_embed: bool
    can_rerank: bool
    use_extra_bufts: bool
    n_gpu_layers: int = -1  # -1: all, where there is a GPU
    n_cpu_moe: int = 0
    memory: MemoryUse
    load_s: float


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    info: ModelInfo


class LoadFailed(msgspec.Struct, frozen=True, tag="load_failed"):
    error: ErrorInfo


class Unloaded(msgspec.Struct, frozen=True, tag="unloaded"):
    """The model is gone; the worker is as it was when it said `Ready`."""


class ContextPlan(msgspec.Struct, frozen=True):
    """What a load with this context would take. In `memory.by_device`, "CPU" is all that lies in RAM."""

    n_ctx_seq: int
    n_slots: int
    memory: MemoryUse
    store_bytes: int = 0  # RAM that prompts without a slot may come to take (cache_ram)
    vocabulary_bytes: int = 0  # RAM beside llama.cpp's buffers

    @property
    def by_device(self) -> dict[str, int]:
        """All of it, the store and the vocabulary included."""
        beside = self.store_bytes + self.vocabulary_bytes
        return self.memory.by_device | {"CPU": self.memory.by_device.get("CPU", 0) + beside}

    @property
    def total_bytes(self) -> int:
        """The model's buffers on all devices together."""
        return sum(self.memory.by_device.values())


class DeviceMemory(msgspec.Struct, frozen=True):
    """A GPU, now. `is_ram`: what it holds lies in the machine's RAM."""

    free_bytes: int
    total_bytes: int
    is_ram: bool = False


class Planned(msgspec.Struct, frozen=True, kw_only=True, tag="planned"):
    """Exact sizes, with nothing loaded."""

    arch: str
    quantization: str
    n_params: int
    n_ctx_train: int
    contexts: list[ContextPlan]  # in the order asked for
    n_layers: int = 0  # blocks; the output is one more layer that a GPU may have
    has_experts: bool = False
    devices: dict[str, DeviceMemory] = {}  # GPUs that llama.cpp would use, in the order of tensor_split


class PlanFailed(msgspec.Struct, frozen=True, tag="plan_failed"):
    """The load would be refused, too."""

    error: ErrorInfo


class TokenLogprob(msgspec.Struct, frozen=True, array_like=True):
    """A token, log p (natural, clamped to >= -9999), its bytes, and the likeliest alternatives."""

    text: str
    logprob: float
    raw: bytes
    top: list[TokenLogprob] = []
    token: int = -1  # its id; -1: not known, for another server told of it


class PromptLogprob(msgspec.Struct, frozen=True, array_like=True):
    """A token of a prompt: log p behind those before it, and how many tokens were at least as likely, itself included.

    `logprob`: natural, clamped to >= -9999; None for the first token of all, which is behind nothing. `top`: the
    likeliest tokens in its place, in falling order.
    """

    token: int
    raw: bytes
    logprob: float | None = None
    rank: int = 0
    top: list[PromptLogprob] = []


class Usage(msgspec.Struct, frozen=True, array_like=True):
    n_prompt_tokens: int
    n_cached_tokens: int
    n_completion_tokens: int
    n_reasoning_tokens: int
    queue_s: float  # accepted -> first chunk scheduled
    prefill_s: float  # first chunk scheduled -> first token sampled
    decode_s: float  # first token sampled -> last token sampled
    n_guessed_tokens: int = 0  # by speculation
    n_right_tokens: int = 0  # of those
    n_accepted_tokens: int = 0  # of the request's prediction: guessed, and right
    n_rejected_tokens: int = 0  # and guessed, and wrong


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The prompt was rendered, tokenized, found to fit, and waits for a slot or has one."""

    request_id: int
    n_prompt_tokens: int


class CallDelta(msgspec.Struct, frozen=True, array_like=True):
    """More of a tool call. The first of each call has its name and id; `arguments` is the next piece of a JSON text."""

    index: int  # among the calls of the answer, from 0
    arguments: str = ""
    name: str = ""
    id: str = ""


class PrefillProgress(msgspec.Struct, frozen=True, array_like=True):
    """How much of a prompt was read: `n_read` of `n_prompt_tokens`, of which `n_cached` were known already."""

    n_prompt_tokens: int
    n_cached: int
    n_read: int
    elapsed_s: float  # since its first chunk was scheduled


class AnswerDetails(msgspec.Struct, frozen=True, array_like=True):
    """The prompt's text with the names of control tokens, and every sampler setting that held."""

    prompt: str
    sampling: Sampling


class Delta(msgspec.Struct, frozen=True, array_like=True):
    """New text of one request; or how far its prompt is read: then `progress` is all there is.

    Else at least one of `text`, `reasoning`, `calls`, `prompt_logprobs` and `tool_news` is not empty.
    """

    request_id: int
    text: str
    reasoning: str = ""
    logprobs: list[TokenLogprob] | None = None
    calls: list[CallDelta] = []
    prompt_logprobs: list[PromptLogprob] = []  # those of the prompt's next tokens
    tokens: list[int] = []  # that were written since the last one, where they were wanted
    progress: PrefillProgress | None = None
    tool_news: list[ToolNews] = []  # stand before the text


class Finished(msgspec.Struct, frozen=True, array_like=True):
    """The end of one request. `text`, `reasoning`, `calls`: what no `Delta` carried yet (all of it when not streaming).

    `complaint`: a call was begun that can't be read, and why; what there is of it is in `text`.
    """

    request_id: int
    finish_reason: FinishReason
    text: str
    reasoning: str
    usage: Usage
    stop_string: str | None = None
    logprobs: list[TokenLogprob] | None = None
    calls: list[CallDelta] = []
    complaint: str = ""
    prompt_logprobs: list[PromptLogprob] = []
    tokens: list[int] = []  # of prompt and answer, where they were wanted
    details: AnswerDetails | None = None  # where they were wanted
    tool_news: list[ToolNews] = []


class Step(msgspec.Struct, frozen=True, tag="step"):
    """All that one engine step produced, in one frame."""

    deltas: list[Delta]
    finished: list[Finished]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The end of a request that could not be served."""

    request_id: int
    error: ErrorInfo


class Embedded(msgspec.Struct, frozen=True, tag="embedded"):
    request_id: int
    vectors: list[bytes]  # one per input: n_dims little-endian float32; without pooling as many for each token
    n_prompt_tokens: int
    n_dims: int
    n_tokens: list[int] = []  # of each input; empty where only their sum is known


class Reranked(msgspec.Struct, frozen=True, kw_only=True, tag="reranked"):
    """The model's own score of each document, in their order."""

    request_id: int
    scores: list[float]
    is_probability: bool  # scores lie in 0..1; else they are logits, any number
    n_prompt_tokens: int


class Tokenized(msgspec.Struct, frozen=True, tag="tokenized"):
    request_id: int
    tokens: list[int]
    pieces: list[bytes]  # of each token, if they were wanted
    prompt: str  # the text that was tokenized (the rendered template, where messages were given)


class Detokenized(msgspec.Struct, frozen=True, tag="detokenized"):
    request_id: int
    text: str


class Described(msgspec.Struct, frozen=True, kw_only=True, tag="described"):
    """How chats with a loaded model look. `chat_format`: an AnswerFormat of lsrv.chat as JSON has it."""

    request_id: int
    n_ctx_seq: int
    n_slots: int
    bos: str
    eos: str
    chat_template: str | None  # None: the model has none
    chat_template_source: str  # where it is from; empty where there is none
    chat_format: dict[str, object]
    example: str  # two calls of one tool, as the model writes them
    notes: list[str]  # what people should know of it
    sampling: Sampling = Sampling()  # what holds for requests and entries that say nothing; its seed is one of many


class AdaptersChanged(msgspec.Struct, frozen=True, tag="adapters_changed"):
    """What the model offers now, after a `LoadAdapter` or an `UnloadAdapter`."""

    request_id: int
    names: list[str]


class PrefixCacheUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a prefix cache holds now, and since the load how often it could help."""

    n_prompts: int = 0  # prompts read to their end
    n_hits: int = 0  # those of which a beginning was known
    n_slots_filled: int = 0  # slots, busy or free, that hold tokens
    n_slot_tokens: int = 0
    n_saved: int = 0  # sequences in the host's memory
    saved_bytes: int = 0
    max_saved_bytes: int = 0
    n_filed: int = 0  # sequences on disk
    filed_bytes: int = 0


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag="heartbeat"):
    """Sent about once a second by the engine thread itself, so that its silence means a hang."""

    n_slots_busy: int
    n_waiting: int
    n_steps: int
    n_prefill_tokens: int
    n_decode_tokens: int
    n_cached_tokens: int
    compute_s: float  # time inside llama_decode
    overhead_s: float  # time in steps outside llama_decode
    cache: PrefixCacheUse | None = None  # None: an engine that keeps nothing


StreamEvent = Accepted | Delta | Finished  # of one generation, in this order; an upstream tells of no Accepted
ChoiceEvent = tuple[int, StreamEvent]  # of one of several choices of a request, counted from 0
SingleAnswer = Embedded | Reranked | Tokenized | Detokenized | Described | AdaptersChanged  # to a SingleRequest
Event = (
    Ready
    | Progress
    | Loaded
    | LoadFailed
    | Unloaded
    | Planned
    | PlanFailed
    | Accepted
    | Step
    | Failed
    | Embedded
    | Reranked
    | Tokenized
    | Detokenized
    | Described
    | AdaptersChanged
    | Heartbeat
)
