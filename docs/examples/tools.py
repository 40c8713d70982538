"""A function of yours that the model calls."""

import json

from lsrv import ChatCompletionRequest, ChatCompletionResponse, Runner

weather = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}

with Runner.from_config("models.toml") as runner:
    answer = runner.send_chat_completion_request(
        ChatCompletionRequest(
            messages=[{"role": "user", "content": "What is the weather in Paris?"}],
            tool_schemas=[json.dumps(weather)],
            tool_choice="required",
            max_tokens=100,
        )
    )
    assert isinstance(answer, ChatCompletionResponse)  # with stream=True: an iterator of chunks
    for call in answer.choices[0].message.tool_calls or []:
        print(call.function.name, json.loads(call.function.arguments))
