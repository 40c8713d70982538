"""`python -m tests.frontdoor.making.quantize.logits GGUF...`: what each model makes of one prompt, as rows of JSON.

A process of its own: a processor that faults on the kernels of a build, as some with AMX do, must not end the tests.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from lsrv.engine.llama.backend import Backend
from lsrv.engine.llama.batch import Batch
from lsrv.engine.llama.context import Context
from lsrv.engine.llama.model import Model
from lsrv.protocol.commands import LoadParams

_PROMPT = np.array([1, 403, 407, 261, 378, 300], np.int32)


def last_logits(path: str) -> list[float]:
    params = LoadParams(
        model_path=path, use_extra_bufts=False, n_ctx_seq=64, n_slots=1, n_threads=1, n_threads_batch=1, n_gpu_layers=0
    )
    model = Model(params, lambda _fraction: None)
    context = Context(model, params)
    batch = Batch(len(_PROMPT))
    batch.add_chunk(_PROMPT, 0, 0, n_outputs=1)
    context.decode(batch)
    return [float(value) for value in context.logits(1)[0]]


if __name__ == "__main__":
    backend = Backend()
    for path in sys.argv[1:]:
        print(json.dumps(last_logits(path)))
