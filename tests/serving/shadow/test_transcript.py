"""What of two answers is compared."""

from __future__ import annotations

from lsrv.protocol.events import Accepted, CallDelta, Delta, Finished, Usage
from lsrv.serving.shadow.transcript import Transcript, calls_in, texts_in

END = Finished(1, "tool_calls", "", "", Usage(1, 0, 1, 0, 0.0, 0.0, 0.0))


def said(*events: Accepted | Delta | Finished) -> list[str]:
    transcript, batch = Transcript(), [(0, event) for event in events]
    transcript.add(texts_in(batch), calls_in(batch))
    return transcript.texts


def test_calls_stand_behind_the_text_whole_or_in_pieces_and_without_their_random_ids() -> None:
    pieces = said(
        Accepted(1, 5),
        Delta(1, "", "", None, [CallDelta(0, "", "f", "call_1")]),
        Delta(1, "Well.", "", None, [CallDelta(0, "{}")]),
        END,
    )
    whole = said(Delta(1, "Well.", "", None, [CallDelta(0, "{}", "f", "call_2")]), END)
    assert pieces == whole == ["Well.\nf({})"]


def test_other_arguments_are_another_answer() -> None:
    one, other = (said(Delta(1, "", "", None, [CallDelta(0, arguments, "f", "a")]), END) for arguments in ("{}", "[]"))
    assert one != other
