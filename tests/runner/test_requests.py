"""What a Runner is asked, and answers."""

from __future__ import annotations

import asyncio
import json
import os
import threading

import pytest

from lsrv import (
    AdapterStack,
    AsyncRunner,
    ChatCompletionChunkResponse,
    ChatCompletionRequest,
    ChatCompletionResponse,
    CompletionRequest,
    CompletionResponse,
    EmbeddingRequest,
    LoraAdapterGeneration,
    Runner,
    RunnerError,
    ToolChoice,
)
from lsrv.demo import CONFIG_PATH

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def _asked(demo: Runner, request: ChatCompletionRequest, model_id: str | None = None) -> ChatCompletionResponse:
    answer = demo.send_chat_completion_request(request, model_id)
    assert isinstance(answer, ChatCompletionResponse)
    return answer


@pytest.mark.parametrize("name", [None, "demo", "lsrv-demo", "default"])
def test_a_question_is_answered_by_the_default_or_by_whom_it_names(demo: Runner, name: str | None) -> None:
    assert demo.chat(QUESTION, name, temperature=0) == ANSWER


def test_a_streamed_answer_is_the_whole_one_in_parts(demo: Runner) -> None:
    parts = list(demo.stream_chat(QUESTION, temperature=0))
    assert len(parts) > 1 and "".join(parts) == ANSWER


def test_a_request_in_mistralrs_words_has_all_of_the_answer(demo: Runner) -> None:
    answer = _asked(demo, ChatCompletionRequest([{"role": "user", "content": QUESTION}], temperature=0.0))
    assert answer.choices[0].message.content == ANSWER and answer.choices[0].finish_reason == "stop"
    assert (
        answer.model == "demo"
        and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    )
    assert answer.usage.avg_compl_tok_per_sec > 0


def test_the_arguments_model_id_wins_over_the_requests(demo: Runner) -> None:
    assert _asked(demo, ChatCompletionRequest(QUESTION, "demo", max_tokens=1), "demo-8").model == "demo-8"


def test_chunks_end_with_the_usage(demo: Runner) -> None:
    chunks = list(demo.send_chat_completion_request(ChatCompletionRequest(QUESTION, stream=True, temperature=0.0)))
    assert all(isinstance(chunk, ChatCompletionChunkResponse) for chunk in chunks)
    last = chunks[-1]
    assert isinstance(last, ChatCompletionChunkResponse) and last.usage is not None and last.usage.completion_tokens > 0


def test_sampling_fields_reach_the_model(demo: Runner) -> None:
    answer = _asked(
        demo,
        ChatCompletionRequest(
            QUESTION,
            n_choices=2,
            max_tokens=3,
            stop_seqs=["nothing"],
            logprobs=True,
            top_logprobs=2,
            logit_bias={5: -100.0},
            repetition_penalty=1.1,
            extra_body={"min_p": 0.1},
        ),
    )
    assert [choice.finish_reason for choice in answer.choices] == ["length", "length"]
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None and logprobs.content is not None and len(logprobs.content[0].top_logprobs) == 2


def test_a_grammar_binds_the_answer(demo: Runner) -> None:
    request = ChatCompletionRequest(QUESTION, grammar="yes|no", grammar_type="regex")
    assert _asked(demo, request).choices[0].message.content in ("yes", "no")


def test_a_forced_tool_is_called_with_json(demo: Runner) -> None:
    request = ChatCompletionRequest(QUESTION, tool_schemas=[json.dumps(WEATHER)], tool_choice="weather")
    (call,) = _asked(demo, request).choices[0].message.tool_calls or []
    assert call.function.name == "weather" and json.loads(call.function.arguments) == {}


def test_no_tool_is_called_where_none_is_wanted(demo: Runner) -> None:
    request = ChatCompletionRequest(
        QUESTION, tool_schemas=[json.dumps(WEATHER)], tool_choice=ToolChoice.NoTools, max_tokens=8
    )
    assert not _asked(demo, request).choices[0].message.tool_calls


def test_adapters_change_the_answer_alone_and_stacked(demo: Runner) -> None:
    alone = _asked(demo, ChatCompletionRequest(QUESTION, temperature=0.0, adapter="pirate"))
    stacked = _asked(demo, ChatCompletionRequest(QUESTION, temperature=0.0, adapter=AdapterStack([("pirate", 1.0)])))
    assert alone.choices[0].message.content == stacked.choices[0].message.content != ANSWER


