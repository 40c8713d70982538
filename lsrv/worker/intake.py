"""From a command to what the engine takes: render, tokenize, check, fill in defaults. Refuses before any work."""

from __future__ import annotations

import functools
import time
from collections.abc import Collection, Mapping, Set

import numpy as np
from msgspec.structs import replace

from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.format.opening import n_prefilled
from lsrv.chat.reading.answer import AnswerReader
from lsrv.chat.templates.choosing import ChosenTemplate, choose_template
from lsrv.chat.templates.hiding import Rendered
from lsrv.engine.detokenize import StopStrings, TextAssembler
from lsrv.engine.llama.partition import tokenize_around
from lsrv.engine.llama.sampler import SamplerChain
from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.media.span import NO_MEDIA, MediaSpans
from lsrv.engine.sampling import SamplingValues, fill_sampling, sampling_said
from lsrv.engine.scoring import PromptScores
from lsrv.engine.sequence import Sequence
from lsrv.errors import RequestError
from lsrv.protocol.commands import Detokenize, Generate, Infill, Sampling, Tokenize
from lsrv.protocol.events import AnswerDetails, Detokenized, Tokenized
from lsrv.worker.beside import Beside
from lsrv.worker.chat_text import ChatText
from lsrv.worker.errands.errand import OpenTemplate
from lsrv.worker.infill import InfillRoom, infill_tokens
from lsrv.worker.length import check_scores, check_size, size_of, too_long
from lsrv.worker.media.senses import Senses
from lsrv.worker.reply import AnswerWriter

_CHATML = ("<|im_start|>", "<|im_end|>")


