"""lsrv: one models.toml, many GGUF models, one OpenAI-compatible port, on the machine you have.

`from lsrv import Runner` is the same without the port; see docs/python.md.
"""

from importlib import import_module

__version__ = "0.1.0"

_OF_RUNNER = {  # lsrv.runner's, imported when they are first asked for: the command line starts without them
    "AdapterStack",
    "Architecture",
    "AsyncRunner",
    "ChatCompletionChunkResponse",
    "ChatCompletionRequest",
    "ChatCompletionResponse",
    "CompletionChunkResponse",
    "CompletionRequest",
    "CompletionResponse",
    "EmbeddingArchitecture",
    "EmbeddingRequest",
    "LoraAdapter",
    "LoraAdapterGeneration",
    "LoraAdapterInfo",
    "ModelDType",
    "ModelEndpoint",
    "ModelEndpoints",
    "MultiModelBuilder",
    "MultimodalArchitecture",
    "RankedText",
    "Runner",
    "RunnerError",
    "ToolChoice",
    "Which",
}
_GONE = {"MultiModel", "MultiModelRunner"}


def __getattr__(name: str) -> object:
    if name in _OF_RUNNER:
        return getattr(import_module("lsrv.runner"), name)
    if name in _GONE:
        raise ImportError(f"lsrv has no {name}: a Runner serves any number of models; from lsrv import Runner")
    raise AttributeError(f"module 'lsrv' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_OF_RUNNER})
