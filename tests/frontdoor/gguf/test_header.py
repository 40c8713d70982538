"""The header reader: what it says of right files, and that a wrong file is a CorruptWeightsError and nothing else."""

import random
import struct
import time
import tracemalloc
from pathlib import Path

import gguf as gguf_library
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsrv.errors import CorruptWeightsError, LsrvError, WeightsNotFoundError
from lsrv.frontdoor import read_header
from lsrv.frontdoor.gguf.tensor_types import TENSOR_TYPES
from lsrv.quantization import FILE_TYPES
from tests.frontdoor.gguf.gguf_file import flag, gguf, number, string, strings, tensor, text
from tests.models import STORIES


@pytest.fixture
def read(tmp_path: Path):
    """The header of the given bytes."""

    def read_bytes(data: bytes):
        path = tmp_path / "m.gguf"
        path.write_bytes(data)
        return read_header(path)

    return read_bytes


def test_the_demo_model_is_read():
    header = read_header(STORIES)
    assert (header.arch, header.name, header.n_tensors, header.n_ctx_train) == ("llama", "stories260K", 48, 2048)
    assert (header.quantization, header.size_bytes) == ("F32", STORIES.stat().st_size)
    assert not header.is_embedding


@pytest.mark.parametrize("version", [2, 3])
def test_both_versions_are_read(read, version):
    assert read(gguf(version=version)).version == version


def test_a_file_type_has_its_name(read):
    assert read(gguf([number("general.file_type", 15)])).quantization == "Q4_K_M"


@pytest.mark.parametrize("pairs", [[], [number("general.file_type", 1024)]])
def test_without_a_file_type_most_bytes_decide(read, pairs):
    tensors = [tensor("a", (32,)), tensor("b", (32, 64), 8, 128)]
    assert read(gguf(pairs, tensors, 128 + 64 * 34)).quantization == "Q8_0"


def test_a_chat_template_is_seen_however_long_it_is(read):
    assert read(gguf([string("tokenizer.chat_template", "x" * 100_000)])).has_chat_template


@pytest.mark.parametrize(
    ("arch", "pairs"),
    [("bert", []), ("gemma-embedding", []), ("qwen3", [number("qwen3.pooling_type", 3)]),
     ("llama", [flag("llama.attention.causal", False)])],
)  # fmt: skip
def test_an_embedding_model_is_told_from_a_text_model(read, arch, pairs):
    assert read(gguf(pairs, arch=arch)).is_embedding


def test_pooling_type_none_makes_no_embedding_model(read):
    assert not read(gguf([number("llama.pooling_type", 0)])).is_embedding


