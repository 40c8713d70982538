"""Pictures in prompts: what the engine makes of them is what llama.cpp's own helper makes, however they are read."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lsrv.engine.detokenize import TextAssembler
from lsrv.engine.llama.library import lib
from lsrv.engine.llama.mtmd import mtmd
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.media.embedded import EmbeddedBatch
from lsrv.engine.media.projector import Projector
from lsrv.engine.media.remembered import Remembered
from lsrv.engine.media.span import MediaSpan, MediaSpans, ids_of
from lsrv.engine.sequence import Sequence
from lsrv.errors import LoadFailedError, RequestError
from tests.engine.conftest import LoadStories, make_sequence, run_all
from tests.engine.media.test_picture import file_of
from tests.models import STORIES
from tests.models.eyes import N_TOKENS, EyeKind, write_projector, write_qwen2vl

BEFORE, BEHIND = "Once upon a time", " there was"
RED, BLUE = (file_of(Image.new("RGB", (40, 30), colour), "PNG") for colour in ("red", "blue"))
NOISE = file_of(Image.effect_noise((50, 50), 80), "PNG")

Seeing = Callable[[EyeKind], LoadedModel]


@pytest.fixture(scope="module")
def seeing(load_stories: LoadStories, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeing]:
    folder = tmp_path_factory.mktemp("eyes")
    loaded: dict[EyeKind, LoadedModel] = {}

    def load(kind: EyeKind) -> LoadedModel:
        if kind not in loaded:
            path = write_projector(folder / f"mmproj-{kind}.gguf", 64, kind)
            own = (
                {"model_path": str(write_qwen2vl(folder / "qwen2vl.gguf", STORIES))} if kind == "qwen2vl_merger" else {}
            )
            loaded[kind] = load_stories(projector_path=str(path), needs_projector=True, **own)
        generation = loaded[kind].generation
        assert generation is not None
        generation.fail_all()
        return loaded[kind]

    yield load
    for each in loaded.values():
        each.free()


def projector_of(loaded: LoadedModel) -> Projector:
    assert loaded.projector is not None
    return loaded.projector


def looking(loaded: LoadedModel, *pictures: bytes, request_id: int = 1, n_max_tokens: int = 10) -> Sequence:
    """A sequence of BEFORE, the pictures, BEHIND."""
    vocab = loaded.model.vocab
    tokens = [vocab.tokenize(BEFORE, add_special=True, parse_special=True)]
    spans: list[MediaSpan] = []
    for picture in pictures:
        for part in projector_of(loaded).spans(picture, "here"):
            if isinstance(part, MediaSpan):
                spans.append(part.at(sum(map(len, tokens))))
                tokens.append(part.ids)
            else:
                tokens.append(np.array(part, np.int32))
    tokens.append(vocab.tokenize(BEHIND, add_special=False, parse_special=True))
    return Sequence(
        request_id=request_id,
        prompt=np.concatenate(tokens),
        sampler=None,
        text=TextAssembler(None),
        n_max_tokens=n_max_tokens,
        submitted_at=time.perf_counter(),
        media=MediaSpans(tuple(spans)),
    )


def written(loaded: LoadedModel, sequence: Sequence) -> list[int]:
    assert loaded.generation is not None
    loaded.generation.submit(sequence)
    while loaded.generation.has_work:
        loaded.generation.step()
    return sequence.generated


def written_by_llamacpp(loaded: LoadedModel, picture: bytes, n_tokens: int) -> list[int]:
    """The same by mtmd_helper_eval_chunks, in a context of its own, with greedy sampling."""
    raw = lib.llama_context_default_params()
    raw.n_ctx, raw.n_batch, raw.n_ubatch, raw.n_threads, raw.n_threads_batch = 256, 256, 256, 1, 1
    context = lib.llama_init_from_model(loaded.model.handle, raw)
    handle = projector_of(loaded).handle
    data = (ctypes.c_uint8 * len(picture)).from_buffer_copy(picture)
    bitmap = mtmd.mtmd_helper_bitmap_init_from_buf(handle, data, len(picture), False)
    chunks = mtmd.mtmd_input_chunks_init()
    said = f"{BEFORE}<__media__>{BEHIND}".encode()
    text = mtmd.mtmd_input_text(text=said, text_len=len(said), add_special=True, parse_special=True)
    assert mtmd.mtmd_tokenize(handle, chunks, ctypes.byref(text), (ctypes.c_void_p * 1)(bitmap), 1) == 0
    n_past = ctypes.c_int32()
    assert mtmd.mtmd_helper_eval_chunks(handle, context, chunks, 0, 0, 256, True, ctypes.byref(n_past)) == 0
    tokens: list[int] = []
    n_vocab = loaded.model.vocab.n_tokens
    for at in range(n_past.value, n_past.value + n_tokens):
        logits = np.ctypeslib.as_array(lib.llama_get_logits_ith(context, -1), shape=(n_vocab,))
        tokens.append(int(logits.argmax()))
        batch = lib.llama_batch_get_one((ctypes.c_int32 * 1)(tokens[-1]), 1)
        assert at < 256 and lib.llama_decode(context, batch) == 0
    lib.llama_free(context)
    mtmd.mtmd_input_chunks_free(chunks)
    mtmd.mtmd_bitmap_free(bitmap)
    return tokens


@pytest.mark.parametrize("kind", ["mlp", "gemma3", "qwen2vl_merger"])
@pytest.mark.parametrize("picture", [RED, NOISE], ids=["red", "noise"])
def test_a_picture_means_what_llamacpps_own_helper_makes_of_it(seeing: Seeing, kind: EyeKind, picture: bytes) -> None:
    loaded = seeing(kind)
    assert written(loaded, looking(loaded, picture)) == written_by_llamacpp(loaded, picture, 10)


@pytest.mark.parametrize("kind", ["mlp", "gemma3"])
def test_another_picture_is_another_prompt(seeing: Seeing, kind: EyeKind) -> None:
    loaded = seeing(kind)
    red, blue = looking(loaded, RED), looking(loaded, BLUE)
    assert red.prompt.tolist() != blue.prompt.tolist() and len(red.prompt) == len(blue.prompt)
    texts = {tuple(written(loaded, each)) for each in (red, blue, looking(loaded, NOISE))}
    assert len(texts) > 1
    assert blue.n_cached <= red.media.n_text(0, len(red.prompt))  # the text before, and nothing of the red one


@pytest.mark.parametrize("kind", ["mlp", "gemma3"])
def test_a_second_question_about_it_reads_it_from_the_cache(seeing: Seeing, kind: EyeKind) -> None:
    loaded = seeing(kind)
    first = written(loaded, looking(loaded, RED, BLUE))
    again = looking(loaded, RED, BLUE)
    assert written(loaded, again) == first
    assert again.n_cached == len(again.prompt) - 1
    anew = looking(loaded, RED, BLUE)
    anew.can_reuse_cache = False
    assert written(loaded, anew) == first and anew.n_cached == 0


def test_in_two_dimensions_the_cache_ends_at_the_first_picture(seeing: Seeing) -> None:
    loaded = seeing("qwen2vl_merger")
    first = looking(loaded, RED, BLUE)
    assert first.media.position(len(first.prompt)) < len(first.prompt)
    text = written(loaded, first)
    again = looking(loaded, RED, BLUE)
    assert written(loaded, again) == text
    assert 0 < again.n_cached <= again.media.n_text(0, len(again.prompt))


@pytest.mark.parametrize("kind", ["mlp", "gemma3", "qwen2vl_merger"])
def test_streams_go_on_beside_a_picture_and_both_write_what_they_would_alone(seeing: Seeing, kind: EyeKind) -> None:
    loaded = seeing(kind)
    engine = loaded.generation
    assert engine is not None
    alone = written(loaded, looking(loaded, RED)), run_all(engine, make_sequence(loaded, 5, "Lily and Tom"))
    engine.fail_all()
    stream, picture = make_sequence(loaded, 6, "Lily and Tom"), looking(loaded, RED, request_id=7)
    engine.submit(stream)
    while not stream.generated:
        engine.step()
    engine.submit(picture)
    n_before = len(stream.generated)
    while not picture.generated:
        engine.step()
    assert len(stream.generated) > n_before
    while engine.has_work:
        engine.step()
    assert picture.generated == alone[0] and loaded.model.vocab.detokenize(stream.generated) == alone[1][5]


def test_several_about_one_picture_at_once_share_it(seeing: Seeing) -> None:
    loaded = seeing("mlp")
    expected = written(loaded, looking(loaded, RED))
    assert loaded.generation is not None
    loaded.generation.fail_all()
    together = [looking(loaded, RED, request_id=i) for i in range(1, 5)]
    for each in together:
        loaded.generation.submit(each)
    while loaded.generation.has_work:
        loaded.generation.step()
    assert [each.generated for each in together] == [expected] * 4


def test_a_picture_is_encoded_once_while_it_is_remembered(seeing: Seeing) -> None:
    projector = projector_of(seeing("mlp"))
    remembered = Remembered(projector)
    first = remembered.parts(RED, "here")
    assert remembered.parts(RED, "there") is first and remembered.n_encoded == 1
    remembered.parts(BLUE, "here")
    assert remembered.n_encoded == 2 and remembered.size_bytes == 2 * N_TOKENS * 64 * 4
    small = Remembered(projector, max_bytes=N_TOKENS * 64 * 4)
    small.parts(RED, "here")
    small.parts(BLUE, "here")
    small.parts(RED, "here")
    assert small.n_encoded == 3 and small.size_bytes == N_TOKENS * 64 * 4


def test_sound_for_a_model_that_only_sees_is_refused(seeing: Seeing) -> None:
    with pytest.raises(RequestError, match="hears nothing"):
        projector_of(seeing("mlp")).spans(b"RIFF\x24\x00\x00\x00WAVEfmt ", "here")


def test_a_projector_of_another_model_fails_the_load_where_it_is_needed(
    load_stories: LoadStories, tmp_path: Path
) -> None:
    wrong = str(write_projector(tmp_path / "mmproj.gguf", 128))
    with pytest.raises(LoadFailedError, match=r"mmproj\.gguf.*another model"):
        load_stories(projector_path=wrong, needs_projector=True)
    without = load_stories(projector_path=wrong)
    assert without.projector is None and not without.info.can_see
    without.free()


def test_places_in_two_dimensions_take_fewer_positions_than_cells() -> None:
    grid = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]], np.int32)
    span = MediaSpan(3, ids_of(b"x", 4), np.ones((4, 8), np.float32), n_pos=2, positions=grid)
    spans = MediaSpans((span,))
    assert [spans.position(n) for n in (0, 3, 7, 9)] == [0, 3, 5, 7]
    assert spans.n_shareable == 3 and spans.at(2) is None and spans.at(6) is span
    batch = EmbeddedBatch(8)
    batch.fill(span, 0, 4, 3, 1, n_outputs=1)
    positions = np.ctypeslib.as_array(batch.raw.pos, shape=(16,)).reshape(4, 4)
    assert (positions == grid + 3).all() and batch.n_tokens == 4


def test_ids_are_negative_and_chosen_by_contents() -> None:
    assert (ids_of(b"a", 100) < 0).all() and (ids_of(b"a", 100) == ids_of(b"a", 100)).all()
    assert (ids_of(b"a", 100) != ids_of(b"b", 100)).mean() > 0.9
