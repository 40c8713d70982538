"""What is refused before any work."""

from __future__ import annotations

import pytest

from lsrv.errors import RequestError
from lsrv.worker.length import check_scores


def test_a_prompt_with_more_logprobs_than_an_answer_has_room_for_is_refused_by_name() -> None:
    check_scores(6_000, 20, "logprobs")
    with pytest.raises(RequestError, match="room for 131072; ask for fewer alternatives") as caught:
        check_scores(7_000, 20, "logprobs")
    assert caught.value.param == "logprobs"
