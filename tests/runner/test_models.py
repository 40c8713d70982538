"""Which models a Runner serves, and how that changes while it does."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import lsrv
from lsrv import (
    AdapterStack,
    AsyncRunner,
    LoraAdapter,
    ModelDType,
    ModelEndpoint,
    MultiModelBuilder,
    Runner,
    RunnerError,
    Which,
)
from tests.models import STORIES
from tests.runner.conftest import QUIET


def test_models_are_listed_by_alias_with_their_status(stories: Runner, folder: Path) -> None:
    stories.add_model(str(folder / "weights/writer.gguf"), alias="writer")
    assert stories.list_models() == ["stories", "writer"]
    stories.load_model("writer")
    assert stories.list_models_with_status() == [("stories", "unloaded"), ("writer", "loaded")]
    assert stories.list_unloaded_models() == ["stories"]
    assert stories.is_model_loaded("writer") and not stories.is_model_loaded("nobody")
    assert stories.get_model_status("nobody") is None


def test_an_unloaded_model_loads_when_it_is_asked(stories: Runner) -> None:
    stories.load_model()
    stories.unload_model("stories")
    assert stories.get_model_status("stories") == "unloaded"
    assert stories.complete("Once", max_tokens=1)
    assert stories.is_model_loaded("stories")
    stories.reload_model("stories")
    assert stories.is_model_loaded("stories")


def test_the_default_is_chosen_and_goes_with_its_model(stories: Runner, folder: Path) -> None:
    stories.add_model(str(folder / "weights/writer.gguf"), alias="writer")
    assert stories.get_default_model_id() == "stories"
    stories.set_default_model_id("writer")
    assert stories.get_default_model_id() == "writer"
    stories.remove_model("writer")
    assert stories.list_models() == ["stories"]
    with pytest.raises(RunnerError, match="known models: stories"):
        stories.set_default_model_id("writer")


def test_the_last_model_stays(stories: Runner) -> None:
    stories.list_models()
    with pytest.raises(RunnerError, match="add another"):
        stories.remove_model("stories")
    assert stories.complete("Once", max_tokens=1)


def test_a_wrong_model_changes_nothing(stories: Runner) -> None:
    stories.list_models()
    with pytest.raises(RunnerError, match="contxt"):
        stories.add_model("another", contxt={"slots": 1})
    assert stories.list_models() == ["stories"] and stories.complete("Once", max_tokens=1)


def test_adding_a_model_again_replaces_it(stories: Runner) -> None:
    stories.add_model(str(STORIES), alias="other", context_length=128)
    assert stories.list_models() == ["other"] and stories.max_sequence_length("other") == 128


def test_a_disabled_model_refuses_until_it_is_enabled(stories: Runner) -> None:
    stories.disable_model("stories")
    with pytest.raises(RunnerError) as caught:
        stories.complete("Once", max_tokens=1)
    assert caught.value.code == "model_disabled"
    stories.enable_model("stories")
    assert stories.complete("Once", max_tokens=1)


def test_nothing_is_served_without_a_model_and_nothing_behind_the_end() -> None:
    runner = Runner()
    assert runner.list_models() == [] and runner.get_default_model_id() is None
    with pytest.raises(RunnerError, match="add_model"):
        runner.chat("hello")
    runner.close()
    runner.close()
    with pytest.raises(RunnerError, match="closed"):
        runner.add_model(str(STORIES)).chat("hello")


def test_a_first_model_is_loaded_before_its_runner_is_there() -> None:
    with Runner(which=Which.Plain(str(STORIES)), max_seqs=2, seed=3, server=QUIET) as runner:
        assert [status for _, status in runner.list_models_with_status()] == ["loaded"]
    with pytest.raises(RunnerError, match="nowhere"):
        Runner("nowhere/at-all.gguf", server=QUIET)


def test_gguf_names_a_file_of_a_folder_and_in_situ_quant_makes_one(folder: Path) -> None:
    with Runner(Which.GGUF(str(folder / "weights"), "writer.gguf"), server=QUIET) as runner:
        assert str(runner.plan()["path"]).endswith("writer.gguf")
    with Runner(Which.Plain(str(STORIES)), in_situ_quant="Q8_0", server=QUIET) as runner:
        assert runner.plan()["quantization"] == "Q8_0"


def test_a_model_is_quantized_anew_while_a_stream_of_it_goes_on(stories: Runner) -> None:
    stream = stories.stream_chat("Once upon a time", max_tokens=60, ignore_eos=True)
    next(stream)
    stories.send_re_isq("Q8_0")
    assert stories.plan()["quantization"] == "Q8_0" and stories.is_model_loaded("stories")
    assert len(list(stream)) > 1
    with pytest.raises(RunnerError, match="dtype"):
        stories.send_re_isq("nonsense", "stories")


def test_an_entry_of_a_file_is_quantized_anew_whatever_the_file_says(folder: Path) -> None:
    with Runner.from_config(folder / "models.toml", server=QUIET) as runner:
        runner.send_re_isq("Q4_0", "demo-8")
        assert runner.plan("demo-8")["quantization"] == "Q4_0"


def test_what_means_nothing_here_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "lsrv.runner"):
        AsyncRunner(Which.Plain("x", dtype=ModelDType.BF16, topology="t.yml"), prefix_cache_n=3)
    assert [record.getMessage().split()[0] for record in caplog.records] == ["dtype", "topology", "prefix_cache_n"]


def test_the_warnings_of_a_config_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = folder / "models.toml"
    config.write_text(f'[paged_attn]\nmode = "off"\n[[models]]\nmodel_id = "{STORIES}"\n')
    with caplog.at_level(logging.WARNING, "lsrv.runner"), Runner.from_config(config, server=QUIET) as runner:
        runner.load_model()
    assert any("paged_attn" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    "kind", ["XLora", "XLoraGGUF", "LoraGGUF", "GGML", "XLoraGGML", "LoraGGML", "DiffusionPlain", "Speech"]
)
def test_kinds_that_llamacpp_has_not_are_refused_by_name(kind: str) -> None:
    with pytest.raises(RunnerError, match=rf"Which\.{kind}"):
        getattr(Which, kind)("a", "b", model_id="c")


@pytest.mark.parametrize(
    "option", ["anymoe_config", "enable_search", "code_execution_config", "shell_config", "tool_callbacks"]
)
def test_what_lsrv_does_not_do_for_models_is_refused_by_name(option: str) -> None:
    with pytest.raises(RunnerError, match=option):
        AsyncRunner("a", **{option: object()})


@pytest.mark.parametrize("name", ["MultiModel", "MultiModelRunner"])
def test_older_names_say_what_there_is_now(name: str) -> None:
    with pytest.raises(ImportError, match="Runner"):
        getattr(lsrv, name)


def test_every_public_name_can_be_imported_from_lsrv() -> None:
    from lsrv import runner

    assert {name for name in dir(lsrv) if name in runner.__all__} == set(runner.__all__)
    assert all(getattr(lsrv, name) is getattr(runner, name) for name in runner.__all__)
    with pytest.raises(AttributeError, match="Nobody"):
        _ = lsrv.Nobody


def test_a_builder_gathers_models_and_their_default(folder: Path) -> None:
    builder = MultiModelBuilder(server=QUIET).add_model_with_alias("writer", str(folder / "weights/writer.gguf"))
    builder.add_model(Which.Embedding(str(folder / "weights/reader.gguf")), alias="reader").with_default_model("reader")
    with builder.build() as runner:
        assert runner.list_models() == ["writer", "reader"] and runner.get_default_model_id() == "reader"
    with pytest.raises(RunnerError, match="nobody"):
        builder.with_default_model("nobody").build()
    with pytest.raises(RunnerError, match="add_model"):
        MultiModelBuilder().build()


def test_adapters_come_and_go_while_their_model_serves(demo: Runner) -> None:
    (pirate, roman) = demo.list_lora_adapters("demo")
    assert (pirate.alias, roman.alias) == ("pirate", "roman")
    source = Path(lsrv.__file__).parent / "demo/lsrv-demo-pirate.gguf"
    loaded = demo.load_lora_adapter("corsair", source, "demo")
    assert demo.chat("Hello", "demo:corsair", temperature=0) == demo.chat("Hello", "demo:pirate", temperature=0)
    assert demo.unload_lora_adapter("corsair", "demo", expected_generation=loaded.generation).alias == "corsair"
    with pytest.raises(RunnerError):
        demo.chat("Hello", "demo:corsair")


def test_a_model_with_adapters_by_which() -> None:
    which = Which.Lora("lsrv-demo", [LoraAdapter("corsair", "lsrv-demo-pirate")])
    assert which.entry()["adapters"] == [{"name": "corsair", "source": "lsrv-demo-pirate"}]


def test_a_stack_of_adapters_keeps_order_and_weights() -> None:
    stack = AdapterStack([("a", 0.75)]).push("b", 0.25)
    assert list(stack) == [("a", 0.75), ("b", 0.25)] and len(stack) == 2 and not stack.is_empty()
    assert list(AdapterStack([("a", 0.3), ("b", 0.1)]).normalize()) == [
        ("a", pytest.approx(0.75)),
        ("b", pytest.approx(0.25)),
    ]
    assert AdapterStack([("a", 0.0)]).normalise().total_weight() == 0
    with pytest.raises(RunnerError, match="from 0 to 1"):
        stack.push("c", 1.5)


def test_endpoints_are_registered_switched_and_taken_away(stories: Runner, folder: Path) -> None:
    endpoints = stories.endpoints
    writer = (
        ModelEndpoint("writer", str(folder / "weights/writer.gguf")).with_context_length(128).with_description("Tells")
    )
    assert (ModelEndpoint("x").description, ModelEndpoint("x").max_context_length) == ("", 4096)
    endpoints.register(writer.set_default())
    assert len(endpoints) == 2 and "writer" in endpoints
    found = endpoints.default_endpoint()
    assert found is not None and (found.id, found.display_name, found.description) == ("writer", "writer", "Tells")
    assert stories.max_sequence_length("writer") == 128
    endpoints.register(ModelEndpoint("writer", str(folder / "weights/reader.gguf"), max_context_length=64))
    assert len(endpoints) == 2 and stories.max_sequence_length("writer") == 64
    assert endpoints.set_status("writer", "disabled") and not endpoints.set_status("nobody", "disabled")
    assert [each.id for each in endpoints.available()] == ["stories"] and len(endpoints.all()) == 2
    assert endpoints.set_status("writer", "loading") and stories.is_model_loaded("writer")
    with pytest.raises(RunnerError, match="what a failed load leaves"):
        endpoints.set_status("writer", "error")
    gone = endpoints.unregister("writer")
    assert gone is not None and gone.id == "writer" and endpoints.unregister("writer") is None
