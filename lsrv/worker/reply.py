"""One request's answer on its way out: engine text in, deltas and the final event out."""

from __future__ import annotations

from lsrv.chat.reasoning import AnswerSplitter
from lsrv.engine.sequence import Output, Sequence
from lsrv.protocol.events import Delta, Finished, PromptLogprob, TokenLogprob, Usage


class AnswerWriter:
    """Collects what a sequence writes. Not streaming: everything travels in `Finished`."""

    __slots__ = (
        "_content",
        "_has_begun",
        "_is_streaming",
        "_logprobs",
        "_n_reasoning_tokens",
        "_n_written",
        "_prompt_logprobs",
        "_reasoning",
        "_splitter",
        "_wants_tokens",
    )

    def __init__(
        self, *, is_streaming: bool, splitter: AnswerSplitter | None, echo: str, wants_tokens: bool = False
    ) -> None:
        self._is_streaming = is_streaming
        self._has_begun = False
        self._splitter = splitter
        self._wants_tokens = wants_tokens
        self._content = [echo] if echo else []
        self._reasoning: list[str] = []
        self._logprobs: list[TokenLogprob] | None = None
        self._prompt_logprobs: list[PromptLogprob] = []
        self._n_reasoning_tokens = 0
        self._n_written = 0  # tokens of the answer until now

    def push(self, output: Output, *, is_due: bool) -> Delta | None:
        """Take one step's text; a Delta of all that is unsent if `is_due`. The very first text never waits."""
        self._add(output)
        has_news = self._content or self._reasoning or self._prompt_logprobs
        if not self._is_streaming or (self._has_begun and not is_due) or not has_news:
            return None
        self._has_begun = True
        prompt_logprobs = self._take_prompt_logprobs()
        content, reasoning, logprobs = self._take()
        return Delta(output.sequence.request_id, content, reasoning, logprobs, prompt_logprobs=prompt_logprobs)

    def finish(self, sequence: Sequence, output: Output | None) -> Finished:
        """The final event; `output` is the last step's, None after an abort."""
        if output is not None:
            self._add(output)
        if self._splitter is not None:
            content, reasoning = self._splitter.flush()
            self._keep(content, reasoning)
        content, reasoning, logprobs = self._take()
        return Finished(
            request_id=sequence.request_id,
            finish_reason=sequence.finish_reason or "abort",
            text=content,
            reasoning=reasoning,
            usage=_usage(sequence, self._n_reasoning_tokens),
            stop_string=sequence.text.stop_string,
            logprobs=logprobs,
            prompt_logprobs=self._take_prompt_logprobs(),
            tokens=[*sequence.prompt.tolist(), *sequence.generated] if self._wants_tokens else [],
        )

    def _add(self, output: Output) -> None:
        self._prompt_logprobs += output.prompt_logprobs
        if output.logprobs is not None:
            self._logprobs = (self._logprobs or []) + output.logprobs
        if self._splitter is None:
            self._keep(output.text, "")
            return
        content, reasoning = self._splitter.push(output.text)
        n_written = output.sequence.n_written
        if self._splitter.is_reasoning:
            self._n_reasoning_tokens += n_written - self._n_written
        elif reasoning:  # it has ended in this step; how many of its tokens is not known
            self._n_reasoning_tokens += 1
        self._n_written = n_written
        self._keep(content, reasoning)

    def _keep(self, content: str, reasoning: str) -> None:
        if content:
            self._content.append(content)
        if reasoning:
            self._reasoning.append(reasoning)

    def _take_prompt_logprobs(self) -> list[PromptLogprob]:
        taken, self._prompt_logprobs = self._prompt_logprobs, []
        return taken

    def _take(self) -> tuple[str, str, list[TokenLogprob] | None]:
        taken = "".join(self._content), "".join(self._reasoning), self._logprobs
        self._content, self._reasoning, self._logprobs = [], [], None
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
