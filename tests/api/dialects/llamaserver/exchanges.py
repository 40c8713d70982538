"""Requests in llama-server's words whose answers are kept."""

from __future__ import annotations

from typing import Any

from tests.api.dialects.transcripts import Exchange
from tests.conftest import TINY

LONG = "Once upon a time " * 200


def _completion(name: str, **body: Any) -> Exchange:
    given = {"model": TINY, "prompt": "Once upon", "n_predict": 4, "temperature": 0, "cache_prompt": False}
    return Exchange(name, "POST", "/completion", given | body)


EXCHANGES = (
    _completion("whole"),
    _completion("stream", stream=True),
    _completion("probabilities", n_probs=2, n_predict=2, return_tokens=True),
    _completion("probabilities_stream", n_probs=1, n_predict=2, stream=True),
    _completion("progress", return_progress=True, stream=True),
    _completion("prompts", prompt=["Once upon", [1, 403, "upon"], {"prompt_string": "The"}], n_predict=1),
    _completion("fields", response_fields=["content", "generation_settings/n_predict", "timings/nope", "nope"]),
    _completion("word", stop=["time"], n_predict=20),
    _completion("in_vain", id_slot=1, n_keep=3, samplers=["top_k", "wat"], temperature=0.5, top_k=1),
    _completion("too_long", prompt=LONG),
    _completion("unknown_model", model="nope"),
    _completion("image", prompt={"prompt_string": "<__media__>", "multimodal_data": ["aGk="]}),
    _completion("sampled_probabilities", post_sampling_probs=True, n_probs=1),
    _completion("no_prompt", prompt=None),
    _completion("empty", prompt=[]),
    Exchange("native", "POST", "/completions", {"model": TINY, "prompt": "Once", "n_predict": 1, "temperature": 0}),
    Exchange("infill", "POST", "/infill", {"model": TINY, "input_prefix": "a", "input_suffix": "b"}),
    Exchange("infill_without_prefix", "POST", "/infill", {"model": TINY, "input_suffix": "b"}),
    Exchange("no_json", "POST", "/completion", "{"),
    Exchange("wrong_method", "GET", "/completion"),
)
