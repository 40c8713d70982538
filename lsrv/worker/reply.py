"""One request's answer on its way out: engine text in, deltas and the final event out."""

from __future__ import annotations

from lsrv.chat.reading.said import Said, gathered_calls
from lsrv.engine.sequence import Output, Sequence
from lsrv.protocol.events import (
    AnswerDetails,
    CallDelta,
    Delta,
    Finished,
    FinishReason,
    PromptLogprob,
    TokenLogprob,
    Usage,
)
from lsrv.worker.chat_text import ChatText


class AnswerWriter:
    """Collects what a sequence writes. Not streaming: everything travels in `Finished`."""

    __slots__ = (
        "_calls",
        "_chat",
        "_content",
        "_details",
        "_has_begun",
        "_is_streaming",
        "_logprobs",
        "_n_reasoning_tokens",
        "_n_tokens_sent",
        "_n_written",
        "_prompt_logprobs",
        "_reasoning",
        "_wants_tokens",
    )

    def __init__(
        self,
        *,
        is_streaming: bool,
        chat: ChatText | None,
        echo: str,
        wants_tokens: bool = False,
        details: AnswerDetails | None = None,
    ) -> None:
        """`chat`: where the sequence's text is read; None: all of it is text."""
        self._details = details
        self._n_tokens_sent = 0
        self._is_streaming = is_streaming
        self._has_begun = False
        self._chat = chat
        self._wants_tokens = wants_tokens
        self._content = [echo] if echo else []
        self._reasoning: list[str] = []
        self._calls: list[CallDelta] = []
        self._logprobs: list[TokenLogprob] | None = None
        self._prompt_logprobs: list[PromptLogprob] = []
        self._n_reasoning_tokens = 0
        self._n_written = 0  # tokens of the answer until now

    def push(self, output: Output, *, is_due: bool) -> Delta | None:
        """Take one step's text; a Delta of all that is unsent if `is_due`. The very first text never waits."""
        self._add(output)
        has_news = self._content or self._reasoning or self._calls or self._prompt_logprobs
        if not self._is_streaming or (self._has_begun and not is_due) or not has_news:
            return None
        self._has_begun = True
        prompt_logprobs = self._take_prompt_logprobs()
        (content, reasoning, calls), logprobs = self._take(), self._take_logprobs()
        tokens = self._new_tokens(output.sequence) if self._wants_tokens else []
        return Delta(output.sequence.request_id, content, reasoning, logprobs, [*calls], prompt_logprobs, tokens)

    def finish(self, sequence: Sequence, output: Output | None) -> Finished:
        """The final event; `output` is the last step's, None after an abort."""
        if output is not None:
            self._add(output)
        finish_reason = sequence.finish_reason or "abort"
        if self._chat is not None:
            self._chat.flush()
            self._keep(self._chat.take())
            finish_reason = self._end_calls(self._chat, finish_reason)
        content, reasoning, calls = self._take()
        return Finished(
            request_id=sequence.request_id,
            finish_reason=finish_reason,
            text=content,
            reasoning=reasoning,
            usage=_usage(sequence, self._n_reasoning_tokens),
            stop_string=sequence.stopped_by or sequence.text.stop_string,
            logprobs=self._take_logprobs(),
            calls=[*calls],
            complaint=self._chat.reader.complaint if self._chat is not None else "",
            prompt_logprobs=self._take_prompt_logprobs(),
            tokens=[*sequence.prompt.tolist(), *sequence.generated] if self._wants_tokens else [],
            details=self._details,
        )

    def _new_tokens(self, sequence: Sequence) -> list[int]:
        start, self._n_tokens_sent = self._n_tokens_sent, sequence.n_written
        return sequence.generated[start : sequence.n_written]

    def _add(self, output: Output) -> None:
        self._prompt_logprobs += output.prompt_logprobs
        if output.logprobs is not None:
            self._logprobs = (self._logprobs or []) + output.logprobs
        if self._chat is None:
            if output.text:
                self._content.append(output.text)
            return
        said = self._chat.take()
        n_written = output.sequence.n_written
        if self._chat.reader.is_reasoning:
            self._n_reasoning_tokens += n_written - self._n_written
        elif said.reasoning:  # it has ended in this step; how many of its tokens is not known
            self._n_reasoning_tokens += 1
        self._n_written = n_written
        self._keep(said)

    def _keep(self, said: Said) -> None:
        content, reasoning, calls = said
        if content:
            self._content.append(content)
        if reasoning:
            self._reasoning.append(reasoning)
        if calls:
            self._calls += calls

    def _end_calls(self, chat: ChatText, finish_reason: FinishReason) -> FinishReason:
        """Why the answer ended. A call that is none, or that the model itself left unfinished, is content."""
        n_calls = chat.reader.n_calls
        if finish_reason == "stop" and chat.reader.cut_off:
            self._content.append(chat.reader.cut_off)
        if chat.reader.is_broken or finish_reason == "stop":
            self._calls = [call for call in self._calls if call.index < n_calls]
        return "tool_calls" if n_calls and finish_reason == "stop" else finish_reason

    def _take_prompt_logprobs(self) -> list[PromptLogprob]:
        taken, self._prompt_logprobs = self._prompt_logprobs, []
        return taken

    def _take_logprobs(self) -> list[TokenLogprob] | None:
        taken, self._logprobs = self._logprobs, None
        return taken

    def _take(self) -> Said:
        calls = gathered_calls(self._calls) if self._calls else ()
        taken = Said("".join(self._content), "".join(self._reasoning), calls)
        self._content, self._reasoning, self._calls = [], [], []
        return taken


def _usage(sequence: Sequence, n_reasoning_tokens: int) -> Usage:
    return Usage(
        n_prompt_tokens=len(sequence.prompt),
        n_cached_tokens=sequence.n_cached,
        n_completion_tokens=len(sequence.generated),
        n_reasoning_tokens=n_reasoning_tokens,
        queue_s=max(0.0, sequence.scheduled_at - sequence.submitted_at),
        prefill_s=max(0.0, sequence.first_token_at - sequence.scheduled_at),
        decode_s=max(0.0, sequence.last_token_at - sequence.first_token_at),
        n_guessed_tokens=sequence.n_guessed,
        n_right_tokens=sequence.n_right,
        n_accepted_tokens=sequence.n_accepted,
        n_rejected_tokens=sequence.n_rejected,
    )


def finished_before_work(request_id: int) -> Finished:
    """The end of a request that was aborted before the engine had it."""
    return Finished(request_id, "abort", "", "", Usage(0, 0, 0, 0, 0.0, 0.0, 0.0))
