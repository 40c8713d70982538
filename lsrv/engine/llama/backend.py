"""The llama.cpp library of this process: initialised once, its log kept. Knows no model."""

from __future__ import annotations

import ctypes
import sys
from collections import deque
from collections.abc import Callable

from lsrv.engine.llama.library import ggml, lib, libllama

_WARNING = 3  # ggml_log_level: 1 debug, 2 info, 3 warning, 4 error, 5 continues the line before
_CONTINUED = 5
_EXPECTED = (  # a shared KV cache that is full: the engine finds cells, or lets someone wait, and goes on
    "decode: failed to find a memory slot",
    "state_read_meta: failed to find",
    "state_seq_set_data: error loading state: failed to restore kv cache",
)


class Log:
    """llama.cpp's log: every line kept for a while, warnings and errors that are no part of our work also on stderr.

    llama.cpp calls back from any of its threads, even while the interpreter shuts down; the callback object must
    outlive every llama.cpp object, or a clean load ends in SIGSEGV.
    """

    def __init__(self, max_lines: int = 2000) -> None:
        self.lines: deque[str] = deque(maxlen=max_lines)
        self._is_shown = False
        self._callback = lib.llama_log_callback(self._on_text)
        lib.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _on_text(self, level: int, text: bytes, _user_data: object) -> None:
        line = text.decode("utf-8", "replace")
        if level == _CONTINUED and self.lines:
            self.lines[-1] += line
        else:
            self._is_shown = level >= _WARNING and not line.startswith(_EXPECTED)
            self.lines.append(line)
        if self._is_shown:
            sys.stderr.write(line)
            sys.stderr.flush()

    def hear(self, set_callback: Callable[[object, object], None]) -> None:
        """Take the lines of another library of llama.cpp's family, too."""
        set_callback(self._callback, ctypes.c_void_p(0))

    def tail(self, n: int = 20) -> list[str]:
        """The last `n` lines, without line ends and progress dots."""
        lines = [line.rstrip() for line in self.lines]
        return [line for line in lines if line.strip(". ")][-n:]


class Backend:
    """llama_backend_init() of this process, with what the build says of itself."""

    def __init__(self) -> None:
        self.log = Log()
        lib.llama_backend_init()

    @property
    def version(self) -> str:
        return lib.__version__

    @property
    def library(self) -> str:
        """Path of the libllama in use; LLAMA_CPP_LIB_PATH names the folder of another one."""
        return libllama._name

    @property
    def system_info(self) -> str:
        """CPU features and backends of the build: llama_print_system_info()."""
        return lib.llama_print_system_info().decode()

    @property
    def devices(self) -> list[str]:
        """Names of the backend devices, e.g. ["CUDA0", "CPU"]. Source: ggml_backend_dev_name of ggml-backend.h."""
        return [
            ggml.ggml_backend_dev_name(ggml.ggml_backend_dev_get(i)).decode()
            for i in range(ggml.ggml_backend_dev_count())
        ]
