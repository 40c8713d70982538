"""What found models are called."""

from __future__ import annotations

from pathlib import Path

from lsrv.frontdoor.finding.other_programs import FoundWeights
from lsrv.registry.found_names import name_found


def _found(path: str, model_id: str, program: str = "Hugging Face cache", quantization: str = "Q4_K_M") -> FoundWeights:
    return FoundWeights(model_id, program, Path(path), (Path(path),), 1, quantization, "text")


def _listed(*found: FoundWeights, taken: tuple[str, ...] = ()) -> list[str]:
    names = name_found(found, taken, {})
    return [names[each.path][0] for each in found]


def test_a_file_is_called_as_people_would_type_it_whatever_its_repository_is_called() -> None:
    assert _listed(_found("/a/Qwen3-4B-Q4_K_M.gguf", "bartowski/Qwen_Qwen3-4B-GGUF")) == ["qwen3-4b"]
    assert _listed(_found("/a/Qwen3-4B-UD-Q4_K_XL-00001-of-00002.gguf", "unsloth/Qwen3-4B-GGUF")) == ["qwen3-4b"]
    assert _listed(_found("/a/model.gguf", "owner/Gemma-3-GGUF")) == ["gemma-3"]
    assert _listed(_found("/a/sha256-1", "llama3.2:latest", "Ollama")) == ["llama3.2"]
    assert _listed(_found("/a/o_N-GGUF_n-Q4_0.gguf", "o/N-GGUF", "llama.cpp", "Q4_0")) == ["n"]


def test_of_several_quantizations_the_finest_has_the_short_name_and_each_its_own() -> None:
    small, large = _found("/a/M-Q4_0.gguf", "o/M", quantization="Q4_0"), _found("/a/M-Q8_0.gguf", "o/M", "x", "Q8_0")
    names = name_found([small, large], (), {})
    assert names[large.path] == ("m", "m:q8_0", "M", "o/M", "o/M:Q8_0")
    assert names[small.path] == ("m:q4_0", "o/M:Q4_0")


def test_a_name_that_means_something_else_is_not_taken_from_it() -> None:
    assert _listed(_found("/a/M.gguf", "o/M"), taken=("m",)) == ["m:q4_k_m"]
    assert _listed(_found("/a/default.gguf", "o/default")) == ["default:q4_k_m"]


def test_a_name_that_was_given_stays_with_its_file_whatever_comes() -> None:
    old, new = _found("/a/M-Q4_0.gguf", "o/M", quantization="Q4_0"), _found("/a/M-Q8_0.gguf", "o/M", "x", "Q8_0")
    first = name_found([old], (), {})
    assert name_found([old, new], (), first)[old.path] == first[old.path]
