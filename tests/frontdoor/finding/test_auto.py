from __future__ import annotations

import pytest

from lsrv.frontdoor.finding.choice import Candidate, NoChoiceError, group_shards
from lsrv.frontdoor.finding.memory_fit import Fit, choose_auto

SIZES = {"m-F32.gguf": 32, "m-BF16.gguf": 16, "m-Q8_0.gguf": 8, "m-Q4_K_M.gguf": 5, "m-Q2_K.gguf": 3}
CONTEXT_MIB = 2
MIB = 1 << 20


def size_bytes(candidate: Candidate) -> int:
    return SIZES[candidate.name] * MIB


def chosen(budget_mib: int, names: dict[str, int] = SIZES) -> tuple[str, list[str]]:
    """What is chosen, and what was planned for it."""
    planned: list[str] = []

    def plan(candidate: Candidate) -> Fit:
        planned.append(candidate.name)
        return Fit({"CPU": size_bytes(candidate) + CONTEXT_MIB * MIB}, {"CPU": budget_mib * MIB})

    choice = choose_auto(group_shards(names), size_bytes, plan)
    return choice.candidate.name, planned


@pytest.mark.parametrize(
    ("budget_mib", "name"), [(100, "m-BF16.gguf"), (18, "m-BF16.gguf"), (17, "m-Q8_0.gguf"), (5, "m-Q2_K.gguf")]
)
def test_the_largest_that_fits_with_its_context_is_chosen(budget_mib: int, name: str) -> None:
    assert chosen(budget_mib)[0] == name


def test_once_memory_is_known_what_is_larger_than_all_of_it_is_not_even_planned() -> None:
    assert chosen(6) == ("m-Q2_K.gguf", ["m-BF16.gguf", "m-Q4_K_M.gguf", "m-Q2_K.gguf"])


def test_32_bits_are_taken_only_where_nothing_else_is() -> None:
    assert chosen(100, {"m-F32.gguf": 32})[0] == "m-F32.gguf"


def test_files_that_are_no_whole_model_are_left_out() -> None:
    names = {"m-BF16-00001-of-00002.gguf": 8, **SIZES}
    assert chosen(100, names)[0] == "m-BF16.gguf"


def test_if_nothing_fits_the_error_has_the_numbers() -> None:
    with pytest.raises(NoChoiceError, match=r"m-Q2_K.gguf, the smallest, has 3.0 MiB .*there is 2.0 MiB of RAM"):
        chosen(2)
    with pytest.raises(NoChoiceError, match=r"needs 5.0 MiB of RAM, and there is 4.0 MiB of RAM"):
        chosen(4)


def test_every_device_must_have_its_part() -> None:
    assert Fit({"CPU": 1, "CUDA0": 5}, {"CPU": 1, "CUDA0": 5})
    assert not Fit({"CPU": 1, "CUDA0": 5}, {"CPU": 100, "CUDA0": 4})
    assert not Fit({"CUDA0": 1}, {"CPU": 100})
