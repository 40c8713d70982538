"""Choosing among file names. Pure."""

import pytest

from lsrv.frontdoor.finding.choice import (
    NoChoiceError,
    best_source,
    choose,
    choose_projector,
    group_shards,
    pull_command,
)
from lsrv.frontdoor.repository import by_owner, sibling_repos
from lsrv.quantization import NAMES, bits, find_name, parse_quant


def _chosen(names: list[str], quant: str | None = None, files: tuple[str, ...] = ()) -> str:
    return choose(group_shards(names), parse_quant(quant) if quant else None, files).candidate.name


@pytest.mark.parametrize(
    ("quant", "there", "chosen"),
    [
        ("4", ["Q4_0", "Q4_K_S", "Q4_K_M", "Q8_0"], "Q4_K_M"),
        ("4", ["Q4_0", "Q4_K_S", "UD-Q4_K_M"], "Q4_K_S"),
        ("4", ["Q4_0", "Q4_1", "Q4_K_L"], "Q4_K_L"),
        ("4", ["Q4_0", "Q4_1"], "Q4_1"),
        ("4", ["UD-Q4_K_XL", "IQ3_XS"], "UD-Q4_K_XL"),
        ("4", ["IQ4_XS", "Q8_0"], "IQ4_XS"),
        ("q4k", ["Q4_0", "Q4_K_S"], "Q4_K_S"),
        ("Q4_K_S", ["Q4_K_M", "Q4_K_S"], "Q4_K_S"),
        ("iq4_xs", ["IQ4_XS", "Q4_K_M"], "IQ4_XS"),
        ("UD-Q4_K_XL", ["UD-Q4_K_XL", "Q4_K_M"], "UD-Q4_K_XL"),
        ("8", ["Q8_0", "BF16"], "Q8_0"),
        ("2", ["Q2_K", "Q2_K_L"], "Q2_K"),
        ("3", ["Q3_K_L", "Q3_K_S"], "Q3_K_S"),
        ("5", ["Q5_0", "Q5_K_S"], "Q5_K_S"),
        ("6", ["Q6_K", "Q4_0"], "Q6_K"),
        (None, ["Q4_K_M", "BF16", "Q8_0"], "BF16"),
        (None, ["Q4_K_M", "Q8_0"], "Q8_0"),
        (None, ["F32", "F16"], "F32"),
    ],
)
def test_the_best_match_is_chosen(quant, there, chosen):
    assert _chosen([f"m-{name}.gguf" for name in there], quant) == f"m-{chosen}.gguf"


@pytest.mark.parametrize(("quant", "there"), [("q4k", "Q4_0"), ("5", "Q4_K_M"), ("Q4_K_M", "Q4_K_S"), ("4", "F16")])
def test_another_quantization_is_never_chosen(quant, there):
    with pytest.raises(NoChoiceError, match=f"there is: {there}"):
        _chosen([f"m-{there}.gguf"], quant)


@pytest.mark.parametrize(
    "name",
    ["mmproj-BF16.gguf", "m-mmproj-F16.gguf", "mtp-m-F16.gguf", "m-imatrix-F32.gguf", "lora-F32.gguf",
     "m.draft.F32.gguf", "dflash-m-F32.gguf", "mmprojF32.gguf"],
)  # fmt: skip
def test_what_is_no_model_is_never_chosen(name):
    assert _chosen([name, "m-Q4_0.gguf"]) == "m-Q4_0.gguf"


def test_a_folder_of_projectors_only_holds_no_model():
    with pytest.raises(NoChoiceError, match="no model among the GGUF files"):
        _chosen(["mmproj-F16.gguf"])


def test_two_models_of_the_same_quantization_are_ambiguous():
    with pytest.raises(NoChoiceError, match=r"2 models fit equally: a-Q4_0\.gguf, b-Q4_0\.gguf; name one with"):
        _chosen(["a-Q4_0.gguf", "b-Q4_0.gguf"], "4")


def test_shards_are_one_model_in_order():
    (candidate,) = group_shards([f"q/m-Q4_0-0000{n}-of-00003.gguf" for n in (3, 1, 2)])
    assert [name[-19:-14] for name in candidate.files] == ["00001", "00002", "00003"]
    assert (candidate.n_missing, candidate.quantization) == (0, "Q4_0")


def test_missing_shards_are_counted():
    with pytest.raises(NoChoiceError, match="is split, and 2 of its parts are missing"):
        _chosen(["m-Q4_0-00002-of-00003.gguf"])


