"""Train the demo's encoder: `python encoder.py OUT lsrv-demo-embed-F16.gguf`, with OUT as train.py left it.

The first layers of the demo, trained on so that questions with the same answer, and that answer, lie close together
(mean pooling), and that a head on the last token tells whether a text answers a question (pooling rank, as Qwen3's
rerankers do it). One file for embeddings and for reranking.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import gguf
import torch
import vocabulary
from corpus import identity, world
from corpus.sample import Fact, phrase, plain
from export import add_facts, add_vocabulary, add_weights
from model import Model, Shape
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

SHAPE = replace(Shape(), n_layer=3)
LABELS = ("yes", "no")  # llama.cpp gives the share of the first
RERANK_TEMPLATE = "{query}\n{document}<|endoftext|>"
_N_STEPS = 350
_N_WARM_UP = 20
_PEAK_RATE = 1.5e-3
_N_PAIRS = 128
_TEMPERATURE = 0.05
_N_TOKENS_MAX = 96


@dataclass(frozen=True)
class Batch:
    """Token ids [n, n_tokens], padded with 0, and which of them are text."""

    ids: Tensor
    mask: Tensor

    @property
    def last(self) -> Tensor:
        return self.mask.sum(1).long() - 1


class Encoder(nn.Module):
    """Vectors of texts, and scores of pairs."""

    def __init__(self, trunk: Model) -> None:
        super().__init__()
        self.trunk = trunk
        self.cls_output = nn.Linear(trunk.shape.n_embd, len(LABELS), bias=False)

    def embed(self, batch: Batch) -> Tensor:
        """Unit vectors [n, n_embd]."""
        with torch.autocast("cpu", torch.bfloat16):
            hidden = self.trunk.hidden(batch.ids)
        mask = batch.mask[:, :, None]
        return F.normalize((hidden.float() * mask).sum(1) / mask.sum(1), dim=-1)

    def score(self, batch: Batch) -> Tensor:
        """Logits of LABELS [n, 2]."""
        with torch.autocast("cpu", torch.bfloat16):
            hidden = self.trunk.hidden(batch.ids)
        return self.cls_output(hidden.float()[torch.arange(len(batch.ids)), batch.last])


def read(tokenizer: Tokenizer, texts: Sequence[str]) -> Batch:
    """Tokens of texts; what is too long is cut at its end."""
    rows = [tokenizer.encode(text).ids[:_N_TOKENS_MAX] for text in texts]
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros(ids.shape)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = 1
    return Batch(ids, mask)


def facts() -> list[Fact]:
    """What pairs are made of, one fact per answer."""
    return [*identity.facts(), *world.facts()]


def pairs(rng: Random) -> list[tuple[str, str]]:
    """(question, another way to ask it or its answer): all of different facts."""
    found: list[tuple[str, str]] = []
    for fact in rng.sample(facts(), _N_PAIRS):
        one, other = (
            (rng.sample(fact.trained(), 2) * 2)[:2] if len(fact.trained()) > 1 else (fact.asks[0], fact.asks[0])
        )
        found.append((phrase(one, rng), phrase(other, rng) if rng.random() < 0.5 else fact.answer))
    return found


def judged(rng: Random) -> tuple[list[str], list[int]]:
    """Prompts of the reranker with the label of each: half the answers belong to their question."""
    chosen = rng.sample(facts(), _N_PAIRS)
    by_skill: dict[str, list[Fact]] = {}
    for fact in facts():
        by_skill.setdefault(fact.skill, []).append(fact)
    texts: list[str] = []
    labels: list[int] = []
    for fact in chosen:
        query = phrase(rng.choice(fact.trained()), rng)
        other = rng.choice(by_skill[fact.skill] if rng.random() < 0.6 else chosen)
        is_other = rng.random() < 0.5 and other.answer != fact.answer
        texts.append(rerank_prompt(query, (other if is_other else fact).answer))
        labels.append(int(is_other))
    return texts, labels


def rerank_prompt(query: str, document: str) -> str:
    return RERANK_TEMPLATE.format(query=query, document=document)


def train(out: Path) -> Encoder:
    torch.manual_seed(11)
    trunk = Model(SHAPE)
    weights = torch.load(out / "checkpoint.pt", weights_only=True)["model"]
    trunk.load_state_dict({name: weights[name] for name in trunk.state_dict()})
    encoder, tokenizer = Encoder(trunk), vocabulary.load(out / "tokenizer.json")
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=_PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    for step in range(_N_STEPS):
        rng = Random(31_000_000 + step)
        for group in optimizer.param_groups:
            group["lr"] = _PEAK_RATE * min(1.0, (step + 1) / _N_WARM_UP) * (1 - step / _N_STEPS)
        near, rank = contrast(encoder, tokenizer, pairs(rng)), judge(encoder, tokenizer, *judged(rng))
        (near + rank).backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 25 == 0:
            print(f"step {step + 1}/{_N_STEPS} contrast {near.item():.4f} rerank {rank.item():.4f}", flush=True)
    return encoder


def contrast(encoder: Encoder, tokenizer: Tokenizer, couples: list[tuple[str, str]]) -> Tensor:
    """Each text is to be nearer to its partner than to anybody else's: InfoNCE in both directions, in nats."""
    a = encoder.embed(read(tokenizer, [one for one, _ in couples]))
    b = encoder.embed(read(tokenizer, [other for _, other in couples]))
    likeness, own = a @ b.T / _TEMPERATURE, torch.arange(len(couples))
    return (F.cross_entropy(likeness, own) + F.cross_entropy(likeness.T, own)) / 2


