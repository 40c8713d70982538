"""Several models in one memory budget, without a file."""

from lsrv import Runner, RunnerError

with Runner(server={"memory_budget": "4GiB"}) as runner:
    runner.add_model("weights/writer.gguf", alias="writer", context={"context_length": 256, "slots": 2})
    runner.add_model("weights/reader.gguf", alias="reader", kind="embedding", context_length=256)

    print(runner.complete("Once upon a time", "writer", max_tokens=20))
    print(len(runner.embed("A text to compare", "reader")[0]), "numbers")

    print(runner.list_models_with_status())
    runner.unload_model("writer")  # the next request loads it again

    try:
        runner.chat("Who is there?", "nobody")
    except RunnerError as error:
        print(error.code, "-", error)