@pytest.mark.parametrize(
    ("arch", "pairs", "name", "kind"),
    [("llama", [], "a", "text"), ("bert", [], "a", "embedding"), ("bert", [], "cls.output.weight", "rerank"),
     ("jina-bert-v2", [], "cls.weight", "rerank"), ("qwen3", [number("qwen3.pooling_type", 4)], "a", "rerank"),
     ("qwen3", [number("qwen3.pooling_type", 1)], "cls.output.weight", "embedding")],
)  # fmt: skip
def test_a_reranker_says_so_or_has_a_classifier_and_says_nothing(read, arch, pairs, name, kind):
    header = read(gguf(pairs, [tensor(name)], arch=arch))
    assert (header.kind, header.has_classifier) == (kind, name.startswith("cls"))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "only 0 bytes long"),
        (b"GGUF" + bytes(4), "shorter than any GGUF"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer; run `git lfs pull`"),
        (b"<!DOCTYPE html><html><body>", "a web page"),
        (b"\x80\x02 some pickle of weights, long enough", "some other kind of file; name a GGUF"),
        (gguf(version=1), "GGUF version 1, and only 2 and 3"),
        (gguf(version=4), "GGUF version 4"),
        (gguf(version=0x03000000), "is big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 2**40), "more than any model has"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0), "more than any model has"),
        (gguf([("", 4, bytes(4))]), "is empty or stands twice"),
        (gguf([number("a", 1), number("a", 1)]), "is empty or stands twice"),
        (gguf([("a", 13, b"")]), "has type 13, which GGUF does not know"),
        (gguf([("a", 9, struct.pack("<IQ", 9, 1))]), "is an array of type 9"),
        (gguf([("a", 9, struct.pack("<IQ", 4, 2**62))]), "but the file ends at"),
        (gguf([("a", 9, struct.pack("<IQ", 8, 2**62))]), "more than the 4000000"),
        (gguf([("a", 8, struct.pack("<Q", 2**63))]), "but the file ends at"),
        (gguf([("k" * 70_000, 4, bytes(4))]), "longer than the 65535"),
        (gguf([number("general.alignment", 48)]), "not a power of two"),
        (gguf([number("general.alignment", 0)]), "not a power of two"),
        (gguf([string("general.alignment", "32")]), "not a power of two"),
        (gguf(tensors=[tensor("n" * 64)]), "longer than the 63"),
        (gguf(tensors=[tensor("a"), tensor("a", offset=128)], n_data_bytes=256), "stands twice"),
        (gguf(tensors=[tensor("a", (1, 1, 1, 1, 1))]), "has 5 dimensions"),
        (gguf(tensors=[tensor("a", (2**33, 2**33))]), "can't have the shape"),
        (gguf(tensors=[tensor("a", (2**63,))]), "can't have the shape"),
        (gguf(tensors=[tensor("a", (33,), 8)]), "can't have the shape"),
        (gguf(tensors=[tensor("a", (32,), 4)]), "type 4, which ggml does not know"),
        (gguf(tensors=[tensor("a", offset=32)]), "lies at 32 of the data instead of 0"),
        (gguf(n_data_bytes=127), "the tensors need"),
        (gguf(arch="") + b"", None),
        (gguf([(b"\xff".decode("latin1"), 4, bytes(4))]).replace("ÿ".encode(), b"\xff\xfe"), "not UTF-8"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_what_is_wrong(read, data, what):
    if what is None:
        assert read(data).arch == ""  # later shards say no architecture
        return
    with pytest.raises(CorruptWeightsError) as caught:
        read(data)
    assert what in caught.value.message


def test_the_message_names_file_offset_and_mend(read, tmp_path):
    with pytest.raises(CorruptWeightsError) as caught:
        read(gguf(n_data_bytes=100))
    assert caught.value.message == (
        f"{tmp_path}/m.gguf: the tensors need 256 bytes, but the file has 228 (byte 102); "
        "the file is damaged or not complete; download it again"
    )
    assert caught.value.fields["offset"] == 102


def test_a_file_that_is_not_there_is_not_corrupt(tmp_path):
    with pytest.raises(WeightsNotFoundError, match="can't be read"):
        read_header(tmp_path / "none.gguf")


def test_every_truncation_of_the_demo_model_is_refused(read):
    data = STORIES.read_bytes()
    for n_bytes in [*range(0, 2000, 7), *range(2000, len(data), 9973), len(data) - 1]:
        with pytest.raises(CorruptWeightsError):
            read(data[:n_bytes])


def test_random_bytes_in_the_header_end_in_a_header_or_a_corrupt_weights_error(read):
    original, random_ = STORIES.read_bytes(), random.Random(1)
    started = time.monotonic()
    for _ in range(300):
        data = bytearray(original)
        for _ in range(random_.randint(1, 8)):
            data[random_.randrange(0, 20_000)] = random_.choice([0, 1, 9, 127, 128, 255, random_.randrange(256)])
        _read_or_refuse(read, bytes(data))
    assert time.monotonic() - started < 30


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_behind_the_magic_end_in_a_header_or_a_corrupt_weights_error(read, tail):
    _read_or_refuse(read, b"GGUF" + struct.pack("<I", 3) + tail)


@given(
    st.lists(st.tuples(st.text(max_size=5), st.integers(0, 14), st.binary(max_size=24)), max_size=4),
    st.lists(
        st.builds(
            tensor,
            st.text(max_size=4),
            st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 32, 256]), max_size=5).map(tuple),
            st.integers(0, 50),
            st.sampled_from([0, 32, 128, 2**63]),
        ),
        max_size=3,
    ),
)
@settings(max_examples=200, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_keys_and_tensors_end_in_a_header_or_a_corrupt_weights_error(read, pairs, tensors):
    _read_or_refuse(read, gguf(pairs, tensors))


def _read_or_refuse(read, data: bytes) -> None:
    try:
        read(data)
    except LsrvError as error:
        assert isinstance(error, CorruptWeightsError)


def test_a_header_that_lies_costs_little_memory_and_time(read):
    pairs = [("a", 9, struct.pack("<IQ", 8, 3_999_999)), ("b", 8, struct.pack("<Q", 2**40))]
    tracemalloc.start()
    started = time.monotonic()
    with pytest.raises(CorruptWeightsError):
        read(gguf(pairs, n_data_bytes=8_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - started < 10  # tracemalloc slows it; alone it takes a tenth of a second
    assert peak < 64 * 1024 * 1024


def test_a_vocabulary_of_151k_tokens_takes_well_under_a_second(read):
    data = gguf([strings("tokens", (f"token{n}" for n in range(151_936))), strings("merges", ("a b",) * 151_387)])
    started = time.monotonic()
    read(data)
    assert time.monotonic() - started < 0.3


def test_the_sizes_of_tensor_types_are_those_of_the_gguf_library():
    theirs = {int(code): sizes for code, sizes in gguf_library.GGML_QUANT_SIZES.items()}
    ours = {code: (elements, n_bytes) for code, (_, elements, n_bytes) in TENSOR_TYPES.items()}
    assert {code: ours[code] for code in theirs} == theirs


def test_the_names_of_file_types_are_those_of_the_gguf_library():
    theirs = {int(each): each.name.removeprefix("MOSTLY_").removeprefix("ALL_") for each in gguf_library.LlamaFileType}
    del theirs[1024]  # GUESSED
    assert {code: FILE_TYPES[code] for code in theirs} == theirs


def test_text_is_length_prefixed():
    assert text("ab") == b"\x02\0\0\0\0\0\0\0ab"
