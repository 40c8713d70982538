"""What a GGUF says about itself, and whether what it says can be true. No llama.cpp, no numpy, no tensor data.

llama.cpp trusts much of a header; a lie there can end the worker. The rules are those of gguf_init_from_reader() in
gguf.cpp (versions 2 and 3, little-endian), and two more: each tensor's data lies inside the file, and counts are sane.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lsrv.errors import CorruptWeightsError, WeightsNotFoundError
from lsrv.frontdoor.gguf.reader import GgufBytes, GgufValue, Readable
from lsrv.frontdoor.gguf.tensor_types import TENSOR_TYPES
from lsrv.quantization import FILE_TYPES

_VERSIONS = (2, 3)
_N_KEYS_MAX = 65_536
_N_TENSORS_MAX = 1_000_000
_KEY_BYTES_MAX = 65_535
_TENSOR_NAME_BYTES_MAX = 63  # GGML_MAX_NAME - 1
_N_DIMS_MAX = 4  # GGML_MAX_DIMS
_KEPT_BYTES_MAX = 4096
_TEMPLATE_KEY, _TEMPLATE_BYTES_MAX = "tokenizer.chat_template", 1024 * 1024
_INT64_MAX = 2**63 - 1
_ALIGNMENT = 32  # GGUF_DEFAULT_ALIGNMENT

# Architectures that only make embeddings (llama-arch.cpp); others say so by a pooling_type.
_EMBEDDING_ARCHS = frozenset(
    {"bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert",
     "gemma-embedding", "llama-embed"}
)  # fmt: skip
_ELEMENTS_PER_BYTE = {name: n_elements / n_bytes for name, n_elements, n_bytes in TENSOR_TYPES.values()}
_RANK = 4  # LLAMA_POOLING_TYPE_RANK
_CLASSIFIERS = frozenset({b"cls.weight", b"cls.output.weight"})  # LLM_TENSOR_CLS, LLM_TENSOR_CLS_OUT
_STRANGERS = {b"vers": "a Git LFS pointer; run `git lfs pull`", b"<!DO": "a web page; download the file itself",
              b"<htm": "a web page; download the file itself", b"PK\x03\x04": "a zip archive; unpack it"}  # fmt: skip


@dataclass(frozen=True)
class GgufHeader:
    """The part of a header that decides how a file is loaded and shown. `arch` is empty in shards after the first."""

    version: int
    arch: str
    name: str
    general_type: str  # "model" unless the file says "adapter", "mmproj", ...
    quantization: str  # of general.file_type, else of the type that most tensor bytes have
    n_ctx_train: int  # 0: not said
    n_embd: int  # 0: not said
    n_tensors: int
    alignment: int
    size_bytes: int
    has_chat_template: bool
    chat_template: str | None  # None: there is none, or it is longer than any that is kept
    pooling_type: int | None  # llama_pooling_type; None: not said
    has_classifier: bool  # tensors that make scores of a text's vector; of a split model, in this shard
    is_causal: bool
    n_shards: int  # 1: not split
    tensor_bytes: dict[str, int]  # bytes by type of tensor ("Q4_K"), the most first: what it is really made of

    @property
    def n_params(self) -> int:
        """Numbers in all tensors of this file."""
        return round(sum(n_bytes * _ELEMENTS_PER_BYTE[name] for name, n_bytes in self.tensor_bytes.items()))

    @property
    def is_embedding(self) -> bool:
        """Whether the model makes vectors rather than text (or scores: then it is a reranker, too)."""
        return self.arch in _EMBEDDING_ARCHS or bool(self.pooling_type) or not self.is_causal

    @property
    def kind(self) -> Literal["text", "embedding", "rerank"]:
        """What the model is for. A reranker says so by its pooling, or has a classifier and says nothing."""
        if self.pooling_type == _RANK or (self.pooling_type is None and self.has_classifier):
            return "rerank"
        return "embedding" if self.is_embedding else "text"


def read_header(path: Path) -> GgufHeader:
    """The checked header of the GGUF at `path`; takes well under a second for the largest vocabularies.

    Raises CorruptWeightsError that names the offset, WeightsNotFoundError if the file can't be opened.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return read_header_from(path, file, path.stat().st_size)
    except OSError as error:
        raise WeightsNotFoundError(
            f"{path}: can't be read ({error.strerror}); check the path and permissions"
        ) from None


