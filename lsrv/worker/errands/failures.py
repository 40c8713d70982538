"""What is said of an errand that its child did not finish. Pure."""

from __future__ import annotations

from lsrv.engine.grammar.refusal import refusal
from lsrv.errors import CapacityError, LoadFailedError, LsrvError, RequestError
from lsrv.worker.errands.errand import LIMIT_S, Compile, Errand, Examine, OpenTemplate, Render

_OUT_OF_TIME = frozenset({"SIGPROF", "SIGXCPU"})


def too_slow(errand: Errand) -> LsrvError:
    """It took longer than any errand may."""
    match errand:
        case OpenTemplate():
            return _broken(f"to read it takes longer than {LIMIT_S:g} s")
        case Render():
            return RequestError(f"the chat template ran longer than {LIMIT_S:g} s on these messages", param="messages")
        case Examine():
            return RequestError(f"to examine the chat template takes longer than {LIMIT_S:g} s", param="messages")
        case Compile(param):
            return refusal(param, f"to compile it takes longer than {LIMIT_S:g} s; simplify it")


def too_large(errand: Errand) -> LsrvError:
    """It ran out of memory or stack."""
    match errand:
        case OpenTemplate():
            return _broken("to read it takes too much memory")
        case Render():
            return RequestError("the chat template needs too much memory for these messages", param="messages")
        case Examine():
            return RequestError("to examine the chat template takes too much memory", param="messages")
        case Compile(param):
            return refusal(param, "it is too large or nested too deeply to be compiled; simplify it")


def death(errand: Errand, signal_name: str) -> LsrvError:
    """It ended its child."""
    return too_slow(errand) if signal_name in _OUT_OF_TIME else too_large(errand)


def no_child(errand: Errand, reason: str) -> LsrvError:
    """There was nobody to do it."""
    what = "compiles grammars" if isinstance(errand, Compile) else "renders chat templates"
    return CapacityError(f"the process that {what} can't be started: {reason}; try again later", retry_after_s=1)


def _broken(reason: str) -> LsrvError:
    return LoadFailedError(f"the model's chat template is broken: {reason}; set chat_template in models.toml")
