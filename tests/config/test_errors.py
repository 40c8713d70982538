"""Golden messages: FILE:LINE: key: what is wrong; what to do."""

from pathlib import Path

import pytest

from lsrv.config import load_settings
from lsrv.errors import ConfigError

MODEL = '[[models]]\nmodel_id = "a"\n'

# A models.toml, then "=> " and the message it ends in; an empty line between two of them.
GOLDEN = [case.split("\n=> ") for case in Path(__file__).with_name("errors.golden").read_text().strip().split("\n\n")]


@pytest.mark.parametrize(("text", "message"), GOLDEN, ids=[message for _, message in GOLDEN])
def test_the_message_names_file_line_key_and_mend(error_of, text, message):
    assert error_of(text + "\n") == message


def test_all_problems_are_told_at_once_in_the_order_of_their_lines(error_of):
    message = error_of('[server]\nport = "x"\nprot = 1\n[[models]]\nmodel_id = ""\nqueue = -1\n')
    assert [line.split(": ")[0] for line in message.split("\n")] == [f"models.toml:{line}" for line in (2, 3, 5, 6)]


def test_a_key_is_never_shown(error_of):
    message = error_of(
        '[server]\napi_keys = ["sk secret"]\nadmin_keys = [" secret2"]\n[global]\ntoken_source = "secret3"'
    )
    assert "secret" not in message


def test_a_key_in_a_broken_line_is_never_shown(error_of):
    assert "secret" not in error_of('[server]\napi_keys = ["secret"\nport = 1')


def test_a_missing_file_is_named_with_a_mend():
    with pytest.raises(ConfigError, match=r"nope.toml: no such file; name one with -f FILE"):
        load_settings(Path("nope.toml"), environ={})


def test_a_folder_is_no_config(tmp_path):
    (tmp_path / "a.toml").mkdir()
    with pytest.raises(ConfigError, match="is a folder; name the file in it"):
        load_settings(tmp_path / "a.toml", environ={})


def test_an_ending_of_no_config_is_refused_by_name(error_of):
    assert '".ini" is no kind of config' in error_of("a: 1", name="models.ini")


def test_bytes_that_are_no_utf8_are_named(tmp_path):
    path = tmp_path / "models.toml"
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match="byte 5 is not UTF-8"):
        load_settings(path, environ={})


def test_deep_nesting_is_refused(error_of):
    assert "nested too deeply" in error_of("a = " + "[" * 5000 + "]" * 5000)


def test_a_missing_template_is_told_with_its_line(error_of, tmp_path):
    message = error_of(MODEL + 'chat_template = "no.jinja"\n')
    where = f'models.toml:3: models["a"].chat_template: {tmp_path}/no.jinja'
    assert message == f"{where}: no such file; write the path of a Jinja file"


def test_broken_json_has_line_and_column(error_of):
    assert error_of('{"a":\n nope}', name="m.json") == "m.json:2:2: not JSON: Expecting value: `nope}`"


def test_an_importance_matrix_that_is_not_there_is_a_problem_of_its_line(error_of, tmp_path):
    text = '[[models]]\nmodel_id = "a"\n[models.quantization]\nisq = "4"\nimatrix = "gone.dat"\n'
    assert error_of(text) == (
        f'models.toml:5: models["a"].quantization.imatrix: {tmp_path}/gone.dat: no such file; '
        "write the path of an importance matrix"
    )


def test_an_importance_matrix_lies_beside_the_file_that_names_it(load, tmp_path):
    (tmp_path / "here.dat").write_bytes(b"x")
    text = '[[models]]\nmodel_id = "a"\n[models.quantization]\nisq = "4"\nimatrix = "here.dat"\n'
    assert load(text).settings.models[0].quantization.imatrix == "here.dat"


def test_a_token_file_that_is_not_there_is_a_problem_of_its_line(error_of, tmp_path):
    text = f'[[models]]\nmodel_id = "a"\n[global]\ntoken_source = "path:{tmp_path}/gone"\n'
    assert error_of(text) == (
        f'models.toml:4: global.token_source: {tmp_path}/gone: no such file; mend the path, or write "cache"'
    )