def test_a_text_goes_on_whole_and_in_chunks(demo: Runner) -> None:
    whole = demo.send_completion_request(CompletionRequest("The capital of", max_tokens=4, temperature=0.0))
    assert isinstance(whole, CompletionResponse)
    chunks = demo.send_completion_request(
        CompletionRequest("The capital of", max_tokens=4, temperature=0.0, stream=True)
    )
    assert not isinstance(chunks, CompletionResponse)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == whole.choices[0].text
    assert demo.complete("The capital of", max_tokens=4, temperature=0.0) == whole.choices[0].text


def test_texts_become_vectors_and_documents_are_ranked(demo: Runner) -> None:
    vectors = demo.send_embedding_request(EmbeddingRequest(["one", "two"]), "demo-embed")
    assert len(vectors) == 2 and vectors == demo.embed(["one", "two"], "demo-embed")
    ranked = demo.rerank("capital of France", ["Dogs bark.", "Paris is the capital of France."], "demo-rerank", top_n=1)
    assert [each.index for each in ranked] == [1]


def test_tokens_go_there_and_back(demo: Runner) -> None:
    tokens = demo.tokenize_text("hello world", False, None)
    assert demo.detokenize_text(tokens, False) == "hello world"
    assert demo.max_sequence_length() == 1024


@pytest.mark.parametrize(
    ("ask", "code", "words"),
    [
        (lambda demo: demo.chat(QUESTION, "nobody"), "model_not_found", "known models: demo"),
        (lambda demo: demo.chat(QUESTION, temperature=-1), "invalid_request", "temperature"),
        (lambda demo: next(demo.stream_chat(QUESTION, "nobody")), "model_not_found", "known models: demo"),
        (lambda demo: demo.embed("text", "demo"), "capability_not_supported", "makes no vectors"),
        (lambda demo: demo.generate_image("a cat"), None, ""),
        (lambda demo: demo.generate_audio("a word"), None, ""),
        (lambda demo: demo.detokenize_text([1], True), "invalid_request", "control tokens"),
        (lambda demo: demo.send_embedding_request(EmbeddingRequest("a", True)), "invalid_request", "cut it"),
        (
            lambda demo: _asked(demo, ChatCompletionRequest("a", adapter=LoraAdapterGeneration("f" * 64))),
            "invalid_request",
            "by name",
        ),
        (lambda demo: _asked(demo, ChatCompletionRequest("a", tool_schemas=["{"])), "invalid_request", "no JSON"),
    ],
)
def test_what_cant_be_served_is_a_value_error_in_the_servers_words(
    demo: Runner, ask: object, code: str | None, words: str
) -> None:
    assert callable(ask)
    with pytest.raises(ValueError) as caught:
        ask(demo)
    assert isinstance(caught.value, RunnerError) and words in str(caught.value)
    assert code is None or caught.value.code == code


def test_a_prompt_beyond_the_context_tells_both_numbers(demo: Runner) -> None:
    with pytest.raises(RunnerError) as caught:
        demo.chat("word " * 3000)
    assert caught.value.status == 400 and caught.value.fields["n_ctx"] == 1024


def test_threads_ask_at_the_same_time(demo: Runner) -> None:
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(demo.chat(QUESTION, temperature=0))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [ANSWER] * 8


def test_leaving_a_stream_ends_its_request(demo: Runner) -> None:
    chunks = demo.stream_chat("Tell me a story.", max_tokens=1000, ignore_eos=True)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert demo.chat(QUESTION, temperature=0) == ANSWER  # and a slot is free


def test_a_forked_process_is_told_to_make_its_own(demo: Runner) -> None:
    demo.list_models()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            demo.list_models()
        except RunnerError as error:
            os.write(write_end, error.code.encode())
        finally:
            os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    with os.fdopen(read_end) as told:
        assert told.read() == "wrong_process"
    assert demo.chat(QUESTION, temperature=0) == ANSWER


def test_with_an_event_loop_answers_come_at_once_and_cancelling_one_leaves_the_other() -> None:
    async def asked() -> list[str]:
        async with AsyncRunner.from_config(CONFIG_PATH, server={"spare_workers": 0}) as runner:
            left = asyncio.create_task(runner.chat("Tell me a story.", max_tokens=1000, ignore_eos=True))
            kept = await asyncio.gather(*(runner.chat(QUESTION, temperature=0) for _ in range(3)))
            left.cancel()
            await asyncio.wait([left])
            assert left.cancelled()
            return [*kept, await runner.chat(QUESTION, temperature=0)]

    assert asyncio.run(asked()) == [ANSWER] * 4
