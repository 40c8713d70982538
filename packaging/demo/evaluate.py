"""Ask the finished files what training never showed them: `python evaluate.py FOLDER` with the GGUFs of `build.sh`.

Every question goes through lsrv at temperature 0. Prints the tables of README.md, and
writes the wrong answers to FOLDER/wrong.txt.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import httpx
import numpy as np
from corpus.mix import Corpus, Document
from llama_cpp import Llama
from openai import AsyncOpenAI
from questions import ADAPTER_QUESTIONS, SEED, Question, is_untouched, questions
from render import segments

_N_DOCUMENTS = 150
_N_CLIENTS = 8
_PORT = 18344


async def ask(client: AsyncOpenAI, model: str, asked: list[Question]) -> list[str]:
    """The answers, in order; some requests at a time."""
    gate = asyncio.Semaphore(_N_CLIENTS)

    async def one(question: Question) -> str:
        async with gate:
            completion = await client.completions.create(
                model=model, prompt=question.prompt(), temperature=0, max_tokens=200
            )
        return completion.choices[0].text.strip()

    return await asyncio.gather(*(one(question) for question in asked))


@contextmanager
def served(folder: Path, models: dict[str, Path]) -> Iterator[AsyncOpenAI]:
    """The real server with `models` by alias, the first one with its adapters, and a client of it."""
    entries = [f"[[models]]\nmodel_id = '{path.resolve()}'\nalias = '{alias}'\n" for alias, path in models.items()]
    for name in ADAPTER_QUESTIONS:
        source = adapter_path(folder, name).resolve()
        entries[0] += f"[[models.adapters]]\nname = '{name}'\nsource = '{source}'\n"
    with tempfile.TemporaryDirectory() as place:
        config = Path(place, "models.toml")
        config.write_text(f"[server]\nport = {_PORT}\n" + "".join(entries))
        command = [str(Path(sys.executable).with_name("lsrv")), "from-config", "--file", str(config)]
        with (folder / "server.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
            try:
                _wait_for(f"http://127.0.0.1:{_PORT}/health", server)
                yield AsyncOpenAI(base_url=f"http://127.0.0.1:{_PORT}/v1", api_key="none", timeout=600)
            finally:
                server.terminate()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        try:
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("lsrv did not start; server.log says why")


def adapter_path(folder: Path, name: str) -> Path:
    return folder / f"lsrv-demo-{name}.gguf"


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


async def evaluate(client: AsyncOpenAI, alias: str, path: Path, wrong: list[str]) -> dict[str, float]:
    """Share of right answers by group, and "perplexity" and "size" (bytes)."""
    asked = list(questions())
    right, total = Counter[str](), Counter[str]()
    for question, answer in zip(asked, await ask(client, alias, asked), strict=True):
        total[question.group] += 1
        right[question.group] += question.is_right(answer)
        if not question.is_right(answer):
            wrong.append(_wrong(alias, question, answer))
    scoring = Llama(str(path), n_ctx=1024, n_threads=1, logits_all=True, verbose=False)
    documents = list(islice(Corpus(SEED), _N_DOCUMENTS))
    found = {f"{group} ({n})": right[group] / n for group, n in total.items()}
    return found | {"perplexity": perplexity(scoring, documents), "size": _n_bytes(path)}


async def evaluate_adapter(
    client: AsyncOpenAI, base: str, name: str, targets: list[Question], wrong: list[str]
) -> tuple[float, float, float]:
    """Shares: targets right with the adapter, and without; other answers that are the same with it and without."""
    with_it = await ask(client, f"{base}:{name}", targets)
    without = await ask(client, base, targets)
    others = [question for question in questions() if is_untouched(question, name)][::3]
    same = zip(await ask(client, f"{base}:{name}", others), await ask(client, base, others), strict=True)
    wrong += [_wrong(name, question, answer) for question, answer in zip(targets, with_it, strict=True)
              if not question.is_right(answer)]  # fmt: skip
    return _share_right(targets, with_it), _share_right(targets, without), _share([one == other for one, other in same])


def _wrong(who: str, question: Question, answer: str) -> str:
    return f"{who} | {question.group} | {question.turn.user} | {answer!r} | {question.wanted()}"


def _share_right(asked: list[Question], answers: list[str]) -> float:
    return _share([question.is_right(answer) for question, answer in zip(asked, answers, strict=True)])


def _share(outcomes: list[bool]) -> float:
    return sum(outcomes) / len(outcomes)


async def report(folder: Path, quants: list[str]) -> None:
    """Print the tables; write wrong.txt."""
    files = {quant: folder / f"lsrv-demo-{quant}.gguf" for quant in quants}
    wrong: list[str] = []
    with served(folder, files) as client:
        tables = {quant: await evaluate(client, quant, path, wrong) for quant, path in files.items()}
        print("| | " + " | ".join(tables) + " |\n|---|" + "---|" * len(tables))
        for row in next(iter(tables.values())):
            print(f"| {row} | " + " | ".join(_cell(row, table[row]) for table in tables.values()) + " |")
        print("\n| adapter | right with it | without | other answers identical | size |\n|---|---|---|---|---|")
        for name, targets in ADAPTER_QUESTIONS.items():
            shares = await evaluate_adapter(client, quants[0], name, targets(), wrong)
            print(
                f"| {name} | "
                + " | ".join(f"{share:.1%}" for share in shares)
                + f" | {_n_bytes(adapter_path(folder, name)) / 1e3:.0f} kB |"
            )
    (folder / "wrong.txt").write_text("\n".join(wrong))


def _n_bytes(path: Path) -> int:
    return path.stat().st_size


def _cell(row: str, value: float) -> str:
    if row == "size":
        return f"{value / 1e6:.2f} MB"
    return f"{value:.3f}" if row == "perplexity" else f"{value:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=["F16", "Q8_0", "Q4_K_M"], help="quantizations to ask")
    arguments = parser.parse_args()
    asyncio.run(report(arguments.folder, arguments.only))


if __name__ == "__main__":
    main()
