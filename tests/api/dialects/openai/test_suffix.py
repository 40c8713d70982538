"""`suffix`: what stands between two texts, for models whose vocabulary has tokens for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import TINY, RunningServer, StartServer
from tests.models.kinds import FIM, write_infilling

PREFIX, SUFFIX = "def add(a, b):\n    return", "\n\nprint(add(1, 2))"


@pytest.fixture
def coder(start_server: StartServer, tmp_path: Path) -> RunningServer:
    """A server of one model that can fill in."""
    write_infilling(tmp_path / "coder.gguf")
    return start_server(
        models=[
            {
                "model_id": str(tmp_path / "coder.gguf"),
                "alias": "coder",
                "context": {"context_length": 256, "slots": 2},
                "device": {"threads": 1},
            }
        ]
    )


def tokens_of(server: RunningServer, text: str, **fields: Any) -> list[int]:
    answer = server.http.post("/tokenize", json={"model": "coder", "content": text, **fields})
    return list(answer.json()["tokens"])


def test_a_suffix_is_put_behind_its_mark_as_llama_server_does(coder: RunningServer) -> None:
    client = coder.openai()
    bos = tokens_of(coder, "", add_special=True)
    before = [FIM["pre"], *tokens_of(coder, PREFIX, parse_special=False)]
    behind = [FIM["suf"], *tokens_of(coder, SUFFIX, parse_special=False)]
    for extra, order in (({}, [*before, *behind]), ({"spm_infill": True}, [*behind, *before])):
        filled = client.completions.create(
            model="coder", prompt=PREFIX, suffix=SUFFIX, max_tokens=8, temperature=0, extra_body=extra
        )
        written = client.completions.create(
            model="coder", prompt=[*bos, *order, FIM["mid"]], max_tokens=8, temperature=0
        )
        assert filled.choices[0].text == written.choices[0].text
        assert filled.usage is not None
        assert written.usage is not None
        assert filled.usage.prompt_tokens == written.usage.prompt_tokens


def test_control_tokens_that_a_text_spells_out_are_text(coder: RunningServer) -> None:
    spelled = coder.http.post(
        "/v1/completions", json={"model": "coder", "prompt": "<s></s>", "suffix": "<s>", "max_tokens": 1}
    )
    n_own = len(tokens_of(coder, "<s></s>", parse_special=False)) + len(tokens_of(coder, "<s>", parse_special=False))
    assert spelled.json()["usage"]["prompt_tokens"] == n_own + 4  # BOS and three marks


def test_echo_puts_what_stands_before_in_front(coder: RunningServer) -> None:
    answer = coder.openai().completions.create(model="coder", prompt=PREFIX, suffix=SUFFIX, max_tokens=2, echo=True)
    assert answer.choices[0].text.startswith(PREFIX)


def test_an_empty_suffix_asks_for_nothing(coder: RunningServer) -> None:
    asked: dict[str, Any] = {"model": "coder", "prompt": PREFIX, "max_tokens": 8, "temperature": 0}
    client = coder.openai()
    assert (
        client.completions.create(**asked, suffix="").choices[0].text
        == client.completions.create(**asked).choices[0].text
    )


def test_a_suffix_beyond_the_context_is_told_as_such(coder: RunningServer) -> None:
    answer = coder.http.post("/v1/completions", json={"model": "coder", "prompt": "a", "suffix": "word " * 300})
    assert answer.status_code == 400
    assert "maximum context length is 256 tokens" in answer.json()["error"]["message"]


def test_a_model_without_such_tokens_says_so(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="leave suffix out") as caught:
        client.completions.create(model=TINY, prompt=PREFIX, suffix=SUFFIX)
    assert caught.value.param == "suffix"
