"""What the answers of an entry depend on beside the request: its weights, settings, template, adapters, and the build.

Of a loaded model that is what was loaded, whatever became of the files since; of others what a load would find.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import re
import time
from collections.abc import Mapping, Sequence

import msgspec

import lsrv
from lsrv.config import ModelSettings, Settings, UpstreamSettings
from lsrv.errors import LsrvError
from lsrv.file_digest import sampled_digest, stamp_of
from lsrv.frontdoor import Weights
from lsrv.model_id import ModelId
from lsrv.registry.entries.entry import Entry
from lsrv.registry.loading.load_order import LoadBasis, find_basis
from lsrv.registry.loading.loader import LoadedWorker
from lsrv.registry.loading.weights import draft_of, look
from lsrv.registry.model_facts import ModelFacts, facts_of
from lsrv.registry.offered_adapters import OfferedAdapter
from lsrv.threads import Lanes

_LOOK_AGAIN_S = 30.0  # a file that is replaced is seen at once; one that is added, by then

# Where and how a model computes changes no answer beyond rounding, and how long its context is only those that it cuts
# off, which are not kept. Everything else counts, fields of later versions included.
_WITHOUT_EFFECT = frozenset(
    {
        "model_path", "n_gpu_layers", "main_gpu", "split_mode", "tensor_split", "use_extra_bufts", "n_ctx_seq",
        "n_slots", "n_batch", "n_ubatch", "n_prefill", "kv", "cache_ram_bytes", "cache_folder", "cache_disk_bytes",
        "flash_attention", "n_cpu_moe", "n_outputs", "n_threads", "n_threads_batch", "adapters",
    }
)  # fmt: skip
_CLOCK = "strftime_now"  # what templates ask for the date
_CLOCK_FORMAT = re.compile(rf"""{_CLOCK}\(\s*(?:format\s*=\s*)?(?:"([^"\\]*)"|'([^'\\]*)')\s*\)""")
_CLOCK_TEST = re.compile(rf"{_CLOCK}\s+is\s+(?:not\s+)?defined")


class ModelIdentity(msgspec.Struct, frozen=True):
    weights: str  # a digest: of the settings, the template and the build, too
    adapters: dict[str, str]  # digests by generation
    date_formats: tuple[str, ...] | None  # what its template asks the clock for; None: that can't be told


