"""A question, an answer, and a stream."""

from lsrv import Runner

with Runner.from_config("models.toml") as runner:
    print(runner.chat("What is the capital of France?"))

    for text in runner.stream_chat("Tell me a story.", temperature=0.8, max_tokens=60):
        print(text, end="", flush=True)
