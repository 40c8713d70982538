"""What models of every kind answer at once: tokens, how busy they are, and what they can't do."""

from __future__ import annotations

from lsrv.engine.embedding import EmbeddingEngine
from lsrv.engine.engine import Engine
from lsrv.engine.llama.vocab import Vocab
from lsrv.errors import LsrvError
from lsrv.protocol.commands import (
    Abort,
    Command,
    Detokenize,
    Embed,
    Generate,
    Load,
    LoadAdapter,
    Plan,
    Rerank,
    Stop,
    Tokenize,
    Unload,
    UnloadAdapter,
)
from lsrv.protocol.events import Detokenized, Event, Failed, Heartbeat, ModelInfo, PrefixCacheUse, Tokenized
from lsrv.worker.intake import Intake
from lsrv.worker.refusal import refusal

Question = Generate | Embed | Rerank | LoadAdapter | UnloadAdapter | Tokenize | Detokenize


def handle_common(command: Command, intake: Intake, vocab: Vocab, info: ModelInfo) -> list[Event]:
    """Commands that every model answers at once; a request of the wrong kind is told so."""
    if isinstance(command, Load | Plan | Stop | Unload | Abort):
        return []
    try:
        return [_answer(command, intake, vocab, info)]
    except LsrvError as error:
        return [Failed(command.request_id, error.info())]


def _answer(command: Question, intake: Intake, vocab: Vocab, info: ModelInfo) -> Event:
    match command:
        case Tokenize():
            tokens, prompt = intake.tokenized(command)
            ids: list[int] = tokens.tolist()
            return Tokenized(command.request_id, ids, [vocab.special_piece(t) for t in ids], prompt)
        case Detokenize():
            intake.check_tokens(command.tokens, "tokens")
            return Detokenized(command.request_id, vocab.detokenize(command.tokens))
        case _:
            raise refusal(command, info)


def heartbeat_of(engine: Engine | EmbeddingEngine, cache: PrefixCacheUse | None) -> Heartbeat:
    counts = engine.counts
    return Heartbeat(
        n_slots_busy=engine.n_running,
        n_waiting=engine.n_waiting,
        n_steps=counts.n_steps,
        n_prefill_tokens=counts.n_prefill_tokens,
        n_decode_tokens=counts.n_decode_tokens,
        n_cached_tokens=counts.n_cached_tokens,
        compute_s=counts.compute_s,
        overhead_s=counts.overhead_s,
        cache=cache,
    )
