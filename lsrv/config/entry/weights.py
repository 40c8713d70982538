"""[models.format] and [models.quantization]: which weights an entry is served from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from lsrv.config.table import Strings, Table, split_files
from lsrv.quantization import AUTO, AutoQuant, Quant, parse_quant


def _quant(value: object) -> Quant:
    """Raises ValueError with what to write instead."""
    if not isinstance(value, str):
        raise ValueError("not a string; put quotes around it")
    return parse_quant(value)


def _quant_or_auto(value: object) -> Quant | AutoQuant:
    return AUTO if value == AUTO else _quant(value)


def _made_quant(value: object) -> Quant:
    if value == AUTO:
        raise ValueError('isq makes one quantization; "auto" is for quant')
    return _quant(value)


_TEXT = WithJsonSchema({"type": "string"})

ReadyQuant = Annotated[Quant | AutoQuant, PlainValidator(_quant_or_auto), _TEXT]
MadeQuant = Annotated[Quant, PlainValidator(_made_quant), _TEXT]


class FormatSettings(Table):
    """Which file of a repository or folder."""

    format: Literal["auto", "gguf", "plain"] = Field(
        default="auto", description="gguf: GGUFs only; plain: safetensors, converted here; auto: whatever there is."
    )
    quantized_file: Annotated[Strings, BeforeValidator(split_files)] = Field(
        default=(), description='GGUF file names in the repository or folder; several joined with ";".'
    )
    mmproj: str | None = Field(default=None, description="The projector file of a multimodal model.")


class QuantizationSettings(Table):
    """Which quantization an entry asks for."""

    quant: ReadyQuant | None = Field(
        default=None, description='A width ("4"), a name ("Q5_K_M") or "auto" (what fits); without it full precision.'
    )
    isq: MadeQuant | None = Field(
        default=None, description="Quantize here to this width or name, although there may be a ready file."
    )
    imatrix: str | None = Field(
        default=None, description="Importance matrix for quantizing here; one that lies beside the source is found."
    )