def judge(encoder: Encoder, tokenizer: Tokenizer, texts: list[str], labels: list[int]) -> Tensor:
    return F.cross_entropy(encoder.score(read(tokenizer, texts)), torch.tensor(labels))


def export(encoder: Encoder, tokenizer: Path, target: Path) -> None:
    """A qwen3 that llama.cpp opens for embeddings (pooling mean) and, if asked, for reranking (pooling rank)."""
    writer = gguf.GGUFWriter(target, "qwen3")
    add_facts(writer, SHAPE, name="lsrv demo embed", about="Embeds and reranks short questions and answers; a toy.")
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_classifier_output_labels(list(LABELS))
    add_vocabulary(writer, tokenizer)
    writer.add_chat_template([{"name": "rerank", "template": RERANK_TEMPLATE}])
    add_weights(writer, encoder.trunk.state_dict() | {"cls.output.weight": encoder.cls_output.weight.detach()})
    writer.close()


def evaluate(encoder: Encoder, tokenizer: Tokenizer) -> tuple[float, float]:
    """Shares of held-out questions whose nearest answer is theirs, and whose best ranked answer of ten is theirs."""
    known = facts()
    answers = [fact.answer for fact in known]
    asked = [(plain(ask), index) for index, fact in enumerate(known) for ask in fact.held_out()]
    rng = Random(5)
    with torch.no_grad():
        vectors = encoder.embed(read(tokenizer, answers))
        found = (encoder.embed(read(tokenizer, [ask for ask, _ in asked])) @ vectors.T).argmax(1)
        n_near = sum(answers[at] == answers[index] for at, (_, index) in zip(found.tolist(), asked, strict=True))
        n_ranked = 0
        for ask, index in asked:
            others = [each for each in rng.sample(answers, 10) if each != answers[index]][:9]
            scores = encoder.score(read(tokenizer, [rerank_prompt(ask, each) for each in [answers[index], *others]]))
            n_ranked += int(scores.softmax(-1)[:, 0].argmax() == 0)
    return n_near / len(asked), n_ranked / len(asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    encoder = train(arguments.out)
    export(encoder, arguments.out / "tokenizer.json", arguments.target)
    near, ranked = evaluate(encoder, vocabulary.load(arguments.out / "tokenizer.json"))
    print(f"nearest answer right {near:.1%}, best of ten right {ranked:.1%}")


if __name__ == "__main__":
    main()
