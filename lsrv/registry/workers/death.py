"""What a worker's end is called: from its exit status and its last lines to an error. Pure."""

from __future__ import annotations

import signal

from lsrv.errors import CrashedError, StartFailedError, WorkerError

_N_LOG_LINES = 20

# Signals by which a build dies on a processor whose features it misjudges (AMX is the known case).
_CPU_FAULTS = frozenset({"SIGSEGV", "SIGILL", "SIGBUS", "SIGABRT"})

_HINTS = {
    "SIGKILL": "; if nobody sent that signal, the system ran out of memory (see dmesg)",
    "SIGBUS": "; was its weights file truncated while in use?",
}


def last_words(log: list[str]) -> list[str]:
    """The lines worth carrying inside an error."""
    return log[-_N_LOG_LINES:]


def death_error(label: str, doing: str, exit_status: int, log: list[str], *, was_ready: bool) -> WorkerError:
    """CrashedError, or StartFailedError if the worker never was ready.

    `exit_status` as in subprocess: negative for a signal. fields: signal or exit_code, log.
    """
    name = signal_name(exit_status)
    how = f"by {name}{_HINTS.get(name, '')}" if name else f"with exit code {exit_status}"
    cls = CrashedError if was_ready else StartFailedError
    error = cls(f"{label} died {doing} {how}", log=last_words(log))
    if name:
        error.fields["signal"] = name
    else:
        error.fields["exit_code"] = exit_status
    return error


def signal_name(exit_status: int) -> str:
    """ "SIGSEGV" for -11; empty for an exit without a signal."""
    if exit_status >= 0:
        return ""
    try:
        return signal.Signals(-exit_status).name
    except ValueError:
        return f"signal {-exit_status}"


def is_cpu_fault(error: Exception) -> bool:
    """Whether `error` looks like a build that used a processor feature which faults."""
    return isinstance(error, CrashedError) and error.fields.get("signal") in _CPU_FAULTS