class Identities:
    """Identities of entries. Nothing is read before somebody asks."""

    def __init__(self, settings: Settings, entries: Mapping[ModelId, Entry]) -> None:
        self._settings = settings
        self._looks = Lanes()
        self._entries = entries  # by model_id; upstreams are none
        self._loaded: dict[str, tuple[LoadedWorker, ModelIdentity | None]] = {}
        self._recent: dict[str, tuple[ModelSettings, float, ModelFacts | None]] = {}
        self._found: dict[str, tuple[ModelSettings, float, Weights]] = {}

    def configure(self, settings: Settings) -> None:
        """Go by other settings from the next look on."""
        self._settings = settings

    async def get(self, model_id: ModelId) -> ModelIdentity | None:
        """What the answers of an entry depend on; loads nothing. None: that can't be told, or it must not answer."""
        entry = self._entries.get(model_id)
        if entry is None or not entry.state.is_enabled:
            return None
        model, loaded = entry.settings, entry.loaded
        if loaded is None:
            return await self._looks.run(model_id, self._look, model, tuple(entry.adapters))
        known = self._loaded.get(model.model_id)
        if known is None or known[0] is not loaded:
            known = loaded, await self._looks.run(model_id, _of_loaded, loaded)
            self._loaded[model.model_id] = known
        return known[1]

    async def facts(self, model_id: ModelId) -> ModelFacts | None:
        """What is known of an entry's model; loads nothing. None: nothing, for its weights are not here."""
        entry = self._entries.get(model_id)
        return None if entry is None else await self._looks.run(model_id, self._facts, entry.settings, entry.loaded)

    async def recent_facts(self, model_id: ModelId) -> ModelFacts | None:
        """The same as they were up to 30 s ago, for lists that are asked for all the time."""
        entry, now = self._entries.get(model_id), time.monotonic()
        known = self._recent.get(model_id)
        if entry is None or known is None or known[0] != entry.settings or now - known[1] > _LOOK_AGAIN_S:
            found = await self.facts(model_id)
            if entry is None:
                return found
            known = self._recent[model_id] = entry.settings, now, found
        return known[2]

    async def longest_context(self, model_id: ModelId) -> int:
        """Tokens that an entry which is not loaded may take, as its settings and its file say; 0: nobody knows."""
        entry = self._entries.get(model_id)
        facts = None if entry is None else await self.facts(model_id)
        if entry is None or facts is None or facts.kind != "text":
            return 0
        said = entry.settings.context.context_length
        return said if isinstance(said, int) else facts.n_ctx_train

    def _facts(self, model: ModelSettings, loaded: LoadedWorker | None) -> ModelFacts | None:
        try:
            basis = self._basis(model, ()) if loaded is None else loaded.basis
            return None if basis is None else facts_of(basis)
        except (LsrvError, OSError):
            return None  # whoever asks for an answer is told why

    def _look(self, model: ModelSettings, adapters: Sequence[OfferedAdapter]) -> ModelIdentity | None:
        try:
            basis = self._basis(model, adapters)
            return None if basis is None else _identity(basis)
        except (LsrvError, OSError):
            return None  # whoever asks for a fresh answer is told why

    def _basis(self, model: ModelSettings, adapters: Sequence[OfferedAdapter]) -> LoadBasis | None:
        """What a load would begin with, if all of it is here. Raises BuildError, ConfigError."""
        draft = draft_of(model)
        weights, guesser = self._weights(model), self._weights(draft) if draft is not None else None
        if weights is None or (draft is not None and guesser is None):
            return None
        return find_basis(model, adapters, weights, guesser)

    def _weights(self, model: ModelSettings) -> Weights | None:
        """What a load would begin with, if it is here; found anew when one of its files has changed."""
        now = time.monotonic()
        known = self._found.get(model.model_id)
        if known is not None and known[0] == model and now - known[1] < _LOOK_AGAIN_S and _is_as_found(known[2]):
            return known[2]
        found = look(self._settings, model)
        if not isinstance(found, Weights):
            return None
        self._found[model.model_id] = model, now, found
        return found


def _is_as_found(weights: Weights) -> bool:
    """Whether the header still speaks for the file."""
    return sum(stamp_of(shard).n_bytes for shard in weights.shards) == weights.size_bytes


def _of_loaded(loaded: LoadedWorker) -> ModelIdentity | None:
    try:
        return _identity(loaded.basis)
    except OSError:
        return None  # its files were replaced before anybody asked


def _identity(basis: LoadBasis) -> ModelIdentity:
    """Raises OSError if a file is not as it was when `basis` was found."""
    stamps = {stamp.path: stamp for stamp in basis.files}
    weights, params = basis.weights, basis.params
    settings = {name: value for name, value in msgspec.to_builtins(params).items() if name not in _WITHOUT_EFFECT}
    shards = [sampled_digest(stamps[str(path)]) for path in weights.shards or (weights.path,)]
    facts = msgspec.json.encode([_build(), settings, shards], order="sorted")
    own = None if params.chat_template_name else weights.header.chat_template
    template = params.chat_template if params.chat_template is not None else own
    return ModelIdentity(
        weights=hashlib.sha256(facts).hexdigest(),
        adapters={
            adapter.generation: sampled_digest(stamps[file.path])
            for adapter, file in zip(basis.adapters, params.adapters, strict=True)
        },
        date_formats=date_formats(template),
    )


def identity_of_upstream(upstream: UpstreamSettings) -> ModelIdentity:
    """Who is asked, and for what. What that server makes of a name is its own matter: kept answers have an age."""
    facts = [_build(), upstream.base_url, upstream.model, sorted(upstream.headers.items())]
    return ModelIdentity(hashlib.sha256(msgspec.json.encode(facts)).hexdigest(), {}, ())


def date_formats(template: str | None) -> tuple[str, ...] | None:
    """The formats in which a chat template asks for the time; None if they can't be told without running it."""
    if template is None:
        return None
    formats = sorted({double or single for double, single in _CLOCK_FORMAT.findall(template)})
    rest = _CLOCK_TEST.sub("", _CLOCK_FORMAT.sub("", template))
    return None if _CLOCK in rest else tuple(formats)


@functools.cache
def _build() -> tuple[str, str]:
    return lsrv.__version__, importlib.metadata.version("llama-cpp-python")
