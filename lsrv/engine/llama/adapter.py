"""LoRA weights in memory, over a loaded model. Knows no name and no request."""

from __future__ import annotations

from typing import Any

from lsrv.engine.llama.backend import Log
from lsrv.engine.llama.library import lib
from lsrv.engine.llama.model import Model
from lsrv.errors import LoadFailedError


class Adapter:
    """llama_adapter_lora. Belongs to the engine thread; freed with the process, or by `free`."""

    def __init__(self, model: Model, path: str, log: Log) -> None:
        """Read the adapter at `path`; its matrices lie where those of the model do.

        Raises LoadFailedError that names the file and llama.cpp's reason. Source: llama_adapter_lora_init.
        """
        self.handle: Any = lib.llama_adapter_lora_init(model.handle, path.encode())
        if not self.handle:
            raise LoadFailedError(
                f"the adapter {path} can't be used with this {model.arch} model: {_reason(log)}; "
                "name an adapter that was made for it"
            )
        if lib.llama_adapter_get_alora_n_invocation_tokens(self.handle):
            self.free()
            raise LoadFailedError(f"the adapter {path} is an activated LoRA, which can't be served; name a plain LoRA")

    def free(self) -> None:
        """Give its memory back. No context may have it applied. Source: llama_adapter_lora_free."""
        lib.llama_adapter_lora_free(self.handle)
        self.handle = None


def _reason(log: Log) -> str:
    """What llama.cpp said last: "llama_…: failed to apply lora adapter: REASON"."""
    (line,) = log.tail(1) or ["it does not say why"]
    return line.rpartition("failed to apply lora adapter: ")[2]
