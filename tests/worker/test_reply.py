"""What a reply counts while it collects an answer."""

from __future__ import annotations

import numpy as np

from lsrv.chat.reasoning import AnswerSplitter
from lsrv.engine.detokenize import TextAssembler
from lsrv.engine.sequence import Output, Sequence
from lsrv.worker.reply import AnswerWriter


def test_every_token_of_a_thought_counts_also_where_one_step_wrote_several() -> None:
    sequence = Sequence(1, np.array([1], np.int32), None, TextAssembler([]), n_max_tokens=9, submitted_at=0.0)
    reply = AnswerWriter(is_streaming=False, splitter=AnswerSplitter("a question <think>"), echo="")
    for n_tokens, text in ((1, "I"), (3, " think of it"), (1, "</think>"), (2, " Yes.")):
        sequence.generated += [5] * n_tokens
        sequence.n_written += n_tokens
        reply.push(Output(sequence, text), is_due=True)
    finished = reply.finish(sequence, None)
    assert (finished.text, finished.reasoning) == ("Yes.", "I think of it")
    assert finished.usage.n_reasoning_tokens == 4
