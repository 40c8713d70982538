"""The llama-cpp-python binding, imported once for the whole engine."""

from __future__ import annotations

from typing import Any

import llama_cpp

# The binding annotates pointers as classes that no value of it is an instance of; what enters our code is typed there.
lib: Any = llama_cpp
