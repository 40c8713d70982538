"""What an embedding engine takes: texts to embed, and pairs to rank, as tokens. Refuses before any work."""

from __future__ import annotations

import re

import numpy as np

from lsrv.engine.embedding import EmbeddingInputs
from lsrv.engine.llama.vocab import Tokens, Vocab
from lsrv.engine.load.loading import LoadedModel
from lsrv.errors import PromptTooLongError, RequestError, UnsupportedCapabilityError
from lsrv.protocol.commands import Embed, Rerank
from lsrv.worker.intake import Intake
from lsrv.worker.length import check_size, size_of

_TOKEN_VECTOR_BYTES_MAX = 64 * 1024 * 1024
_PLACE = re.compile(r"\{(query|document)\}")


class Inputs:
    """Turns commands for one loaded model into requests of its engine."""

    def __init__(self, loaded: LoadedModel, intake: Intake) -> None:
        self._intake = intake
        self._vocab = loaded.model.vocab
        self._n_ctx = loaded.info.n_ctx_seq
        self._n_embd = loaded.info.n_embd
        self._pooling = loaded.info.pooling
        self._pair_template = loaded.model.chat_template("rerank")

    def texts(self, command: Embed) -> EmbeddingInputs:
        """Raises RequestError that names the input at fault."""
        if command.needs_pooling and self._pooling == "none":
            raise UnsupportedCapabilityError(
                'this model has context.pooling = "none", which gives a vector for each token: POST /embedding answers '
                'those; for one vector per input set context.pooling = "mean", "cls" or "last"',
                param="model",
            )
        read = self._beginning if command.is_truncating else self._text
        inputs = [read(item, f"input[{index}]") for index, item in enumerate(command.inputs)]
        if self._pooling == "none":
            self._check_answer_size(sum(map(len, inputs)))
        return EmbeddingInputs(command.request_id, inputs, command.norm)

    def pairs(self, command: Rerank) -> EmbeddingInputs:
        """Raises RequestError that names the document at fault."""
        check_size(command.query, self._vocab, self._n_ctx, "query")
        inputs = [self._pair(command.query, text, f"documents[{i}]") for i, text in enumerate(command.documents)]
        return EmbeddingInputs(command.request_id, inputs, norm=-1)

    def _text(self, item: str | list[int], param: str) -> Tokens:
        check_size(item, self._vocab, self._n_ctx, param)
        return self._checked(self._intake.tokens(item, add_special=True, param=param), param)

    def _beginning(self, item: str | list[int], param: str) -> Tokens:
        """The part of it that the context holds; a token that ends every text of this vocabulary stays the last."""
        if isinstance(item, str) and self._vocab.keeps_all_text:
            item = item[: self._n_ctx * self._vocab.n_piece_bytes_max]  # what stands behind is in no token that is kept
        tokens = self._intake.tokens(item, add_special=True, param=param)
        if len(tokens) > self._n_ctx:
            n_last = int(self._vocab.adds_eos or self._vocab.adds_sep)
            tokens = np.concatenate([tokens[: self._n_ctx - n_last], tokens[len(tokens) - n_last :]])
        return self._checked(tokens, param)

    def _pair(self, query: str, document: str, param: str) -> Tokens:
        check_size(document, self._vocab, self._n_ctx, param)
        return self._checked(pair_tokens(self._vocab, self._pair_template, query, document), param)

    def _check_answer_size(self, n_tokens: int) -> None:
        n_tokens_max = _TOKEN_VECTOR_BYTES_MAX // (4 * self._n_embd)
        if n_tokens > n_tokens_max:
            raise RequestError(
                f"the inputs have {n_tokens} tokens, and without pooling this model answers vectors of "
                f"{n_tokens_max} tokens at most; send several requests",
                param="input",
            )

    def _checked(self, tokens: Tokens, param: str) -> Tokens:
        if not len(tokens):
            raise RequestError(f"{param} is empty: there is nothing to compute", param=param)
        if len(tokens) > self._n_ctx:
            query = " with the query" if param.startswith("documents") else ""
            raise PromptTooLongError(
                f"This model's maximum context length is {self._n_ctx} tokens. "
                f"{param} has {len(tokens)} tokens{query}; "
                "split it, or raise context_length up to what the model was trained for",
                param=param,
                n_prompt_tokens=len(tokens),
                n_ctx=self._n_ctx,
            )
        return tokens


def size_of_inputs(command: Embed | Rerank) -> int:
    """About as many bytes as it takes time for: a query is read anew with each document."""
    if isinstance(command, Embed):
        return sum(map(size_of, command.inputs))
    return sum(map(size_of, command.documents)) + len(command.documents) * size_of(command.query)


def pair_tokens(vocab: Vocab, template: str | None, query: str, document: str) -> Tokens:
    """Token ids int32 (n,) of a pair to rank: in the model's "rerank" template, else BOS query EOS SEP document EOS.

    Of BOS, EOS and SEP those that the vocabulary adds. Source: format_prompt_rerank of llama.cpp's server.
    """
    if template is not None:
        texts = {"query": query, "document": document}
        pair = _PLACE.sub(lambda place: texts[place[1]], template)
        return vocab.tokenize(pair, add_special=False, parse_special=True)
    asked = vocab.tokenize(query, add_special=False, parse_special=False)
    answer = vocab.tokenize(document, add_special=False, parse_special=False)
    eos = vocab.eos if vocab.eos >= 0 else vocab.sep
    begin, end, between = ([vocab.bos] * vocab.adds_bos, [eos] * vocab.adds_eos, [vocab.sep] * vocab.adds_sep)
    parts = (begin, asked, end, between, answer, end)
    return np.concatenate([np.asarray(part, np.int32) for part in parts])
