"""Ask a running lsrv the tool questions as clients ask them: `python ask_tools.py [--model demo] [--one-in 10]`.

`/v1/chat/completions` with `tools`, at temperature 0; `evaluate.py` asks the same with bare prompts. Prints the wrong
answers, and last the share of right ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from openai import AsyncOpenAI
from questions import Question, questions

_N_CLIENTS = 8


def offered(question: Question) -> list[dict[str, object]]:
    """The tools, each name once as requests must have it: of two by one name that which is needed."""
    keys = {key for call in question.turn.calls for key in call["arguments"]}  # pyright: ignore
    by_name: dict[str, dict[str, object]] = {}
    for tool in question.conversation.tools:
        function: dict[str, Any] = tool["function"]  # pyright: ignore
        if function["name"] not in by_name or keys <= function["parameters"]["properties"].keys():
            by_name[function["name"]] = tool
    return list(by_name.values())


async def calls_of(client: AsyncOpenAI, model: str, question: Question) -> list[dict[str, object]]:
    """The calls of the answer, as questions have them."""
    answer = await client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question.turn.user}],
        tools=offered(question),  # pyright: ignore  # they are as OpenAI writes them
        temperature=0,
        max_tokens=200,
    )
    called = [call.function for call in answer.choices[0].message.tool_calls or [] if call.type == "function"]
    return [{"name": function.name, "arguments": json.loads(function.arguments)} for function in called]


async def ask(client: AsyncOpenAI, model: str, asked: list[Question]) -> list[list[dict[str, object]]]:
    """What is called for each question, in order; some requests at a time."""
    gate = asyncio.Semaphore(_N_CLIENTS)

    async def one(question: Question) -> list[dict[str, object]]:
        async with gate:
            return await calls_of(client, model, question)

    return await asyncio.gather(*(one(question) for question in asked))


async def report(url: str, model: str, one_in: int) -> None:
    asked = [question for question in questions() if question.is_call][::one_in]
    n_right = 0
    client = AsyncOpenAI(base_url=url, api_key="none", timeout=600)
    for question, calls in zip(asked, await ask(client, model, asked), strict=True):
        is_right = calls == list(question.turn.calls)
        n_right += is_right
        if not is_right:
            print(f"{question.turn.user} | {json.dumps(calls)} | {question.wanted()}")
    print(f"{n_right} of {len(asked)} right: {n_right / len(asked):.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:1234/v1", help="of the server, with its /v1")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--one-in", type=int, default=1, help="of so many questions one is asked")
    arguments = parser.parse_args()
    asyncio.run(report(arguments.url, arguments.model, arguments.one_in))


if __name__ == "__main__":
    main()
