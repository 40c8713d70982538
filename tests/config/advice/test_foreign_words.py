"""Words of other servers lead to keys that exist."""

import pytest

from lsrv.config.advice.foreign_words import foreign, words
from lsrv.config.keys import known_keys


@pytest.mark.parametrize(("word", "key"), sorted(words()))
def test_every_foreign_word_leads_to_a_key_that_exists_and_is_none_itself(word: str, key: str) -> None:
    table, own = key.split(".")[0], known_keys()
    assert tuple(key.split(".")) in own
    assert word == word.lower()
    assert table == "server" or (table, word) not in own or (table, word) == ("models", "context")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (("models", "n_ctx"), "models.context.context_length"),
        (("models", "context", "num-ctx"), "models.context.context_length"),
        (("ngl",), "models.device.gpu_layers"),
        (("server", "temp"), "models.defaults.temperature"),
        (("host",), "server.host"),
        (("models", "host"), None),
        (("routes", "name"), None),
    ],
)
def test_what_a_word_means_depends_on_its_table(path: tuple[str, ...], key: str | None) -> None:
    assert foreign(path) == key
