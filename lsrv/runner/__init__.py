"""lsrv in a program of your own: the server's models, queues and memory budget, without a port."""

from lsrv.runner.adapter_stack import AdapterStack
from lsrv.runner.async_runner import AsyncRunner
from lsrv.runner.builder import MultiModelBuilder
from lsrv.runner.endpoints import ModelEndpoint, ModelEndpoints
from lsrv.runner.requests import (
    ChatCompletionRequest,
    CompletionRequest,
    EmbeddingRequest,
    LoraAdapterGeneration,
    ToolChoice,
)
from lsrv.runner.responses import (
    ChatCompletionChunkResponse,
    ChatCompletionResponse,
    CompletionChunkResponse,
    CompletionResponse,
    LoraAdapterInfo,
    RankedText,
)
from lsrv.runner.runner import Runner
from lsrv.runner.runner_error import RunnerError
from lsrv.runner.which import (
    Architecture,
    EmbeddingArchitecture,
    LoraAdapter,
    ModelDType,
    MultimodalArchitecture,
    Which,
)

__all__ = [
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
]
