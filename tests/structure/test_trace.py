"""The tracer, over a real request to this tree."""

from __future__ import annotations

import sys

from tests.structure.figures import HERE
from tests.structure.trace import trace_chat


def test_a_request_is_followed_from_the_socket_to_the_sampler() -> None:
    passage = trace_chat(HERE, sys.executable)
    assert "api/http/connection.py" in passage.server
    assert "engine/llama/sampler.py" in passage.worker
    assert {"protocol/framing.py"} <= passage.server & passage.worker
    assert "engine/load/loading.py" not in passage.worker, "the model was there before"
    assert passage.n_resolved > 0