def read_keys(path: Path) -> dict[str, GgufValue]:
    """What the GGUF at `path` says of itself by key, in bytes where it is text; None for lists and what is long.

    Raises as `read_header`.
    """
    try:
        with path.open("rb", buffering=0) as file:
            data = GgufBytes(path, file, path.stat().st_size)
            _read_version(data)
            data.u64("the number of tensors")
            return _read_keys(data, min(data.u64("the number of keys"), _N_KEYS_MAX))
    except OSError as error:
        raise WeightsNotFoundError(
            f"{path}: can't be read ({error.strerror}); check the path and permissions"
        ) from None


def read_header_from(path: Path, file: Readable, size_bytes: int) -> GgufHeader:
    """The same of a file that is open at its first byte, or elsewhere; `path` is for messages."""
    return _read(GgufBytes(path, file, size_bytes))


def _read(data: GgufBytes) -> GgufHeader:
    version = _read_version(data)
    n_tensors, n_keys = data.u64("the number of tensors"), data.u64("the number of keys")
    if n_tensors > _N_TENSORS_MAX or n_keys > _N_KEYS_MAX:
        data.fail(f"claims {n_tensors} tensors and {n_keys} keys, more than any model has")
    keys = _read_keys(data, n_keys)
    alignment = _alignment(data, keys)
    tensors = _read_tensors(data, n_tensors, alignment)
    return _header(data, version, keys, alignment, tensors)


def _read_version(data: GgufBytes) -> int:
    if data.size_bytes < 24:
        data.fail(f"only {data.size_bytes} bytes long, shorter than any GGUF")
    magic = data.take(4, "the magic number")
    if magic != b"GGUF":
        stranger = _STRANGERS.get(magic, "some other kind of file; name a GGUF")
        data.fail(f'begins with {magic!r} instead of "GGUF"', f"it is {stranger}")
    version = data.u32("the version")
    if version & 0xFFFF == 0:
        data.fail("is big-endian", "convert it for this machine (gguf-convert-endian)")
    if version not in _VERSIONS:
        data.fail(f"is GGUF version {version}, and only 2 and 3 can be read", "get a newer file, or a newer lsrv")
    return version


def _read_keys(data: GgufBytes, n_keys: int) -> dict[str, GgufValue]:
    keys: dict[str, GgufValue] = {}
    for index in range(n_keys):
        raw = data.string(f"key {index}", _KEY_BYTES_MAX)
        key = _text(data, raw, f"key {index}")
        if not key or key in keys:
            data.fail(f'key {index} "{key}" is empty or stands twice')
        n_bytes_kept = _TEMPLATE_BYTES_MAX if key == _TEMPLATE_KEY else _KEPT_BYTES_MAX
        keys[key] = data.value(data.u32(f'the type of "{key}"'), f'the value of "{key}"', n_bytes_kept)
    return keys


def _alignment(data: GgufBytes, keys: dict[str, GgufValue]) -> int:
    alignment = keys.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or not 0 < alignment < 2**32 or alignment & (alignment - 1):
        data.fail(f"general.alignment is {alignment!r}, not a power of two")
    return alignment


@dataclass(frozen=True)
class _Tensors:
    names: set[bytes]
    bytes_by_type: Counter[str]


