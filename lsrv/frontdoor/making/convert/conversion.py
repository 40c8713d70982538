"""A folder of safetensors becomes one GGUF of the same precision. All is decided before the first byte is written.

1. What it is: config.json, checked against what llama.cpp computes.
2. What it holds: tensors under GGUF names, numbers, vocabulary.
3. The file: header, then the tensors chunk by chunk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, LlamaFileType

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.architecture import check_convertible
from lsrv.frontdoor.making.convert.config import Config
from lsrv.frontdoor.making.convert.hyperparameters import hyperparameters
from lsrv.frontdoor.making.convert.json_file import read_config
from lsrv.frontdoor.making.convert.layout import EMBEDDING
from lsrv.frontdoor.making.convert.metadata import add_metadata
from lsrv.frontdoor.making.convert.rope import Rope
from lsrv.frontdoor.making.convert.rows import MadeTensor
from lsrv.frontdoor.making.convert.safetensors import read_tensors
from lsrv.frontdoor.making.convert.source_files import CONFIG
from lsrv.frontdoor.making.convert.tensors import plan_tensors
from lsrv.frontdoor.store.space import require_space

_ALIGNMENT = 32  # GGUF_DEFAULT_ALIGNMENT
_FILE_TYPES = {
    Type.F32: LlamaFileType.ALL_F32,
    Type.F16: LlamaFileType.MOSTLY_F16,
    Type.BF16: LlamaFileType.MOSTLY_BF16,
}

OnBytes = Callable[[int, int], None]  # (written, in total), after each chunk


def write_gguf(source: Path, target: Path, name: str, on_bytes: OnBytes) -> None:
    """Write the model in the folder `source` to `target`, unfinished after an error. Raises ConvertError."""
    values = read_config(source / CONFIG)
    architecture = check_convertible(values, [path.name for path in source.iterdir()])
    config = Config(values, architecture.defaults)
    numbers = hyperparameters(architecture, config)
    tensors = [*plan_tensors(architecture, config, read_tensors(source)), *_small_tensors(numbers)]
    (n_tokens,) = (tensor.shape[0] for tensor in tensors if tensor.name == EMBEDDING)
    require_space(target.parent, sum(tensor.n_bytes for tensor in tensors), f"the GGUF of {name}", ConvertError)
    writer = GGUFWriter(target, architecture.arch)
    writer.add_file_type(_file_type(tensors))
    add_metadata(writer, source, name, architecture, config, numbers, n_tokens)
    try:
        _write_header(writer, tensors)
        _write_tensors(target, tensors, on_bytes)
    except OSError as error:
        raise ConvertError(f"{target}: can't be written ({error.strerror}); free some space and try again") from None


def _small_tensors(numbers: Rope) -> list[MadeTensor]:
    return [MadeTensor(name, (len(each),), Type.F32, values=tuple(each)) for name, each in numbers.tensors.items()]


def _file_type(tensors: list[MadeTensor]) -> LlamaFileType:
    """The precision that most bytes have."""
    n_bytes: Counter[Type] = Counter()
    for tensor in tensors:
        n_bytes[tensor.type] += tensor.n_bytes
    return _FILE_TYPES[n_bytes.most_common(1)[0][0]]


def _write_header(writer: GGUFWriter, tensors: list[MadeTensor]) -> None:
    for tensor in tensors:
        dtype = np.dtype(np.float32)  # not looked at, since raw_dtype is given
        writer.add_tensor_info(tensor.name, tensor.shape, dtype, tensor.n_bytes, raw_dtype=tensor.type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()


def _write_tensors(target: Path, tensors: list[MadeTensor], on_bytes: OnBytes) -> None:
    """Write the tensors behind the header, in its order, each at a multiple of the alignment."""
    n_bytes, n_bytes_total = 0, sum(tensor.n_bytes for tensor in tensors)
    with target.open("ab") as file:
        for tensor in tensors:
            file.write(bytes(-file.tell() % _ALIGNMENT))
            for chunk in tensor.chunks():
                file.write(np.ascontiguousarray(chunk).data.cast("B"))
                n_bytes += chunk.nbytes
                on_bytes(n_bytes, n_bytes_total)
        file.write(bytes(-file.tell() % _ALIGNMENT))
