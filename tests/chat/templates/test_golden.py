"""Byte for byte what transformers makes of the same chat."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from lsrv.chat.templates import environment
from lsrv.chat.templates.chat import Chat
from lsrv.chat.templates.prompt import CheckedPrompter
from lsrv.chat.templates.template import ChatTemplate
from tests.chat.templates.conversations import CONVERSATIONS
from tests.chat.templates.golden import GOLDEN, PUBLISHED, REFUSED, FixedTime, digest

EXPECTED: dict[str, dict[str, str]] = json.loads(GOLDEN.read_text())

CALLS = ("call", "calls", "calls, answered", "thoughts with calls")
SEVERAL = ("calls", "calls, answered", "thoughts with calls")
# Where ours differs, and why.
DIFFERENT = {
    "transformers has the list of parts printed, or nothing; ours are lines": {
        "CohereForAI-c4ai-command-r7b-12-2024-tool_use": ("parts",),
        "GigaChat3-10B-A1.8B": ("parts", *SEVERAL),
        "GigaChat3.1-10B-A1.8B": ("parts", *SEVERAL),
        "HuggingFaceTB-SmolLM3-3B": ("parts",),
        "LFM2-8B-A1B": ("parts",),
        "LFM2.5-Instruct": ("parts",),
        "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": ("parts",),
        "deepseek-ai-DeepSeek-V4": ("parts",),
        "deepseek-ai-DeepSeek-V4-Flash-0731": ("parts",),
        "google-gemma-2-2b-it": ("parts",),
        "llama-cpp-rwkv-world": ("parts", *CALLS),
        "meta-llama-Llama-3.1-8B-Instruct": ("parts",),
        "meta-llama-Llama-3.2-3B-Instruct": ("parts",),
        "meta-llama-Llama-3.3-70B-Instruct": ("parts",),
        "openbmb-MiniCPM5-1B": ("parts",),
        "poolside-Laguna-S-2.1": ("parts",),
        "poolside-Laguna-XS-2.1": ("parts",),
        "poolside-Laguna-XS.2": ("parts",),
    },
    "the template shows calls only where content is null, which transformers leaves out": {
        "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": CALLS,
    },
    "the template drops all calls of a message but the first; ours are messages of their own, as those of GigaChat": {
        "openai-gpt-oss-120b": SEVERAL,
    },
    "the template drops results of tools; ours are user messages": {"microsoft-Phi-3.5-mini-instruct": CALLS},
}
# What transformers refuses, and ours, too: documents that its makers describe otherwise.
REFUSED_BY_BOTH = [("Cohere2MoE", "documents"), ("CohereForAI-c4ai-command-r7b-12-2024-tool_use", "documents")]


@pytest.mark.parametrize("path", PUBLISHED, ids=[path.stem for path in PUBLISHED])
def test_a_prompt_is_transformers_byte_for_byte_and_there_is_one_where_transformers_refuses(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "datetime", FixedTime)
    prompter = CheckedPrompter(ChatTemplate(path.read_text(), bos="<BOS>", eos="<EOS>"))
    others = [name for stems in DIFFERENT.values() for name in stems.get(path.stem, ())]
    assert set(EXPECTED[path.stem]) == set(CONVERSATIONS)
    for name, expected in EXPECTED[path.stem].items():
        if (path.stem, name) in REFUSED_BY_BOTH:
            continue
        given = copy.deepcopy(CONVERSATIONS[name])
        written = digest(prompter.prompt(Chat(given.pop("messages"), tools=given.pop("tools", None), kwargs=given)))
        assert (written != expected) == (name in others or expected == REFUSED), name
