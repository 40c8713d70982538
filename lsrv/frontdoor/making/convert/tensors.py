"""Which tensors the GGUF gets, from which rows of which tensors of the checkpoint. Decides; moves no data.

Names come from gguf-py's own maps. Nothing is left out silently: a tensor is mapped, or known to be of no use here, or
the conversion stops and names it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, TensorNameMap, get_tensor_name_map
from gguf import GGMLQuantizationType as Type

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.architecture import ConvertedArchitecture
from lsrv.frontdoor.making.convert.config import Config
from lsrv.frontdoor.making.convert.hyperparameters import EXPERTS, head_dim, n_layer, n_positions_skipped
from lsrv.frontdoor.making.convert.layout import EMBEDDING, OUTPUT, require_layout
from lsrv.frontdoor.making.convert.number_types import NUMBER_TYPES
from lsrv.frontdoor.making.convert.rows import MadeTensor, Piece, Rows, Scale
from lsrv.frontdoor.making.convert.safetensors import SourceTensor

# What the text model does not need: buffers, heads for training, the eyes of multimodal models, scales of activations.
_UNUSED = re.compile(
    r"rotary_emb\.inv_freq$|embeddings\.position_ids$|^pooler\.|^cls\.|^vocab_|(^|\.)vision_|(^|\.)multi_modal_projector\."
    r"|\.(input_scale|k_scale|v_scale|q_scale|output_scale)$"
)
_ENCODER_PREFIX = re.compile(r"^(bert|roberta|distilbert)\.")
_DECODER_PREFIXES = (("language_model.model.", "model."), ("model.language_model.", "model."),
                     ("language_model.lm_head.", "lm_head."))  # fmt: skip
_BARE = ("layers.", "embed_tokens.", "norm.")
_EXPERT = re.compile(r"(.+\.mlp\.experts)\.([0-9]+)\.((?:gate|up|down)_proj\.weight)")
_SCALE = re.compile(r"(.+\.weight)_scale(_inv)?$")
# llama.cpp reads these in F32, whatever the rest is (llama_model_quantize_impl leaves them alone, too).
_ALWAYS_F32 = re.compile(r"ffn_gate_inp|position_embd|token_types")


@dataclass(frozen=True)
class _Named:
    """A tensor of the checkpoint under its usual name."""

    name: str
    source: SourceTensor
    scale: Scale | None


def plan_tensors(
    architecture: ConvertedArchitecture, config: Config, sources: dict[str, SourceTensor]
) -> list[MadeTensor]:
    """The tensors of the GGUF in the order of the file. Raises ConvertError."""
    named = _named(architecture, config, sources.values())
    names = get_tensor_name_map(_model_arch(architecture.arch), n_layer(config))
    made = [_made(architecture, config, names, *each) for each in _merged(config, named)]
    made = _with_output(architecture, config, made)
    require_layout(architecture, config, made)
    _require_even_blocks(made, n_layer(config))
    return made


def _model_arch(arch: str) -> MODEL_ARCH:
    return {name: each for each, name in MODEL_ARCH_NAMES.items()}[arch]


def _named(architecture: ConvertedArchitecture, config: Config, sources: Iterable[SourceTensor]) -> list[_Named]:
    usual = {_usual_name(architecture, source.name): source for source in sources}
    scales = {match[1]: source for name, source in usual.items() if (match := _SCALE.fullmatch(name))}
    return [
        _Named(name, source, _scale(config, source, scales.get(name)))
        for name, source in usual.items()
        if not _UNUSED.search(name) and not _SCALE.fullmatch(name) and not _is_left_behind(architecture, name)
    ]


def _scale(config: Config, source: SourceTensor, scale: SourceTensor | None) -> Scale | None:
    """One factor per tensor ("weight_scale" of one value), per row, or per block ("weight_scale_inv")."""
    if not source.dtype.startswith("F8"):
        return None
    if scale is None:
        raise ConvertError(f"tensor {source.name}: is {source.dtype} and has no weight_scale; fetch the missing files")
    n_factors = (scale.n_rows, scale.row_length)
    if n_factors == (1, 1):
        return Scale(scale, source.n_rows, source.row_length)
    if n_factors == (source.n_rows, 1):
        return Scale(scale, 1, source.row_length)
    block = config.block_size()
    if block is None or n_factors != (-(-source.n_rows // block[0]), -(-source.row_length // block[1])):
        raise ConvertError(f"tensor {source.name}: {source.shape} does not fit its scales {scale.shape}")
    return Scale(scale, *block)


def _usual_name(architecture: ConvertedArchitecture, name: str) -> str:
    if architecture.kind == "encoder":
        return re.sub(r"\.beta$", ".bias", re.sub(r"\.gamma$", ".weight", _ENCODER_PREFIX.sub("", name)))
    for prefix, usual in _DECODER_PREFIXES:
        if name.startswith(prefix):
            return usual + name.removeprefix(prefix)
    return f"model.{name}" if name.startswith(_BARE) else name


def _is_left_behind(architecture: ConvertedArchitecture, name: str) -> bool:
    return name.startswith("lm_head.") and (architecture.kind == "encoder" or architecture.output == "never")


def _merged(config: Config, named: list[_Named]) -> list[tuple[str, tuple[int, ...], list[Piece]]]:
    """(name, shape, pieces): the experts of a layer as one tensor; fused gate_up_proj as two."""
    found: list[tuple[str, tuple[int, ...], list[Piece]]] = []
    experts: defaultdict[str, dict[int, _Named]] = defaultdict(dict)
    for each in named:
        shape = each.source.shape
        if match := _EXPERT.fullmatch(each.name):
            experts[f"{match[1]}.{match[3]}"][int(match[2])] = each
        elif each.name.endswith(".mlp.experts.gate_up_proj"):
            found += _halves(each)
        elif each.name.endswith(".mlp.experts.down_proj"):
            found.append((f"{each.name}.weight", shape, [_whole(each)]))
        else:
            found.append((each.name, shape, [_whole(each)]))
    for name, by_index in experts.items():
        n_experts = config.integer(*EXPERTS)
        if sorted(by_index) != list(range(n_experts)):
            raise ConvertError(f"{name}: there are {len(by_index)} of {n_experts} experts; fetch the missing files")
        pieces = [_whole(by_index[index]) for index in range(n_experts)]
        if len({piece.source.shape for piece in pieces}) > 1:
            raise ConvertError(f"{name}: the experts differ in shape")
        found.append((name, (n_experts, *pieces[0].source.shape), pieces))
    return found


def _whole(each: _Named) -> Piece:
    return Piece(each.source, range(each.source.n_rows), each.scale)


def _halves(each: _Named) -> list[tuple[str, tuple[int, ...], list[Piece]]]:
    """gate_up_proj [n_expert, 2 n_ff, n_embd]: the first half of each expert's rows is the gate."""
    if len(each.source.shape) != 3 or each.source.shape[1] % 2:
        raise ConvertError(f"{each.name}: has the shape {each.source.shape}, not [experts, 2 n_ff, n_embd]")
    n_experts, n_rows, n_embd = each.source.shape
    rows = np.arange(n_experts * n_rows).reshape(n_experts, 2, n_rows // 2)
    base = each.name.removesuffix("gate_up_proj")
    shape = (n_experts, n_rows // 2, n_embd)
    return [
        (f"{base}{half}_proj.weight", shape, [Piece(each.source, rows[:, index].reshape(-1), each.scale)])
        for index, half in enumerate(("gate", "up"))
    ]


def _made(
    architecture: ConvertedArchitecture,
    config: Config,
    names: TensorNameMap,
    name: str,
    shape: tuple[int, ...],
    pieces: list[Piece],
) -> MadeTensor:
    made_name = names.get_name(name, try_suffixes=(".weight", ".bias"))
    if made_name is None:
        raise ConvertError(f"tensor {name}: not in llama.cpp's {architecture.arch}; use a GGUF of this model")
    source = pieces[0].source
    if architecture.is_interleaved and re.search(r"\.self_attn\.[qk]_proj\.", name):
        pieces = [replace(piece, rows=_interleaved(piece.source, head_dim(config))) for piece in pieces]
    if architecture.position_offset and made_name.startswith("position_embd"):
        n_skipped = n_positions_skipped(config)
        pieces = [replace(piece, rows=range(n_skipped, source.n_rows)) for piece in pieces]
        shape = (source.n_rows - n_skipped, source.row_length)
    is_plain = len(shape) < 2 or _ALWAYS_F32.search(made_name) is not None
    made_type = Type.F32 if is_plain else NUMBER_TYPES[source.dtype].made
    shift = architecture.norm_shift if name.endswith("norm.weight") else 0.0
    return MadeTensor(made_name, shape, made_type, tuple(pieces), shift=shift)


def _interleaved(source: SourceTensor, n_rot: int) -> Rows:
    """The row order in which the two halves of each head alternate, as llama.cpp's LLAMA_ROPE_TYPE_NORM expects."""
    if source.n_rows % n_rot or n_rot % 2:
        raise ConvertError(f"tensor {source.name}: {source.n_rows} rows are no whole heads of {n_rot}")
    return np.arange(source.n_rows).reshape(-1, 2, n_rot // 2).swapaxes(1, 2).reshape(-1)


def _with_output(architecture: ConvertedArchitecture, config: Config, made: list[MadeTensor]) -> list[MadeTensor]:
    """An output matrix where llama.cpp wants one of its own; none where it is the embedding's."""
    has_output = any(each.name == OUTPUT for each in made)
    if not has_output and _needs_output(architecture, config):
        raise ConvertError(
            "no tensor of the safetensors files is lm_head.weight, and config.json does not tie it to the embedding "
            "(tie_word_embeddings); fetch the missing files"
        )
    if config.flag("tie_word_embeddings") and has_output:
        made, has_output = [each for each in made if each.name != OUTPUT], False
    if architecture.output == "always" and not has_output:
        made = [*made, *(replace(each, name=OUTPUT) for each in made if each.name == EMBEDDING)]
    return made


def _needs_output(architecture: ConvertedArchitecture, config: Config) -> bool:
    """Whether a checkpoint has a matrix of its own for the output; those of a bare "…Model" come without."""
    is_bare = any(name.endswith("Model") for name in config.texts("architectures") or [])
    is_untied = architecture.output != "never" and not config.flag("tie_word_embeddings")
    return architecture.kind == "decoder" and is_untied and not is_bare


def _require_even_blocks(made: list[MadeTensor], n_blocks: int) -> None:
    """Every layer has what the first one has: biases, say, which a model may have or not."""
    blocks: defaultdict[int, set[str]] = defaultdict(set)
    for each in made:
        if match := re.match(r"blk\.([0-9]+)\.(.+)", each.name):
            blocks[int(match[1])].add(match[2])
    for index in range(n_blocks):
        if missing := sorted(blocks[0] ^ blocks[index]):
            raise ConvertError(f"layer {index} differs from layer 0 in {', '.join(missing)}; fetch the missing files")
