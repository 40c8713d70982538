"""mistral.rs's Python examples, with the import changed."""

# What a request gives is an answer or its chunks, as there: a type checker can't tell which.
# pyright: reportAttributeAccessIssue=false, reportGeneralTypeIssues=false

from lsrv import ChatCompletionRequest, MultiModelBuilder, Runner, Which

runner = Runner(
    which=Which.GGUF(quantized_model_id="weights", quantized_filename="writer.gguf"),
    max_seqs=4,
    seed=42,
)
response = runner.send_chat_completion_request(
    ChatCompletionRequest(
        model="default",
        messages=[{"role": "user", "content": "Tell me a story about the Rust type system."}],
        max_tokens=32,
        presence_penalty=1.0,
        top_p=0.1,
        temperature=0.1,
    )
)
print(response.choices[0].message.content)
print(response.usage)
runner.close()

runner = (
    MultiModelBuilder()
    .add_model_with_alias("writer", Which.Plain("weights/writer.gguf"))
    .add_model_with_alias("reader", Which.Embedding("weights/reader.gguf"))
    .with_default_model("writer")
    .build()
)
for chunk in runner.send_chat_completion_request(
    ChatCompletionRequest("Once upon a time", stream=True, max_tokens=16), model_id="writer"
):
    print(chunk.choices[0].delta.content if chunk.choices else chunk.usage)
print(runner.list_models(), runner.get_default_model_id(), runner.is_model_loaded("reader"))
runner.close()
