"""What each route answers, for the reference: the type of a whole answer, of a stream's events, and its query."""

from __future__ import annotations

from dataclasses import dataclass

from lsrv.api.admin.bodies import CacheAnswer, LogsAnswer, ServerStatus
from lsrv.api.admin.reload import ReloadReport
from lsrv.api.dialects.models import VerbAnswer
from lsrv.api.reference.shapes import anthropic_shapes as anthropic
from lsrv.api.reference.shapes import llamaserver_shapes as llama
from lsrv.api.reference.shapes import ollama_shapes as ollama
from lsrv.api.reference.shapes import openai_shapes as openai
from lsrv.api.reference.shapes import responses_shapes as responses
from lsrv.api.reference.shapes import server_shapes as server

Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class AnswerTypes:
    """`whole`: of the JSON body; None: any. `event`: of what stands in each event or line of a stream.

    `last`: a text that stands alone in the last event.
    """

    whole: object | None = None
    event: object | None = None
    query: tuple[str, ...] = ()
    last: str | None = None


_ANY = AnswerTypes()
_DONE = "[DONE]"
_RANKS = AnswerTypes(openai.RankList | list[openai.BareRankShape])
_LISTED = ("available",)
_PAGE = ("after", "limit", "order")

ANSWERS: dict[tuple[str, str], AnswerTypes] = {
    ("POST", "/v1/chat/completions"): AnswerTypes(openai.ChatCompletion, openai.ChatCompletionChunk, last=_DONE),
    ("POST", "/v1/chat/completions/input_tokens"): AnswerTypes(responses.InputTokenShape),
    ("POST", "/v1/completions"): AnswerTypes(openai.TextCompletion, openai.TextCompletion, last=_DONE),
    ("POST", "/v1/embeddings"): AnswerTypes(openai.VectorList),
    ("POST", "/v1/rerank"): _RANKS,
    ("POST", "/v1/reranking"): _RANKS,
    ("POST", "/v1/responses"): AnswerTypes(responses.ResponseShape, responses.ResponseEventShape),
    ("POST", "/v1/responses/input_tokens"): AnswerTypes(responses.InputTokenShape),
    ("GET", "/v1/responses/{id}"): AnswerTypes(
        responses.ResponseShape, responses.ResponseEventShape, ("stream", "starting_after")
    ),
    ("POST", "/v1/responses/{id}/cancel"): AnswerTypes(responses.ResponseShape),
    ("DELETE", "/v1/responses/{id}"): AnswerTypes(responses.DeletedResponseShape),
    ("GET", "/v1/responses/{id}/input_items"): AnswerTypes(responses.ItemListShape, query=_PAGE),
    ("POST", "/v1/messages"): AnswerTypes(anthropic.MessageShape, anthropic.MessageEventShape),
    ("POST", "/v1/messages/count_tokens"): AnswerTypes(anthropic.TokenCountShape),
    ("GET", "/api/hello"): AnswerTypes(Fields),
    ("POST", "/api/event_logging/batch"): AnswerTypes(Fields),
    ("POST", "/api/chat"): AnswerTypes(ollama.OllamaChatLine, ollama.OllamaChatLine),
    ("POST", "/api/generate"): AnswerTypes(ollama.OllamaTextLine, ollama.OllamaTextLine),
    ("POST", "/api/embed"): AnswerTypes(ollama.OllamaVectors),
    ("POST", "/api/embeddings"): AnswerTypes(ollama.OllamaVector),
    ("GET", "/api/tags"): AnswerTypes(ollama.OllamaModels),
    ("GET", "/api/ps"): AnswerTypes(ollama.OllamaModels),
    ("POST", "/api/show"): AnswerTypes(ollama.OllamaShown),
    ("GET", "/api/version"): AnswerTypes(ollama.OllamaVersion),
    ("POST", "/api/pull"): AnswerTypes(ollama.PullLine, ollama.PullLine),
    ("POST", "/completion"): AnswerTypes(llama.LlamaText | list[llama.LlamaText], llama.LlamaText),
    ("POST", "/infill"): AnswerTypes(llama.LlamaText | list[llama.LlamaText], llama.LlamaText),
    ("POST", "/v1/tokenize"): AnswerTypes(llama.TokenList),
    ("POST", "/v1/detokenize"): AnswerTypes(llama.TextOfTokens),
    ("POST", "/v1/apply-template"): AnswerTypes(llama.PromptText),
    ("POST", "/embedding"): AnswerTypes(list[llama.TokenVectors]),
    ("GET", "/slots"): AnswerTypes(list[llama.SlotShape], query=("model", "fail_on_no_slot")),
    ("GET", "/props"): AnswerTypes(Fields, query=("model", "autoload")),
    ("GET", "/v1/lora-adapters"): AnswerTypes(list[llama.LoraShape], query=("model",)),
    ("POST", "/v1/lora-adapters"): AnswerTypes(llama.SuccessShape, query=("model",)),
    ("GET", "/v1/lora_adapters"): AnswerTypes(Fields, query=("model",)),
    ("GET", "/v1/models"): AnswerTypes(server.ListedModels, query=_LISTED),
    ("GET", "/v1/models/{id}"): AnswerTypes(server.ListedModel),
    **{
        ("POST", f"/v1/models/{verb}"): AnswerTypes(VerbAnswer, query=("strict",))
        for verb in ("load", "unload", "reload", "enable", "disable", "status")
    },
    ("GET", "/admin/status"): AnswerTypes(ServerStatus),
    ("GET", "/admin/models/{id}/logs"): AnswerTypes(LogsAnswer),
    ("GET", "/admin/models/{id}/cache"): AnswerTypes(CacheAnswer),
    ("POST", "/admin/default"): AnswerTypes(server.ChosenDefault),
    ("POST", "/admin/reload"): AnswerTypes(ReloadReport),
    ("GET", "/admin/events"): AnswerTypes(event=Fields),
    ("GET", "/health"): AnswerTypes(server.HealthShape),
    ("GET", "/healthz"): AnswerTypes(server.HealthShape),
    ("GET", "/readyz"): AnswerTypes(server.ReadyShape),
}


def answer_types(method: str, path: str) -> AnswerTypes:
    """What that route answers, as far as it is known."""
    return ANSWERS.get((method, path), _ANY)
