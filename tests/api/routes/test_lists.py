"""What the list says of models before any of them is loaded; loading all; the default and its end."""

from tests.conftest import copies_of_stories


def test_what_a_file_says_is_listed_before_the_first_load_and_all_may_be_loaded(start_server, tmp_path):
    models = copies_of_stories(tmp_path)
    models[0] |= {"display_name": "Tiny Stories", "description": "tells stories", "kind": "auto"}
    models[1] |= {"context": {"context_length": 128, "slots": 1}}
    server = start_server(models=models)
    first, other, embedding = (each for each in server.http.get("/v1/models").json()["data"] if each["id"] != "default")
    assert (first["display_name"], first["description"], first["is_default"]) == ("Tiny Stories", "tells stories", True)
    assert (first["status"], first["capabilities"]) == ("unloaded", ["completion", "chat"])
    assert (other["display_name"], other["is_default"], other["context_window"]) == (other["id"], False, 128)
    assert (embedding["embedding_dimension"], embedding["embedding_dimensions"]) == (64, 64)
    assert server.http.get("/v1/models").json()["default_model"] == first["id"]
    names = [first["id"], other["id"], embedding["id"]]
    for verb, status in (("load_all", "loaded"), ("unload_all", "unloaded")):
        answer = server.http.post(f"/v1/models/{verb}", json={}).json()
        assert answer["models"] == [{"model_id": name, "status": status} for name in names]


def test_a_default_chosen_for_the_run_may_be_given_back(start_server, tmp_path):
    server = start_server(models=copies_of_stories(tmp_path))
    first, other = (each["id"] for each in server.http.get("/v1/models").json()["data"][1:3])
    server.http.post("/admin/default", json={"model_id": other})
    assert server.http.get("/v1/models").json()["default_model"] == other
    assert server.http.delete("/admin/default").status_code == 200
    assert server.http.get("/v1/models").json()["default_model"] == first