class Intake:
    """Turns commands for one loaded model into sequences. Every error is a RequestError the client can act on."""

    def __init__(self, loaded: LoadedModel, beside: Beside) -> None:
        """Raises LoadFailedError if there is no chat template of the name that the settings give."""
        self._loaded = loaded
        self._beside = beside
        self._senses = Senses(loaded, beside)
        self._vocab = loaded.model.vocab
        self._bos = self._token_text(self._vocab.bos)
        self._template = None if loaded.params.is_embedding else self._chosen_template()

    def _chosen_template(self) -> ChosenTemplate:
        """Raises LoadFailedError."""
        params = self._loaded.params
        has_chatml = all(self._vocab.single_token(name) is not None for name in _CHATML)
        own = self._loaded.model.chat_template
        return choose_template(params.chat_template, params.chat_template_name, own, has_chatml=has_chatml)

    def close(self) -> None:
        """Wait for what the projector computes."""
        self._senses.close()

    @property
    def template(self) -> OpenTemplate | None:
        """The model's chat template; None if nobody chats with it."""
        chosen = self._template
        if chosen is None:
            return None
        eos = self._token_text(self._vocab.eos)
        return OpenTemplate(chosen.source, bos=self._bos, eos=eos, tool_source=chosen.tool_source)

    @property
    def template_source(self) -> str:
        """Where the template is from; empty: nobody chats with it."""
        return self._template.origin if self._template is not None else ""

    def hidden_names(self) -> list[str]:
        """Names of the control tokens that are but text where a client's text spells them out. Slow, once."""
        if self._loaded.params.has_control_in_text:
            return []
        return [token.name for token in self._vocab.named_tokens if token.is_control]

    def _token_text(self, token: int) -> str:
        return self._vocab.detokenize([token]) if token >= 0 else ""

    async def sequence(
        self, command: Generate, given: Rendered | str | list[int], form: AnswerFormat | None
    ) -> tuple[Sequence, AnswerWriter]:
        """The sequence to submit, and where its text goes. `form`: of a chat's answer."""
        prompt = given.text if isinstance(given, Rendered) else given
        tokens, media = await self._prompt(command, given)
        if command.earlier_tokens:
            tokens = self._behind(command.earlier_tokens, tokens)
        sampling = await self._in_tokens(command.sampling)
        values = fill_sampling(sampling, self._loaded.sampling_defaults, self._loaded.info.n_ctx_seq)
        n_room = self._loaded.info.n_ctx_seq - len(tokens)
        n_max = n_room if command.max_tokens is None else command.max_tokens
        chat = self._chat_text(command, prompt, form) if form is not None else None
        stops = StopStrings(command.stop) if any(command.stop) else None
        sequence = Sequence(
            request_id=command.request_id,
            prompt=tokens,
            sampler=await self._sampler(values, tokens),
            text=TextAssembler(stops if chat is None else chat),
            media=media,
            n_max_tokens=n_max if self._loaded.params.is_shifting and not media else min(n_max, n_room),
            submitted_at=time.perf_counter(),
            n_top_logprobs=command.n_top_logprobs,
            is_ignoring_eos=command.ignore_eos,
            max_decode_s=command.max_decode_s,
            stop_tokens=self._stop_tokens(command.stop),
            scores=_scores(command, tokens),
            prediction=await self._predicted(command.prediction, n_room),
            can_reuse_cache=command.cache_prompt and command.n_prompt_logprobs is None,
            priority=command.priority,
            is_copy=command.is_copy,
            call_id=command.call_id,
            adapters=self._loaded.adapters.chosen(command.adapters),
        )
        details = self._details(tokens, values) if command.wants_details else None
        return sequence, self._writer(command, prompt, chat, details)

    async def _prompt(self, command: Generate, given: Rendered | str | list[int]) -> tuple[Tokens, MediaSpans]:
        prompt, spelled = given if isinstance(given, Rendered) else (given, None)
        if command.media:
            if not isinstance(prompt, str) or command.n_prompt_logprobs is not None:
                param = "prompt" if command.n_prompt_logprobs is None else "prompt_logprobs"
                raise RequestError(f"{param}: not beside pictures and sound; leave one of them out", param=param)
            return await self.with_media(command, prompt, spelled)
        work = functools.partial(self.prompt_tokens, prompt, spelled, infill=command.infill)
        n_bytes = size_of(prompt) + (size_of(command.infill.suffix) if command.infill else 0)
        return await self._beside.run(n_bytes, work), NO_MEDIA

    async def with_media(
        self, command: Generate | Tokenize, text: str, spelled: Set[int] | None
    ) -> tuple[Tokens, MediaSpans]:
        """Tokens of a text with pictures and sound in it, and these. Raises RequestError."""
        param = "prompt" if spelled is None else "messages"
        check_size(text, self._vocab, self._loaded.info.n_ctx_seq, param)

        def tokens_of(stretch: str, is_first: bool, places: Set[int]) -> Tokens:
            add_special = is_first and not self._has_own_bos(stretch, places)
            return self.tokens(stretch, add_special=add_special, param=param, spelled=places)

        return await self._senses.prompt(text, spelled or set(), command.media_marker, command.media, tokens_of)

    async def joined(self, parts: list[str | int]) -> list[int]:
        """The token ids of texts and ids in a row; a text that comes first begins as all prompts do.

        Raises RequestError.
        """
        self.check_tokens([part for part in parts if isinstance(part, int)], "prompt")
        texts = [part for part in parts if isinstance(part, str)]
        check_size("".join(texts), self._vocab, self._loaded.info.n_ctx_seq, "prompt")
        return await self._beside.run(sum(map(size_of, texts)), functools.partial(self._joined, parts))

    def _joined(self, parts: list[str | int]) -> list[int]:
        joined: list[int] = []
        for index, part in enumerate(parts):
            if isinstance(part, int):
                joined.append(part)
            else:
                joined += self._vocab.tokenize(part, add_special=index == 0, parse_special=True).tolist()
        return joined

    def default_sampling(self) -> Sampling:
        """What holds where neither a request nor its entry says anything."""
        return sampling_said(fill_sampling(Sampling(), self._loaded.sampling_defaults, self._loaded.info.n_ctx_seq))

    def _details(self, prompt: Tokens, values: SamplingValues) -> AnswerDetails:
        raw = b"".join(self._vocab.special_pieces(prompt[prompt >= 0]))
        return AnswerDetails(raw.decode("utf-8", "replace"), sampling_said(values))

    def _stop_tokens(self, stops: list[str]) -> dict[int, str]:
        """Which of `stops` are control tokens, which have no text in which they could be found."""
        tokens = ((self._vocab.single_token(stop), stop) for stop in stops)
        return {token: stop for token, stop in tokens if token is not None and not self._vocab.piece(token)}

    def _behind(self, earlier: list[int], tokens: Tokens) -> Tokens:
        """Prompt tokens that follow an earlier prompt and its answer, which have the beginning of a text already.

        Raises RequestError, PromptTooLongError.
        """
        self.check_tokens(earlier, "context")
        if self._vocab.bos >= 0 and tokens[0] == self._vocab.bos:
            tokens = tokens[1:]
        joined = np.concatenate([np.array(earlier, np.int32), tokens])
        if len(joined) >= self._loaded.info.n_ctx_seq:
            raise too_long(len(joined), self._loaded.info.n_ctx_seq, "context")
        return joined

    async def _predicted(self, text: str | None, n_room: int) -> list[int]:
        """The tokens of what an answer will mostly be; none where nothing is predicted, no more than have room."""
        if not text:
            return []
        text = text[: n_room * self._vocab.n_piece_bytes_max]
        work = functools.partial(self._vocab.tokenize, text, add_special=False, parse_special=False)
        tokens = await self._beside.run(size_of(text), work)
        return tokens[:n_room].tolist()

    def _chat_text(self, command: Generate, prompt: str | list[int], form: AnswerFormat) -> ChatText:
        """Where the answer to a chat is read."""
        reader = AnswerReader(form, self._text_of(prompt), command.tool_use, n_prefilled(command.messages or []))
        return ChatText(reader, command.stop)

    def _writer(
        self, command: Generate, prompt: str | list[int], chat: ChatText | None, details: AnswerDetails | None
    ) -> AnswerWriter:
        return AnswerWriter(
            is_streaming=command.is_streaming,
            chat=chat,
            echo=self._text_of(prompt) if command.is_echoing else "",
            wants_tokens=command.wants_tokens,
            details=details,
        )

    def _text_of(self, prompt: str | list[int]) -> str:
        return prompt if isinstance(prompt, str) else self._vocab.detokenize(prompt)

    def prompt_tokens(
        self,
        prompt: str | list[int],
        spelled: Set[int] | None = None,
        *,
        infill: Infill | None = None,
    ) -> Tokens:
        """Token ids int32 (n,), at least one, that leave room for an answer. Raises PromptTooLongError.

        `spelled`: of a chat, where names of control tokens are only text.
        """
        param = "prompt" if spelled is None else "messages"
        n_ctx = self._loaded.info.n_ctx_seq
        if infill is None or not infill.is_fitting:
            check_size(prompt, self._vocab, n_ctx, param)
        if infill is not None:
            if not infill.is_fitting:
                check_size(infill.suffix, self._vocab, n_ctx, "suffix")
            if not isinstance(prompt, str):
                self.check_tokens(prompt, param)
            room = InfillRoom.of(n_ctx, self._loaded.params.n_batch)
            tokens = infill_tokens(self._vocab, prompt, infill, room)
        else:
            add_special = not self._has_own_bos(prompt, spelled)
            tokens = self.tokens(prompt, add_special=add_special, param=param, spelled=spelled)
        if not len(tokens):
            if self._vocab.bos < 0:
                raise RequestError("the prompt is empty, and this model has no token to begin with", param=param)
            tokens = np.array([self._vocab.bos], np.int32)
        if len(tokens) >= n_ctx:
            raise too_long(len(tokens), n_ctx, param)
        return tokens

    def _has_own_bos(self, prompt: str | list[int], spelled: Set[int] | None) -> bool:
        """Whether the template wrote BOS itself, or a client who rendered it: then there is not another one."""
        return isinstance(prompt, str) and bool(self._bos) and prompt.startswith(self._bos) and 0 not in (spelled or ())

    def tokens(
        self, item: str | list[int], *, add_special: bool, param: str, spelled: Set[int] | None = None
    ) -> Tokens:
        """Token ids int32 (n,) of a text or of ids. Raises RequestError that names `param`."""
        if isinstance(item, str) and spelled:
            return tokenize_around(self._vocab, item, spelled, add_special=add_special)
        if isinstance(item, str):
            return self._vocab.tokenize(item, add_special=add_special, parse_special=True)
        self.check_tokens(item, param)
        return np.array(item, np.int32)

    def check_tokens(self, tokens: Collection[int], param: str) -> None:
        """Raise RequestError on an id that this vocabulary doesn't have."""
        n_vocab = self._vocab.n_tokens
        if not tokens or (min(tokens) >= 0 and max(tokens) < n_vocab):
            return
        token = next(token for token in tokens if not 0 <= token < n_vocab)
        raise RequestError(
            f"{param} has token id {token}; this model's are 0 to {n_vocab - 1}: send text, or its own ids", param=param
        )

    async def _in_tokens(self, sampling: Sampling) -> Sampling:
        """`sampling` with the biases of texts as those of their tokens; what names a token itself wins."""
        texts = sampling.text_bias
        if not texts:
            return sampling
        biases = await self._beside.run(sum(map(len, texts)), functools.partial(self._biases, texts))
        return replace(sampling, logit_bias=biases | (sampling.logit_bias or {}), text_bias=None)

    def _biases(self, texts: Mapping[str, float]) -> dict[int, float]:
        return {
            token: bias
            for text, bias in texts.items()
            for token in self._vocab.tokenize(text, add_special=False, parse_special=True).tolist()
        }

    async def _sampler(self, values: SamplingValues, prompt: Tokens) -> SamplerChain | None:
        self.check_tokens(values.logit_bias or {}, "logit_bias")
        if values.is_plain_greedy:
            return None
        # For each sequence breaker llama.cpp looks through the whole vocabulary.
        n_breakers = len(values.dry_sequence_breakers) if values.dry_multiplier > 0 else 0
        work = functools.partial(SamplerChain, values, self._vocab)
        chain = await self._beside.run(n_breakers * self._vocab.n_tokens, work)
        n_history = values.n_history
        if n_history > 0:
            for token in prompt[-n_history:].tolist():
                if token >= 0:  # a picture repeats no word
                    chain.read(token)
        return chain

    def tokenized(self, command: Tokenize, given: Rendered) -> Tokenized:
        """The tokens of any text, without a length limit."""
        text = given.text
        add_special = command.add_special
        if command.messages is not None and self._has_own_bos(text, given.spelled):
            add_special = False
        if given.spelled and command.parse_special:
            tokens = tokenize_around(self._vocab, text, given.spelled, add_special=add_special)
        else:
            tokens = self._vocab.tokenize(text, add_special=add_special, parse_special=command.parse_special)
        pieces = self._vocab.special_pieces(tokens) if command.wants_pieces else []
        return Tokenized(command.request_id, tokens.tolist(), pieces, text)

    def detokenized(self, command: Detokenize) -> Detokenized:
        """The text of any tokens. Raises RequestError on one that this vocabulary doesn't have."""
        self.check_tokens(command.tokens, "tokens")
        text = self._vocab.detokenize(command.tokens, has_special=not command.is_without_special)
        return Detokenized(command.request_id, text)


def _scores(command: Generate, prompt: Tokens) -> PromptScores | None:
    """What is to be told of the prompt's tokens. Raises RequestError above the limit."""
    n_top = command.n_prompt_logprobs
    if n_top is None:
        return None
    check_scores(len(prompt), n_top, "logprobs" if command.is_echoing else "prompt_logprobs")
    return PromptScores(len(prompt), n_top)
