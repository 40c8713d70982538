"""Chats whose model uses tools of MCP servers: real servers, both eras, over stdio and HTTP, and bad ones."""

from __future__ import annotations

from typing import Any

import psutil
import pytest

from tests.conftest import RunningServer, wait_until
from tests.mcp.conftest import NAMES, model


def ask(served: RunningServer, *servers: str, **more: Any) -> dict[str, Any]:
    body = {"model": "demo", "messages": "Say it.", "mcp": list(servers), "tool_choice": "required", "temperature": 0}
    found: dict[str, Any] = served.http.post("/v1/chat/completions", json=body | {"max_tokens": 60} | more).json()
    return found


def calls(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in answer["choices"][0]["message"]["mcp"] if item["type"] == "mcp_call"]


def test_the_model_calls_a_tool_and_its_answer_goes_on_behind_it(served: RunningServer) -> None:
    answer = ask(served, "new")
    first = calls(answer)[0]
    kept = {name: first[name] for name in ("server_label", "name", "arguments", "status", "output", "error")}
    assert kept == {
        "server_label": "new",
        "name": "secret",
        "arguments": "{}",
        "status": "completed",
        "output": "hello",
        "error": None,
    }
    assert answer["choices"][0]["finish_reason"] in ("stop", "length")
    assert "tool_calls" not in answer["choices"][0]["message"]


def test_a_stream_tells_of_calls_as_they_begin_and_end(served: RunningServer) -> None:
    chunks = list(
        served.openai(api_key="key").chat.completions.create(
            model="demo",
            messages=[{"role": "user", "content": "Say it."}],
            stream=True,
            temperature=0,
            max_tokens=60,
            tool_choice="required",
            extra_body={"mcp": ["new"]},
        )
    )
    news = [item for chunk in chunks for item in getattr(chunk.choices[0].delta, "mcp", [])]
    (listing, begun, over), rest = news[:3], news[3:]
    assert [tool["name"] for tool in listing["tools"]] == ["secret"]
    assert (begun["status"], over["status"], over["output"]) == ("in_progress", "completed", "hello")
    assert begun["id"] == over["id"]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    whole = ask(served, "new")["choices"][0]["message"]
    assert (text, len(rest) // 2) == (whole["content"] or "", len(whole["mcp"]) - 2)


def test_servers_over_http_and_of_the_older_era_are_used_the_same_way(served: RunningServer) -> None:
    assert calls(ask(served, "old"))[0]["output"] == "again\n[image, which is no text: image/png]"
    assert {"server_label": "web", "name": "add"}.items() <= calls(ask(served, "web"))[0].items()
    states = {each["name"]: each for each in served.http.get("/admin/mcp").json()["servers"]}
    assert [states[name]["protocol"] for name in ("new", "web", "old")] == ["2026-07-28", "2026-07-28", "2025-06-18"]
    assert (states["gone"]["state"], "no such program" in states["gone"]["error"]) == ("failed", True)


def test_servers_that_die_or_hang_cost_their_own_calls(served: RunningServer) -> None:
    answer = ask(served, "dying")
    assert calls(answer)[0]["status"] == "failed"
    assert "broke off" in calls(answer)[0]["error"]
    assert "took longer than 0.5 s" in calls(ask(served, "hanging"))[0]["error"]
    assert calls(ask(served, "new"))[0]["output"] == "hello"
    wait_until(lambda: model(served)["mcp_servers_connected"] == len(NAMES) - 1)


def test_what_a_server_lies_about_is_left_out_and_what_can_be_used_is(served: RunningServer) -> None:
    states = {each["name"]: each for each in served.http.get("/admin/mcp").json()["servers"]}
    tools = [tool["name"] for tool in states["liar"]["tools"]]
    assert (len(tools), tools[0], tools[-1]) == (256, "liar_tool0", "liar_tool255")


def test_a_schema_that_no_answer_can_be_bound_to_is_let_go(served: RunningServer) -> None:
    (call, *_) = calls(ask(served, "odd"))
    assert (call["name"], isinstance(call["arguments"], str)) == ("odd", True)


def test_a_server_that_is_not_there_is_told_and_the_answer_comes(served: RunningServer) -> None:
    listing = ask(served, "gone", tool_choice="auto")["choices"][0]["message"]["mcp"][0]
    assert (listing["tools"], "no such program" in listing["error"]) == ([], True)


def test_calls_of_the_clients_own_tools_go_to_the_client(served: RunningServer) -> None:
    own = {"type": "function", "function": {"name": "mine", "parameters": {"type": "object", "properties": {}}}}
    named = {"type": "function", "function": {"name": "mine"}}
    answer = ask(served, "new", tools=[own], tool_choice=named)["choices"][0]
    assert answer["finish_reason"] == "tool_calls"
    assert [call["function"]["name"] for call in answer["message"]["tool_calls"]] == ["mine"]


def test_rounds_end_and_tokens_are_counted_over_all_of_them(served: RunningServer) -> None:
    answer = ask(served, "new", max_tool_rounds=1, max_tokens=40)
    assert len({call["id"] for call in calls(answer)}) == len(calls(answer)) >= 1
    usage = answer["usage"]
    assert usage["completion_tokens"] <= 40 and usage["prompt_tokens"] > 2 * 20


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"mcp": ["nobody"]}, "mcp[0]"),
        ({"mcp": True, "n": 2}, "n"),
        ({"mcp": "new"}, "mcp"),
        ({"mcp": True, "max_tool_rounds": 0}, "max_tool_rounds"),
    ],
)
def test_what_can_not_be_is_refused_by_its_place(served: RunningServer, body: Any, param: str) -> None:
    asked = {"model": "demo", "messages": "x"} | body
    answer = served.http.post("/v1/chat/completions", json=asked)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_nothing_is_offered_unasked(served: RunningServer) -> None:
    plain = served.http.post("/v1/chat/completions", json={"model": "demo", "messages": "x", "max_tokens": 4})
    assert "mcp" not in plain.json()["choices"][0]["message"]


def test_a_client_that_leaves_ends_the_call_it_waits_for(served: RunningServer) -> None:
    body = {"model": "demo", "messages": "x", "mcp": ["hanging"], "tool_choice": "required", "stream": True}
    with served.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert any("in_progress" in line for line in answer.iter_lines())
    wait_until(lambda: served.http.get("/v1/models/demo").json()["meta"]["n_running"] == 0)


def test_what_programs_write_to_stderr_is_in_the_log(served: RunningServer) -> None:
    assert any(line.get("line") == "the server of tools begins" for line in served.log_lines("stderr"))


def test_programs_end_with_lsrv_also_when_it_is_killed(start_server: Any, tmp_path: Any) -> None:
    from tests.mcp.conftest import OLD, program

    running = start_server(mcp={"servers": [program("old", OLD)]})
    parent = psutil.Process(running.process.pid)

    def programs() -> list[psutil.Process]:
        return [each for each in parent.children(recursive=True) if OLD in each.cmdline()]

    wait_until(programs)
    (child,) = programs()
    running.process.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
