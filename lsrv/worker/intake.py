"""From a command to what the engine takes: render, tokenize, check, fill in defaults. Refuses before any work."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Items

import numpy as np
from msgspec.structs import replace

from lsrv.chat.reasoning import CLOSE, OPEN, AnswerSplitter, opens_reasoning
from lsrv.chat.template import ChatTemplate, Message
from lsrv.engine.detokenize import TextAssembler
from lsrv.engine.grammar.constraint import Reasoning
from lsrv.engine.llama.sampler import SamplerChain
from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.sampling import SamplingValues, fill_sampling
from lsrv.engine.sequence import Sequence
from lsrv.errors import PromptTooLongError, RequestError, UnsupportedCapabilityError
from lsrv.protocol.commands import Generate, Sampling, Tokenize
from lsrv.worker.reply import AnswerWriter

_N_TAG_TOKENS = 16  # in which the last tag of a prompt can be seen


class Intake:
    """Turns commands for one loaded model into sequences. Every error is a RequestError the client can act on."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._vocab = loaded.model.vocab
        self._bos = self._token_text(self._vocab.bos)
        self._template = self._make_template()

    def _make_template(self) -> ChatTemplate | None:
        source = self._loaded.params.chat_template or self._loaded.model.chat_template()
        if source is None:
            return None
        return ChatTemplate(source, bos=self._bos, eos=self._token_text(self._vocab.eos))

    def _token_text(self, token: int) -> str:
        return self._vocab.detokenize([token]) if token >= 0 else ""

    def sequence(self, command: Generate) -> tuple[Sequence, AnswerWriter]:
        """The sequence to submit, and where its text goes."""
        prompt = self.prompt_text(command.messages, command.prompt, command.template_kwargs)
        tokens = self.prompt_tokens(prompt, is_chat=command.messages is not None)
        n_room = self._loaded.info.n_ctx_seq - len(tokens)
        n_max = command.max_tokens or n_room
        sampling = self._in_tokens(command.sampling)
        values = fill_sampling(sampling, self._loaded.sampling_defaults, self._loaded.info.n_ctx_seq)
        sequence = Sequence(
            request_id=command.request_id,
            prompt=tokens,
            sampler=self._sampler(values, tokens),
            text=TextAssembler(command.stop),
            n_max_tokens=n_max if self._loaded.params.is_shifting else min(n_max, n_room),
            submitted_at=time.perf_counter(),
            n_top_logprobs=command.n_top_logprobs,
            is_ignoring_eos=command.ignore_eos,
            can_reuse_cache=command.cache_prompt,
            priority=command.priority,
            is_copy=command.is_copy,
            adapters=self._loaded.adapters.chosen(command.adapters),
        )
        text = prompt if isinstance(prompt, str) else self._vocab.detokenize(prompt)
        reply = AnswerWriter(
            is_streaming=command.is_streaming,
            splitter=AnswerSplitter(text) if command.messages is not None else None,
            echo=text if command.is_echoing else "",
        )
        return sequence, reply

    def reasoning(self, command: Generate, prompt: Tokens) -> Reasoning | None:
        """The thoughts that may stand in front of a chat's answer; None where this model has none.

        Raises RequestError if it has, and writes their end in several tokens: what follows could not be constrained.
        """
        if command.messages is None or self._template is None or not self._template.knows_reasoning:
            return None
        tail = self._vocab.detokenize(prompt[-_N_TAG_TOKENS:].tolist())
        is_open = opens_reasoning(tail)
        if not is_open and tail.rstrip().endswith(CLOSE):
            return None
        opens, closes = self._vocab.single_token(OPEN), self._vocab.single_token(CLOSE)
        if opens is not None and closes is not None:
            return Reasoning(opens, closes, is_open)
        if is_open:
            raise RequestError(
                "this model's answer begins with reasoning whose end is no single token, so no grammar can follow it; "
                "turn reasoning off (enable_thinking: false)",
                param=command.grammar.param if command.grammar else None,
            )
        return None

    def prompt_text(
        self,
        messages: Items[Message] | None,
        prompt: str | list[int] | None,
        template_kwargs: Mapping[str, object],
    ) -> str | list[int]:
        """The text of a request's prompt; token ids pass through."""
        if messages is None:
            return prompt if prompt is not None else ""
        if self._template is None:
            raise UnsupportedCapabilityError(
                "this model has no chat template; use /v1/completions, or set chat_template in its models.toml entry",
                param="messages",
            )
        return self._template.render(messages, template_kwargs)

    def prompt_tokens(self, prompt: str | list[int], *, is_chat: bool) -> Tokens:
        """Token ids int32 (n,), at least one, that leave room for an answer. Raises PromptTooLongError."""
        # A template that writes BOS itself must not get a second one.
        has_own_bos = is_chat and bool(self._bos) and isinstance(prompt, str) and prompt.startswith(self._bos)
        param = "messages" if is_chat else "prompt"
        tokens = self.tokens(prompt, add_special=not has_own_bos, param=param)
        if not len(tokens):
            if self._vocab.bos < 0:
                raise RequestError("the prompt is empty, and this model has no token to begin with", param=param)
            tokens = np.array([self._vocab.bos], np.int32)
        n_ctx = self._loaded.info.n_ctx_seq
        if len(tokens) >= n_ctx:
            raise _too_long(len(tokens), n_ctx, param)
        return tokens

    def tokens(self, item: str | list[int], *, add_special: bool, param: str) -> Tokens:
        """Token ids int32 (n,) of a text or of ids. Raises RequestError that names `param`."""
        if isinstance(item, str):
            return self._vocab.tokenize(item, add_special=add_special, parse_special=True)
        self.check_tokens(item, param)
        return np.array(item, np.int32)

    def check_tokens(self, tokens: Iterable[int], param: str) -> None:
        """Raise RequestError on an id that this vocabulary doesn't have."""
        n_vocab = self._vocab.n_tokens
        for token in tokens:
            if not 0 <= token < n_vocab:
                raise RequestError(
                    f"{param} has token id {token}; this model's are 0 to {n_vocab - 1}: send text, or its own ids",
                    param=param,
                )

    def _in_tokens(self, sampling: Sampling) -> Sampling:
        """`sampling` with the biases of texts as those of their tokens; what names a token itself wins."""
        if not sampling.text_bias:
            return sampling
        biases = {
            token: bias
            for text, bias in sampling.text_bias.items()
            for token in self._vocab.tokenize(text, add_special=False, parse_special=True).tolist()
        }
        return replace(sampling, logit_bias=biases | (sampling.logit_bias or {}), text_bias=None)

    def _sampler(self, values: SamplingValues, prompt: Tokens) -> SamplerChain | None:
        self.check_tokens(values.logit_bias or {}, "logit_bias")
        if values.is_plain_greedy:
            return None
        chain = SamplerChain(values, self._vocab)
        n_history = values.n_history
        if n_history > 0:
            for token in prompt[-n_history:].tolist():
                chain.accept(token)
        return chain

    def tokenized(self, command: Tokenize) -> tuple[Tokens, str]:
        """The tokens of any text or chat, without a length limit, and the text itself."""
        if command.messages is not None:
            text = self.prompt_text(command.messages, None, command.template_kwargs)
            assert isinstance(text, str)
        else:
            text = command.text or ""
        tokens = self._vocab.tokenize(text, add_special=command.add_special, parse_special=command.parse_special)
        return tokens, text


def _too_long(n_tokens: int, n_ctx: int, param: str) -> PromptTooLongError:
    return PromptTooLongError(
        f"{param} has {n_tokens} tokens, this model's context holds {n_ctx} with the answer; "
        "shorten it, or raise context_length",
        param=param,
        n_prompt_tokens=n_tokens,
        n_ctx=n_ctx,
    )
