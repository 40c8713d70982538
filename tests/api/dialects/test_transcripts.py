"""Every dialect answers as its transcripts say, field for field."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.dialects.transcripts import FOLDER, Exchange, all_exchanges, transcript
from tests.conftest import RunningServer

EXCHANGES = all_exchanges()
NAMES = [path.relative_to(FOLDER).as_posix() for path in EXCHANGES]


@pytest.mark.parametrize(("path", "exchange"), EXCHANGES.items(), ids=NAMES)
def test_an_answer_is_the_one_in_its_transcript(server: RunningServer, path: Path, exchange: Exchange) -> None:
    assert transcript(server, exchange) == path.read_text()


def test_no_transcript_is_left_over() -> None:
    assert set(FOLDER.glob("*/transcripts/*.txt")) == set(EXCHANGES)