def test_a_file_is_named_with_or_without_its_folder():
    names = ["Q4_0/m.gguf", "Q8_0/n.gguf"]
    assert _chosen(names, files=("m.gguf",)) == _chosen(names, files=("Q4_0/m.gguf",)) == "Q4_0/m.gguf"


def test_a_named_file_that_is_not_there_lists_what_is():
    with pytest.raises(NoChoiceError, match=r'"x\.gguf" is not there; there is: m\.gguf'):
        _chosen(["m.gguf"], files=("x.gguf",))


@pytest.mark.parametrize(
    ("stem", "name"),
    [("Qwen3-4B-UD-Q4_K_XL", "UD-Q4_K_XL"), ("m.q4_k_m", "Q4_K_M"), ("gpt-oss-20b-mxfp4", "MXFP4"), ("m-fp16", "F16"),
     ("Q4_0-then-Q8_0", "Q8_0"), ("m-bf16", "BF16"), ("plain", None), ("IQ", None), ("BQ4_0x", None)],
)  # fmt: skip
def test_the_quantization_is_read_from_a_file_name(stem, name):
    assert find_name(stem) == name


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_asked_for_and_has_a_width(name):
    quant = parse_quant(name)
    assert quant.rank(name) is not None
    assert bits(name) > 0


@pytest.mark.parametrize(
    ("text", "hint"),
    [("7", "one of 2, 3, 4, 5, 6, 8"), ("1234567", "one of 2"), ("Q4_KM", '"Q4_K_M"'), ("afq4", "no GGUF quantization"),
     ("fp8", "no GGUF quantization"), ("", "write a width"), ("q7k", "write a width")],
)  # fmt: skip
def test_what_is_no_quantization_is_refused_with_a_hint(text, hint):
    with pytest.raises(ValueError, match=hint):
        parse_quant(text)


def test_siblings_begin_with_the_owner():
    assert sibling_repos("Qwen/Qwen3-4B")[0] == "Qwen/Qwen3-4B-GGUF"
    assert "bartowski/Qwen_Qwen3-4B-GGUF" in sibling_repos("Qwen/Qwen3-4B")


def test_a_gguf_repository_has_no_siblings():
    assert sibling_repos("unsloth/Qwen3-4B-GGUF") == []


def test_the_pull_command_fits_what_was_asked():
    assert pull_command("o/m-GGUF", parse_quant("8"), (), "v2") == "lsrv pull o/m-GGUF --quant 8 --revision v2"
    assert (
        pull_command("o/m-GGUF", None, ("a.gguf", "b.gguf"), "main") == "lsrv pull o/m-GGUF --file a.gguf --file b.gguf"
    )


@pytest.mark.parametrize(
    ("text", "order"),
    [("4", ["Q4_K_M", "Q4_K_S", "Q4_K_L", "UD-Q4_K_XL", "IQ4_XS", "IQ4_NL", "Q4_1", "Q4_0", "MXFP4"]),
     ("8", ["Q8_0", "UD-Q8_K_XL"]), ("2", ["Q2_K", "UD-IQ2_M", "IQ2_M", "TQ2_0"]),
     ("3", ["Q3_K_M", "UD-Q3_K_XL", "IQ3_XXS"])],
)  # fmt: skip
def test_a_width_takes_the_best_there_is_in_this_order(text, order):
    quant = parse_quant(text)
    ranks = [quant.rank(name) for name in order]
    assert None not in ranks
    assert ranks == sorted(ranks) and len(set(ranks)) == len(ranks)


def test_the_projector_is_the_one_of_highest_use():
    assert choose_projector(["m.gguf", "mmproj-Q8_0.gguf", "mmproj-F32.gguf", "mmproj-BF16.gguf"]) == "mmproj-BF16.gguf"
    assert choose_projector(["m.gguf"]) is None


def test_the_best_source_is_16_bits_then_32_then_8():
    names = ["m-Q8_0.gguf", "m-F32.gguf", "m-Q4_K_M.gguf", "mmproj-BF16.gguf"]
    assert best_source(group_shards(names)).name == "m-F32.gguf"
    assert best_source(group_shards([*names, "m-BF16.gguf"])).name == "m-BF16.gguf"
    assert best_source(group_shards(["m-Q4_K_M.gguf"])) is None


def test_owners_come_before_well_known_ones_and_those_before_the_rest():
    ranked = by_owner("own/m", ["many/m-GGUF", "unsloth/m-GGUF", "own/m-gguf"])
    assert [repo for repo, _ in ranked] == ["own/m-gguf", "unsloth/m-GGUF", "many/m-GGUF"]
