"""The whole error tree. Raised where the fact is known; turned into a response once, in `api/http/errors.py`.

    LsrvError
    ├── ConfigError                 models.toml or a flag is wrong (CLI exit 2)
    ├── ModelNotFoundError          no entry, alias or adapter of that name
    ├── ModelDisabledError          the entry exists, and is switched off
    ├── AdapterConflictError        an adapter is not the one that a change was meant for
    ├── RequestError                what the client sent can't be served
    │   ├── UnsupportedParameterError
    │   ├── UnsupportedCapabilityError
    │   ├── GrammarError            a schema, regex or grammar that can't be kept
    │   ├── NothingToLoadError      a verb for models of this machine, and an entry that a remote server answers for
    │   └── PromptTooLongError
    ├── CapacityError               try again later (retryable)
    │   ├── QueueFullError
    │   │   └── QueueTimeoutError   it waited for a place as long as queue_timeout says
    │   ├── AdaptersBusyError       too many adapters of a model are being loaded
    │   ├── DrainingError
    │   └── NotEnoughMemoryError
    ├── WorkerError                 the process that serves a model failed
    │   ├── StartFailedError
    │   ├── LoadFailedError
    │   ├── CrashedError
    │   └── UnresponsiveError
    ├── UpstreamError               the remote server of an entry can't be used as it is set up, or talks nonsense
    │   ├── UpstreamFailedError     it can't be reached, broke off, or failed itself (retryable)
    │   ├── UpstreamTimeoutError    it was silent for too long (retryable)
    │   ├── UpstreamUnavailableError    it serves nobody now, or failed too often to be asked (retryable)
    │   ├── UpstreamBusyError       it has no room for this request now (retryable)
    │   └── UpstreamRefusedError    it says that the request is wrong
    ├── AbortedError                the client or an operator ended the request
    ├── ServerError                 a command could not do its work with a running server (CLI exit 1)
    └── BuildError                  weights can't be found, read or made
        ├── WeightsNotFoundError
        ├── CorruptWeightsError
        ├── FetchError              a download failed: the network, access, the disk
        ├── ConvertError            safetensors that can't become a GGUF
        ├── QuantizeError
        └── BuildCancelledError     who asked for the weights gave up

Between processes an error travels as `ErrorInfo` (code, message, fields) and becomes the same class again.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

FieldValue = str | int | float | bool | list[str] | None


class ErrorInfo(msgspec.Struct, frozen=True):
    """An error as it crosses a process border."""

    code: str
    message: str
    param: str | None = None
    fields: dict[str, FieldValue] = {}


class LsrvError(Exception):
    """Base of every error a user can meet.

    `message` says what was wrong, where, and what to do. `param` names the request or config key at fault.
    `fields` carries the numbers behind the message (for example n_prompt_tokens, n_ctx, retry_after_s).
    """

    code: ClassVar[str] = "internal_error"
    is_retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, param: str | None = None, **fields: FieldValue) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.fields = fields
        self.request_id = ""  # of the client's request that it ended, once that is known

    def info(self) -> ErrorInfo:
        """This error as a value that can be sent to another process."""
        return ErrorInfo(self.code, self.message, self.param, dict(self.fields))


class ConfigError(LsrvError):
    code = "config_error"


class ModelNotFoundError(LsrvError):
    """fields: known, the names there are; model, the name that means nothing."""

    code = "model_not_found"


class ModelDisabledError(LsrvError):
    code = "model_disabled"


class AdapterConflictError(LsrvError):
    code = "adapter_conflict"


class RequestError(LsrvError):
    code = "invalid_request"


class UnsupportedParameterError(RequestError):
    code = "unsupported_parameter"


class UnsupportedCapabilityError(RequestError):
    code = "capability_not_supported"


class GrammarError(RequestError):
    code = "invalid_grammar"


class NothingToLoadError(RequestError):
    code = "nothing_to_load"


class PromptTooLongError(RequestError):
    """fields: n_prompt_tokens, n_ctx."""

    code = "context_length_exceeded"


class CapacityError(LsrvError):
    """fields: retry_after_s."""

    code = "overloaded"
    is_retryable = True


class QueueFullError(CapacityError):
    code = "queue_full"


class QueueTimeoutError(QueueFullError):
    code = "queue_timeout"


class AdaptersBusyError(CapacityError):
    code = "lora_load_busy"


class DrainingError(CapacityError):
    code = "draining"


class NotEnoughMemoryError(CapacityError):
    code = "insufficient_memory"


class WorkerError(LsrvError):
    code = "worker_error"


class StartFailedError(WorkerError):
    code = "worker_start_failed"


class LoadFailedError(WorkerError):
    """fields: log (llama.cpp's own last lines)."""

    code = "model_load_failed"


class CrashedError(WorkerError):
    """fields: signal or exit_code, log."""

    code = "worker_crashed"
    is_retryable = True


class UnresponsiveError(WorkerError):
    code = "worker_unresponsive"
    is_retryable = True


class UpstreamError(LsrvError):
    code = "upstream_error"


class UpstreamFailedError(UpstreamError):
    code = "upstream_failed"
    is_retryable = True


class UpstreamTimeoutError(UpstreamError):
    code = "upstream_timeout"
    is_retryable = True


class UpstreamUnavailableError(UpstreamError):
    """fields: retry_after_s, if it is known."""

    code = "upstream_unavailable"
    is_retryable = True


class UpstreamBusyError(UpstreamError):
    """fields: retry_after_s, if it is known."""

    code = "upstream_busy"
    is_retryable = True


class UpstreamRefusedError(UpstreamError):
    """fields: status (HTTP, 4xx), upstream_code (its own word for what is wrong, if it gave one)."""

    code = "upstream_refused"


class AbortedError(LsrvError):
    code = "aborted"


class ServerError(LsrvError):
    code = "server_error"


class BuildError(LsrvError):
    code = "build_failed"


class WeightsNotFoundError(BuildError):
    code = "weights_not_found"


class CorruptWeightsError(BuildError):
    code = "model_corrupt"


class FetchError(BuildError):
    code = "fetch_failed"


class ConvertError(BuildError):
    code = "convert_failed"


class QuantizeError(BuildError):
    code = "quantize_failed"


class BuildCancelledError(BuildError):
    code = "build_cancelled"


def _tree(cls: type[LsrvError]) -> dict[str, type[LsrvError]]:
    found = {cls.code: cls}
    for sub in cls.__subclasses__():
        found |= _tree(sub)
    return found


_BY_CODE = _tree(LsrvError)


def from_info(info: ErrorInfo) -> LsrvError:
    """The error that `info` describes; an unknown code becomes a plain LsrvError with that message."""
    cls = _BY_CODE.get(info.code, LsrvError)
    return cls(info.message, param=info.param, **info.fields)
