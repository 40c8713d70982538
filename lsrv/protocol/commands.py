"""Commands: what the parent asks of a worker. Frozen values; nothing here does anything."""

from __future__ import annotations

from typing import Literal

import msgspec

KvMode = Literal["split", "shared"]
FlashAttention = Literal["auto", "on", "off"]
Pooling = Literal["auto", "none", "mean", "cls", "last", "rank"]
SpeculationMode = Literal["off", "lookup", "draft"]
GrammarKind = Literal["json_schema", "regex", "lark", "gbnf", "llguidance"]


class AdapterFile(msgspec.Struct, frozen=True):
    """A GGUF with LoRA weights, and what requests call it."""

    name: str
    path: str


class AdapterChoice(msgspec.Struct, frozen=True):
    """An adapter that one request uses, and how strongly: its change of the weights is multiplied by `weight`."""

    name: str
    weight: float


class LoadParams(msgspec.Struct, frozen=True, kw_only=True):
    """How to put one GGUF into memory. Zero or "auto" lets the engine choose; it reports what it chose in `Loaded`."""

    model_path: str
    is_embedding: bool = False  # make a context that pools embeddings instead of one that samples tokens
    n_gpu_layers: int = -1  # -1: all
    n_cpu_moe: int = 0  # layers whose experts stay in RAM, counted from the first
    main_gpu: int = 0  # with split_mode "none": the only GPU, -1 for none at all
    split_mode: Literal["none", "layer", "row"] = "layer"
    tensor_split: list[float] = []
    use_extra_bufts: bool = True  # repacked weights (AMX, aarch64); False survives CPUs that fault on them
    n_ctx_seq: int = 0  # cells per sequence
    n_slots: int = 0
    n_cells: int = 0  # of the whole KV cache; 0: n_ctx_seq for each slot. Fewer need a shared cache.
    is_shifting: bool = False  # an answer may be longer than the context, which then forgets its older half
    n_batch: int = 2048
    n_ubatch: int = 512
    n_prefill: int = 0  # prompt tokens of a step while nobody streams, at most; 0: chosen
    prefill_slowdown: float = 2.0  # how many times longer running streams' tokens may take while prompts are read
    kv: KvMode = "split"
    cache_ram_bytes: int = -1  # host memory for sequences that lost their slot; 0: none, -1: chosen
    cache_folder: str = ""  # where sequences go when the model is unloaded, and come from; empty: nowhere
    cache_disk_bytes: int = 0  # what that folder may hold, of all models together
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    flash_attention: FlashAttention = "auto"
    n_threads: int = 0
    n_threads_batch: int = 0
    pooling: Pooling = "auto"
    rope_scaling: Literal["auto", "none", "linear", "yarn"] = "auto"
    rope_freq_base: float = 0.0
    rope_freq_scale: float = 0.0
    chat_template: str | None = None  # Jinja source that replaces the GGUF's own
    chat_template_name: str = ""  # of one in the GGUF, or of one that is built in; empty: the GGUF's first
    has_control_in_text: bool = False  # names of control tokens in clients' texts are those tokens
    adapters: list[AdapterFile] = []
    speculation: SpeculationMode = "off"
    n_guess_max: int = 16  # tokens guessed at once for one sequence
    projector_path: str = ""  # the GGUF that makes embeddings of pictures and sound; empty: the model takes text alone
    needs_projector: bool = False  # a load fails where it can't be used; else the model takes text alone then
    draft_path: str = ""  # the GGUF that guesses, for "draft"
    n_outputs: int = 0  # most logits rows of one llama_decode; 0: chosen


MIN_REPEAT_PENALTY = 1e-6  # it divides logits: 0 would make them infinite
MAX_REPEAT_PENALTY = 1e6  # it multiplies negative ones


