"""What waits for shadows, and what is kept of their answers."""

from __future__ import annotations

from lsrv.api.dialects.openai.chat import parse_chat
from lsrv.protocol.events import Usage
from lsrv.serving.shadow.copies import Copy, Original, Shadow, WaitingCopies
from lsrv.serving.shadow.tally import Heard, Tally, find_difference

A, B = Shadow("r", "a"), Shadow("r", "b")


def copy_of(size_bytes: int, shadow: Shadow = A) -> Copy:
    return Copy(shadow, Original("id", b"x" * size_bytes, parse_chat, []))


def test_the_oldest_copies_are_dropped_when_too_many_wait() -> None:
    waiting = WaitingCopies(n_max=2, max_bytes=100)
    first, second, third = copy_of(1), copy_of(1), copy_of(1)
    assert waiting.add(first) == waiting.add(second) == []
    assert waiting.add(third) == [first]
    assert not waiting.remove(first) and waiting.remove(second) and waiting.count(A) == 1


def test_the_oldest_copies_are_dropped_when_they_are_too_large() -> None:
    waiting = WaitingCopies(n_max=9, max_bytes=100)
    first, second, third = copy_of(40), copy_of(40), copy_of(90)
    assert waiting.add(first) == waiting.add(second) == []
    assert waiting.add(third) == [first, second]
    assert waiting.add(too_large := copy_of(101)) == [too_large] and waiting.oldest() == [third]


def test_each_shadow_has_its_turn() -> None:
    waiting = WaitingCopies()
    copies = [copy_of(1), copy_of(1), copy_of(1, B)]
    for copy in copies:
        waiting.add(copy)
    assert waiting.oldest() == [copies[0], copies[2]]
    waiting.keep({B})
    assert waiting.oldest() == [copies[2]]


def test_a_difference_shows_the_place() -> None:
    texts = ["same", "x" * 300 + "left"], ["same", "x" * 300 + "right" + "y" * 9000]
    found = find_difference("id", *texts)
    assert found is not None and (found.choice, found.at) == (1, 300)
    assert (
        found.answer == "x" * 100 + "left" and found.shadow.startswith("x" * 100 + "right") and len(found.shadow) == 500
    )
    assert find_difference("id", ["one"], ["one"]) is None
    shorter = find_difference("id", ["one"], ["on"])
    assert shorter is not None and shorter.at == 2


def test_only_the_last_differences_are_kept() -> None:
    tally = Tally()
    for i in range(30):
        tally.hear(str(i), ["a"], Heard(["b"], 1.0, 3.0, Usage(5, 0, 2, 0, 0.0, 0.0, 0.0)))
    view = tally.view("a", 0)
    assert [each.request_id for each in view.differences] == [str(i) for i in range(29, 19, -1)]
    assert (view.n_different, view.ttft_s, view.total_s, view.n_completion_tokens) == (30, 1.0, 3.0, 60)