def _read_tensors(data: GgufBytes, n_tensors: int, alignment: int) -> _Tensors:
    """What tensors there are. They follow each other without gaps but padding, and end within the file."""
    names: set[bytes] = set()
    bytes_by_type: Counter[str] = Counter()
    end = padded_end = 0
    for index in range(n_tensors):
        name = data.string(f"the name of tensor {index}", _TENSOR_NAME_BYTES_MAX)
        if name in names:
            data.fail(f"tensor {name!r} stands twice")
        names.add(name)
        type_name, n_bytes = _read_shape(data, name)
        offset = data.u64(f"the offset of tensor {name!r}")
        if offset != padded_end:
            data.fail(f"tensor {name!r} lies at {offset} of the data instead of {padded_end}")
        bytes_by_type[type_name] += n_bytes
        end, padded_end = offset + n_bytes, _padded(offset + n_bytes, alignment)
    n_bytes_needed = _padded(data.offset, alignment) + end
    if n_tensors and n_bytes_needed > data.size_bytes:
        data.fail(f"the tensors need {n_bytes_needed} bytes, but the file has {data.size_bytes}")
    return _Tensors(names, bytes_by_type)


def _read_shape(data: GgufBytes, name: bytes) -> tuple[str, int]:
    """Type name and size in bytes of the next tensor."""
    n_dims = data.u32(f"the shape of tensor {name!r}")
    if n_dims > _N_DIMS_MAX:
        data.fail(f"tensor {name!r} has {n_dims} dimensions")
    dims = [data.u64(f"the shape of tensor {name!r}") for _ in range(n_dims)]
    type_code = data.u32(f"the type of tensor {name!r}")
    if type_code not in TENSOR_TYPES:
        data.fail(f"tensor {name!r} has type {type_code}, which ggml does not know")
    type_name, block_elements, block_bytes = TENSOR_TYPES[type_code]
    n_elements = 1
    for dim in dims:
        n_elements *= dim
    if max(n_elements, *dims, 0) > _INT64_MAX or (dims[0] if dims else 1) % block_elements:
        data.fail(f"tensor {name!r} can't have the shape {dims} with type {type_name}")
    return type_name, n_elements // block_elements * block_bytes


def _header(data: GgufBytes, version: int, keys: dict[str, GgufValue], alignment: int, tensors: _Tensors) -> GgufHeader:
    def text(key: str) -> str:
        value = keys.get(key)
        return _text(data, value, f'the value of "{key}"') if isinstance(value, bytes) else ""

    def number(key: str) -> int | None:
        value = keys.get(key)
        return value if isinstance(value, int) else None

    arch = text("general.architecture")
    by_type = tensors.bytes_by_type.most_common()
    dominant = by_type[0][0] if by_type else "unknown"
    file_type, template = number("general.file_type"), keys.get(_TEMPLATE_KEY)
    return GgufHeader(
        version=version,
        arch=arch,
        name=text("general.name"),
        general_type=text("general.type") or "model",
        quantization=FILE_TYPES.get(-1 if file_type is None else file_type, dominant),
        n_ctx_train=number(f"{arch}.context_length") or 0,
        n_embd=number(f"{arch}.embedding_length") or 0,
        n_tensors=len(tensors.names),
        alignment=alignment,
        size_bytes=data.size_bytes,
        has_chat_template=_TEMPLATE_KEY in keys,
        chat_template=template.decode(errors="replace") if isinstance(template, bytes) else None,
        pooling_type=number(f"{arch}.pooling_type"),
        has_classifier=not tensors.names.isdisjoint(_CLASSIFIERS),
        is_causal=keys.get(f"{arch}.attention.causal", True) is not False,
        n_shards=number("split.count") or 1,
        tensor_bytes=dict(by_type),
    )


def _text(data: GgufBytes, raw: bytes, what: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        data.fail(f"{what} is not UTF-8")


def _padded(n_bytes: int, alignment: int) -> int:
    return -(-n_bytes // alignment) * alignment


def require_model(path: Path, header: GgufHeader) -> None:
    """Raise CorruptWeightsError unless `header` (of the first shard) is that of a model of its own."""
    if not header.arch:
        raise CorruptWeightsError(f"{path}: says no architecture (general.architecture); download it again")
    if header.general_type != "model" or header.arch == "clip":
        kind = "mmproj" if header.arch == "clip" else header.general_type
        raise CorruptWeightsError(f'{path}: says it is of type "{kind}", not a model; name the GGUF of the model')