class Sampling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request's sampler settings. None: the model's own default, else llama.cpp's."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    top_n_sigma: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    dynatemp_range: float | None = None
    dynatemp_exponent: float | None = None
    repeat_last_n: int | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    dry_penalty_last_n: int | None = None
    dry_sequence_breakers: list[str] | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    logit_bias: dict[int, float] | None = None
    text_bias: dict[str, float] | None = None  # the same for all tokens of a text
    seed: int | None = None  # None: random


class Grammar(msgspec.Struct, frozen=True):
    """What an answer must look like. `param`: the field that asked for it, for errors."""

    kind: GrammarKind
    source: str
    param: str


class ToolUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The tools that an answer may call.

    `tools` are as OpenAI's chat API writes them, each with a `function` of `name`, `description` and `parameters` (a
    JSON Schema). `names`: those that may be called; all are shown. "required": the answer is a call, or several.
    """

    tools: list[dict[str, object]]
    names: list[str]
    choice: Literal["auto", "required"] = "auto"
    is_parallel: bool = True  # several calls in one answer, where the model can


class OtherFile(msgspec.Struct, frozen=True):
    """A text from elsewhere in the project that a text to fill in belongs to."""

    name: str
    text: str


class Infill(msgspec.Struct, frozen=True):
    """What stands behind the text that is to be written; the prompt stands before it."""

    suffix: str
    is_suffix_first: bool = False  # suffix, prompt, middle: the order in which some models read them
    others: list[OtherFile] = []  # read in front of both, as far as there is room
    written: str = ""  # the beginning of what stands between: it goes on from there
    is_fitting: bool = False  # texts that are too long lose what is farthest from the gap, instead of being refused


class Load(msgspec.Struct, frozen=True, tag="load"):
    params: LoadParams


class Plan(msgspec.Struct, frozen=True, tag="plan"):
    """What would a load of `params` take? Only for a worker without a model, which answers `Planned` or `PlanFailed`.

    It may be asked again, and may load afterwards.
    """

    params: LoadParams
    n_ctx_seqs: list[int] = []  # one plan for each; empty: for what params.n_ctx_seq means


class MediaFile(msgspec.Struct, frozen=True):
    """A picture or a sound, the bytes of a file as a client sent it. `place`: the field it was in, for errors."""

    data: bytes
    place: str


class Generate(msgspec.Struct, frozen=True, kw_only=True, tag="generate", omit_defaults=True):
    """One generation. Exactly one of `messages` (chat, rendered by the model's template) and `prompt` is set.

    The worker answers with `Accepted`, any number of `Delta` (none if `is_streaming` is False), and exactly one of
    `Finished` and `Failed`.
    """

    request_id: int
    messages: list[dict[str, object]] | None = None
    prompt: str | list[int] | None = None
    prompt_parts: list[str | int] = []  # texts and token ids in a row, in place of `prompt`
    media: list[
        MediaFile
    ] = []  # in the order in which `media_marker` stands in the texts of messages, or in the prompt
    media_marker: str = ""  # that no client can know
    infill: Infill | None = None  # of a prompt: the answer is what stands between both
    earlier_tokens: list[int] = []  # what stands before the prompt: an earlier one with its answer (`Finished.tokens`)
    wants_tokens: bool = False  # `Finished` has all tokens, those of the prompt first; each `Delta` its new ones
    wants_details: bool = False  # `Finished` has the prompt as it was read, and the settings it was answered with
    wants_progress: bool = False  # a `Delta` for each step that reads a part of the prompt
    template_kwargs: dict[str, object] = {}
    tool_use: ToolUse | None = None  # of a chat; its answer may be text or calls
    reasoning_budget: int | None = None  # tokens of thought, at most; None: as many as the model wants
    can_end_thoughts: bool = False  # by `EndThoughts`, while it runs
    prediction: str | None = None  # what the answer will mostly be: guesses, verified like all others
    sampling: Sampling = Sampling()
    grammar: Grammar | None = None
    adapters: list[AdapterChoice] = []
    max_tokens: int | None = None  # None: until the context is full; 0: only the prompt is read
    max_decode_s: float | None = None  # of writing, behind the first line: then the answer ends
    stop: list[str] = []
    n_top_logprobs: int | None = None  # None: no logprobs; 0: those of the chosen tokens only
    n_prompt_logprobs: int | None = None  # the same of the prompt's tokens, all of which are computed for it
    ignore_eos: bool = False
    cache_prompt: bool = True  # reuse cells of an earlier prompt with the same beginning
    is_echoing: bool = False  # put the prompt in front of the text
    is_streaming: bool = True
    priority: int = 0  # whose turn is sooner; see lsrv/priority.py
    is_copy: bool = False  # nobody waits for it, and nobody may wait for a long step of it
    call_id: int = 0  # of the client's request that it is a part of: requests take turns; 0: it is one by itself


class Embed(msgspec.Struct, frozen=True, kw_only=True, tag="embed"):
    """Vectors of several inputs; answered by `Embedded` or `Failed`.

    `norm`: what pooled vectors are divided by; -1: nothing, 0: their greatest value (it becomes 32760), 1: the sum of
    values, 2: their length, p > 2: their p-norm. All without sign.
    """

    request_id: int
    inputs: list[str | list[int]]
    norm: int = 2
    needs_pooling: bool = True  # False: a model without pooling may answer, with a vector of each token
    is_truncating: bool = False  # texts longer than the context lose their end, instead of being refused


class Rerank(msgspec.Struct, frozen=True, kw_only=True, tag="rerank"):
    """How well each document answers `query`; answered by `Reranked` or `Failed`."""

    request_id: int
    query: str
    documents: list[str]


class LoadAdapter(msgspec.Struct, frozen=True, tag="load_adapter"):
    """Offer one more adapter, in place of one of that name; answered by `AdaptersChanged` or `Failed`."""

    request_id: int
    file: AdapterFile


class UnloadAdapter(msgspec.Struct, frozen=True, tag="unload_adapter"):
    """Offer an adapter no longer; answered by `AdaptersChanged` or `Failed`. Requests that use it finish with it."""

    request_id: int
    name: str


class Tokenize(msgspec.Struct, frozen=True, kw_only=True, tag="tokenize"):
    """Answered by `Tokenized` or `Failed`. With `messages` the template is rendered first."""

    request_id: int
    text: str | None = None
    messages: list[dict[str, object]] | None = None
    template_kwargs: dict[str, object] = {}
    tool_use: ToolUse | None = None
    media: list[MediaFile] = []
    media_marker: str = ""
    add_special: bool = False
    parse_special: bool = True
    wants_pieces: bool = True


class Detokenize(msgspec.Struct, frozen=True, kw_only=True, tag="detokenize"):
    """Answered by `Detokenized` or `Failed`."""

    request_id: int
    tokens: list[int]
    is_without_special: bool = False  # control tokens are left out of the text


class Describe(msgspec.Struct, frozen=True, kw_only=True, tag="describe"):
    """What is known of a loaded model's chats; answered by `Described` or `Failed`."""

    request_id: int


class Abort(msgspec.Struct, frozen=True, tag="abort"):
    """Forget a request. It ends with `Finished("abort")`, unless it had ended already."""

    request_id: int


class EndThoughts(msgspec.Struct, frozen=True, tag="end_thoughts"):
    """Let a request think no longer: it goes on with its answer. One that has ended is left alone."""

    request_id: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Free the model and exit; requests still running end with `Failed`."""


class Unload(msgspec.Struct, frozen=True, tag="unload"):
    """Free the model and wait for the next `Load`; answered by `Unloaded`. For a worker that has no requests."""


SpecialRequest = Generate | Embed | Rerank | LoadAdapter | UnloadAdapter  # not every kind of model can answer it
SingleRequest = Embed | Rerank | LoadAdapter | UnloadAdapter | Tokenize | Detokenize | Describe  # answered by one event
Request = SpecialRequest | SingleRequest  # what is asked of a loaded model, under a request_id
Command = Load | Plan | Request | Abort | EndThoughts | Stop | Unload
