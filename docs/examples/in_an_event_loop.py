"""The same with await: two answers at once, and one that is stopped."""

import asyncio

from lsrv import AsyncRunner


async def main() -> None:
    async with AsyncRunner.from_config("models.toml") as runner:
        answers = await asyncio.gather(
            runner.chat("What is the capital of France?"),
            runner.chat("What is the capital of Italy?"),
        )
        print(answers)

        async for text in runner.stream_chat("Count to a thousand.", max_tokens=500):
            print(text)
            break  # the model stops writing


asyncio.run(main())
