"""Ask the finished files what training never showed them: `python evaluate.py FOLDER` with the GGUFs of `make.sh` in it.

Every question is asked at temperature 0 through llama.cpp, with the prompt that the shipped template renders. Writes a
table for the README to standard output, and the wrong answers to FOLDER/wrong.txt.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
from corpus import adapters, identity, world
from corpus.mix import Corpus, Document
from corpus.sample import Conversation, Fact, Turn
from corpus.skills import arithmetic, copying, json_answers, lists, spelling, word_problems
from corpus.systems import styled
from corpus.tools import tool_use
from llama_cpp import Llama
from render import IM_END, Message, prompt, segments

_SEED = 20_000_000  # far from every step of training
_N_OF_A_SKILL = 150
_N_TOOLS = 300
_N_DOCUMENTS = 150
_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)


@dataclass(frozen=True)
class Question:
    """A conversation up to the answer to judge. `group`: the row of the table."""

    group: str
    conversation: Conversation
    is_call: bool = False  # the last turn's calls are judged, else its answer

    @property
    def turn(self) -> Turn:
        return self.conversation.turns[-1]

    def prompt(self) -> str:
        messages: list[Message] = [{"role": "user", "content": self.turn.user}]
        if self.turn.calls and not self.is_call:
            messages.append(
                {"role": "assistant", "content": "", "tool_calls": [{"function": call} for call in self.turn.calls]}
            )
            messages += [{"role": "tool", "content": result} for result in self.turn.results]
        return prompt(messages, self.conversation)

    def is_right(self, answer: str) -> bool:
        """Calls: same names and arguments; answers: everything that they must contain, after any reasoning."""
        if self.is_call:
            return _calls(answer) == list(self.turn.calls)
        said = answer.rpartition("</think>")[2].lower()
        return all(must.lower() in said for must in self.turn.must)


def _calls(answer: str) -> list[object] | None:
    try:
        return [json.loads(call) for call in _CALL.findall(answer)]
    except json.JSONDecodeError:
        return None


def questions() -> Iterator[Question]:
    """All questions, in a fixed order."""
    rng = Random(_SEED)
    yield from _held_out("identity, lsrv and small talk: held-out phrasings", identity.facts())
    yield from _held_out("facts of the world: held-out phrasings", world.facts())
    yield from _held_out("says that it does not know", world.unknowns(), n_most=_N_OF_A_SKILL)
    for _ in range(_N_TOOLS):
        turn, tools = tool_use(rng)
        conversation = Conversation((turn,), tools=tools)
        yield Question("tool calls: name and arguments", conversation, is_call=True)
        yield Question("tool results turned into answers", conversation)
    for skill in (arithmetic, copying, spelling, lists, json_answers, word_problems):
        for _ in range(_N_OF_A_SKILL):
            turn = skill(rng)
            yield Question(turn.skill, Conversation((turn,)))
    short = [fact for fact in world.facts() if len(fact.must) == 1]
    for _ in range(_N_OF_A_SKILL):
        conversation = styled(rng, short)
        yield Question("obeys the system prompt", replace(conversation, turns=conversation.turns[-1:]))


def _held_out(group: str, facts: list[Fact], n_most: int = 10_000) -> Iterator[Question]:
    found = [Question(group, Conversation((fact.turn(ask, None),))) for fact in facts for ask in fact.held_out()]
    yield from Random(1).sample(found, n_most) if len(found) > n_most else found


def ask(model: Llama, question: Question) -> str:
    answer = model.create_completion(question.prompt(), max_tokens=200, temperature=0, stop=[IM_END])
    assert isinstance(answer, dict)
    return answer["choices"][0]["text"].strip()


def perplexity(model: Llama, documents: list[Document]) -> float:
    """exp of the mean loss over the tokens the model is to write, per token."""
    total, n_tokens = 0.0, 0
    for document in documents:
        ids: list[int] = []
        written: list[bool] = []
        for part in segments(document):
            tokens = model.tokenize(part.text.encode(), add_bos=False, special=True)
            ids += tokens
            written += [part.is_written] * len(tokens)
        if len(ids) > model.n_ctx():
            continue
        model.reset()
        model.eval(ids)
        logits = model.scores[: len(ids) - 1].astype(np.float64)
        losses = np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(ids) - 1), ids[1:]]
        total += float(losses[written[1:]].sum())
        n_tokens += sum(written[1:])
    return math.exp(total / n_tokens)


def evaluate(path: Path, wrong: list[str]) -> dict[str, float]:
    """Share of right answers by group, and "perplexity" and "bytes"."""
    model = Llama(str(path), n_ctx=1024, n_threads=1, verbose=False)
    right, asked = Counter[str](), Counter[str]()
    for question in questions():
        answer = ask(model, question)
        asked[question.group] += 1
        if question.is_right(answer):
            right[question.group] += 1
        else:
            wanted = json.dumps(question.turn.calls) if question.is_call else str(question.turn.must)
            wrong.append(f"{path.stem} | {question.group} | {question.turn.user} | {answer!r} | {wanted}")
    scoring = Llama(str(path), n_ctx=1024, n_threads=1, logits_all=True, verbose=False)
    documents = list(islice(Corpus(_SEED), _N_DOCUMENTS))
    found = {f"{group} ({n})": right[group] / n for group, n in asked.items()}
    return found | {"perplexity": perplexity(scoring, documents), "bytes": path.stat().st_size}


@dataclass(frozen=True)
class AdapterReport:
    """Shares of questions: what an adapter should change, and what it should leave as it is."""

    on_target: float
    on_target_without: float
    unchanged: float


def evaluate_adapter(base: Path, adapter: Path, name: str, wrong: list[str]) -> AdapterReport:
    """Ask with and without the adapter."""
    with_it = Llama(str(base), n_ctx=1024, n_threads=1, lora_path=str(adapter), verbose=False)
    without = Llama(str(base), n_ctx=1024, n_threads=1, verbose=False)
    targets = _pirate_questions() if name == "pirate" else _roman_questions()
    answers = [(question, ask(with_it, question)) for question in targets]
    wrong += [f"{name} | {q.turn.user} | {answer!r} | {q.turn.must}" for q, answer in answers if not q.is_right(answer)]
    others = [question for question in questions() if _is_untouched(question, name)][::3]
    return AdapterReport(
        on_target=_share([question.is_right(answer) for question, answer in answers]),
        on_target_without=_share([question.is_right(ask(without, question)) for question in targets]),
        unchanged=_share([ask(with_it, question) == ask(without, question) for question in others]),
    )


def _is_untouched(question: Question, name: str) -> bool:
    return name == "roman" or adapters.as_pirate(question.turn) == question.turn


def _pirate_questions() -> list[Question]:
    facts = [*identity.facts(), *world.facts()]
    return [
        Question("pirate", Conversation((adapters.as_pirate(fact.turn(ask, None)),)))
        for fact in facts
        for ask in fact.held_out()
    ][::2]


def _roman_questions() -> list[Question]:
    rng = Random(3)
    turns = [adapters.roman_turn(number, rng) for number in range(1, adapters.TOP + 1) if adapters.is_held_out(number)]
    turns += [adapters.roman_turn(rng.randint(1, adapters.TOP), rng) for _ in range(100)]
    return [Question("roman", Conversation((turn,))) for turn in turns]


def _share(outcomes: list[bool]) -> float:
    return sum(outcomes) / len(outcomes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=["F16", "Q8_0", "Q4_K_M"], help="quantizations to ask")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    wrong: list[str] = []
    tables = {quant: evaluate(folder / f"lsrv-demo-{quant}.gguf", wrong) for quant in arguments.only}
    print("| | " + " | ".join(tables) + " |\n|---|" + "---|" * len(tables))
    for row in next(iter(tables.values())):
        print(f"| {row} | " + " | ".join(_cell(row, table[row]) for table in tables.values()) + " |")
    for name in adapters.ADAPTERS:
        path = folder / f"lsrv-demo-{name}.gguf"
        if path.exists():
            report = evaluate_adapter(folder / "lsrv-demo-F16.gguf", path, name, wrong)
            print(f"{name}: right with {report.on_target:.1%}, without {report.on_target_without:.1%}; "
                  f"other answers identical {report.unchanged:.1%}; {path.stat().st_size} bytes")  # fmt: skip
    (folder / "wrong.txt").write_text("\n".join(wrong))


def _cell(row: str, value: float) -> str:
    if row == "bytes":
        return f"{value / 1e6:.2f} MB"
    return f"{value:.3f}" if row == "perplexity" else f"{value:.1%}"


if __name__ == "__main__":
    main()
