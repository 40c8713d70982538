"""POST /v1/models/tune: the table behind a choice of quantization and context."""

from __future__ import annotations

import pytest

from tests.conftest import TINY, RunningServer


@pytest.mark.parametrize("path", ["/v1/models/tune", "/models/tune"])
def test_the_table_of_an_entry_comes_without_a_load(server: RunningServer, path: str) -> None:
    before = server.http.get(f"/v1/models/{TINY}").json()["status"]
    answer = server.http.post(path, json={"model_id": TINY, "context_lengths": [256, 512]})
    assert answer.status_code == 200
    (weights,) = answer.json()["weights"]
    assert [(each["n_ctx_seq"], each["is_fitting"]) for each in weights["contexts"]] == [(256, True), (512, True)]
    assert answer.json()["best"] == {"name": weights["name"], "quantization": "F32", "n_ctx_seq": 512}
    assert server.http.get(f"/v1/models/{TINY}").json()["status"] == before


def test_an_unknown_model_is_a_404_and_a_wrong_context_a_400(server: RunningServer) -> None:
    assert server.http.post("/v1/models/tune", json={"model_id": "no/such"}).status_code == 404
    answer = server.http.post("/v1/models/tune", json={"model_id": TINY, "context_lengths": [0]})
    assert answer.status_code == 400
    assert "context_lengths" in answer.text
