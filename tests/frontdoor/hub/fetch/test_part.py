"""Which bytes are here: spans, and the log that survives a kill."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from lsrv.frontdoor.hub import HubFile
from lsrv.frontdoor.hub.fetch.checksum import Checksum
from lsrv.frontdoor.hub.fetch.part import Part, n_bytes_held
from lsrv.frontdoor.hub.fetch.spans import merged, missing, n_bytes, n_leading, segments
from lsrv.frontdoor.progress import Cancel

SIZE = 64
some_spans = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)))


def file_of(data: bytes) -> HubFile:
    sha256 = hashlib.sha256(data).hexdigest()
    return HubFile("m.gguf", len(data), sha256, sha256)


def bytes_of(spans: list[tuple[int, int]]) -> set[int]:
    return {position for first, end in spans for position in range(first, end)}


@given(some_spans, st.integers(1, SIZE))
def test_spans_and_their_gaps_are_the_whole_file(spans: list[tuple[int, int]], segment_bytes: int) -> None:
    held = merged(spans)
    gaps = missing(held, SIZE)
    pieces = segments(gaps, segment_bytes)

    assert bytes_of(held) == bytes_of(spans)
    assert n_bytes(held) == len(bytes_of(spans))
    assert bytes_of(gaps) == set(range(SIZE)) - bytes_of(held)
    assert bytes_of(pieces) == bytes_of(gaps)
    assert n_bytes(pieces) == n_bytes(gaps)
    assert all(end - first <= segment_bytes for first, end in pieces)
    assert n_leading(held) == next((at for at in range(SIZE) if at not in bytes_of(held)), SIZE)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=20))
def test_a_log_read_after_a_kill_claims_exactly_what_was_written(writes: list[tuple[int, int]]) -> None:
    data = bytes(range(SIZE))
    file = file_of(data)
    with TemporaryDirectory() as folder:
        blob = Path(folder) / file.etag
        part = Part(blob, file)
        filling = [part.begin((first, first + 8)) for first in range(0, SIZE, 8)]
        for number, n in writes:
            segment = filling[number]
            part.append(segment, data[segment.position : min(segment.position + n, segment.end)])
        held = part.held()

        again = Part(blob, file)  # the first one was never closed, as after a kill

        assert again.held() == held
        assert n_bytes_held(blob, file) == n_bytes(held)
        assert all(again.read(first, end - first) == data[first:end] for first, end in held)
        again.close()
        part.close()


@given(st.binary(max_size=700))
def test_a_log_of_rubbish_claims_nothing_that_is_not_there(rubbish: bytes) -> None:
    file = file_of(bytes(SIZE))
    with TemporaryDirectory() as folder:
        blob = Path(folder) / file.etag
        part = Part(blob, file)
        part.append(part.begin((0, 10)), bytes(10))
        part.close()
        log = blob.with_name(f"{blob.name}.part.log")
        head = log.read_bytes()[:512]
        for content in (rubbish, head + rubbish):
            log.write_bytes(content)
            assert n_bytes_held(blob, file) <= 10


def test_a_part_of_another_version_is_given_up(tmp_path: Path) -> None:
    old, new = file_of(bytes(SIZE)), file_of(bytes(SIZE + 1))
    blob = tmp_path / "blob"
    part = Part(blob, old)
    part.append(part.begin((0, 10)), bytes(10))
    part.close()
    assert n_bytes_held(blob, old) == 10
    assert n_bytes_held(blob, new) == 0


def test_threads_that_come_late_write_nothing(tmp_path: Path) -> None:
    file = file_of(bytes(SIZE))
    part = Part(tmp_path / "blob", file)
    segment = part.begin((0, SIZE))
    part.append(segment, b"abc")
    part.restart()
    part.append(segment, b"def")
    assert part.n_held == 0
    part.close()
    part.append(segment, b"ghi")
    part.rewind(segment)
    part.note_validator('"x"')
    assert n_bytes_held(tmp_path / "blob", file) == 0


def test_a_checksum_starts_again_with_a_file_that_starts_again(tmp_path: Path) -> None:
    data = bytes(range(SIZE))
    part = Part(tmp_path / "blob", file_of(data))
    checksum = Checksum(part)
    segment = part.begin((0, SIZE))
    part.append(segment, b"wrong")
    assert checksum.advance()

    part.rewind(segment)
    part.append(segment, data)

    assert checksum.matches(Cancel())
    part.close()
