"""Everything in a GGUF that is not a tensor: numbers of the model, vocabulary, special tokens, template, pooling."""

from __future__ import annotations

import re
from pathlib import Path

from gguf import GGUFWriter, SpecialVocab

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.architecture import ConvertedArchitecture
from lsrv.frontdoor.making.convert.config import Config
from lsrv.frontdoor.making.convert.json_file import read_optional, read_text
from lsrv.frontdoor.making.convert.pooling import pooling_type
from lsrv.frontdoor.making.convert.rope import Rope, RopeValue
from lsrv.frontdoor.making.convert.source_files import CHAT_TEMPLATE, GENERATION_CONFIG, TOKENIZER_CONFIG
from lsrv.frontdoor.making.convert.tokenizer import Tokenizer, read_tokenizer
from lsrv.frontdoor.making.convert.vocabulary import Vocabulary, vocabulary

_PHI3 = re.compile("(phi)-?3", re.IGNORECASE)
_PHI3_TOKENS = {"<unk>", "<s>", "</s>", "<|endoftext|>"}


def add_metadata(
    writer: GGUFWriter,
    source: Path,
    name: str,
    architecture: ConvertedArchitecture,
    config: Config,
    numbers: Rope,
    n_tokens: int,
) -> None:
    """Write every key of the header but those of tensors. Raises ConvertError."""
    tokenizer = read_tokenizer(source)
    writer.add_name(name_in_file(name, tokenizer))
    for key, value in numbers.keys.items():
        _add(writer, f"{architecture.arch}.{key}", value)
    if (pooling := pooling_type(source)) is not None:
        writer.add_uint32(f"{architecture.arch}.pooling_type", pooling)
    if architecture.kind == "encoder":
        writer.add_token_type_count(config.integer("type_vocab_size"))
    writer.add_vocab_size(n_tokens)
    made = vocabulary(tokenizer, n_tokens)
    _add_vocabulary(writer, made)
    _add_special_tokens(writer, source, made, n_tokens)


def name_in_file(name: str, tokenizer: Tokenizer) -> str:
    """general.name. By "phi-3" in it alone llama.cpp knows that control tokens swallow the white space behind them, as
    Phi 3's do; and then it can't load a vocabulary without Phi 3's tokens.
    """
    contents = {each.content for each in tokenizer.added_tokens}
    if contents >= _PHI3_TOKENS and any(each.rstrip and each.special for each in tokenizer.added_tokens):
        return name if _PHI3.search(name) else f"Phi-3 {name}"
    return _PHI3.sub(r"\1 3", name)


def _add(writer: GGUFWriter, key: str, value: RopeValue) -> None:
    match value:
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case str():
            writer.add_string(key, value)
        case list():
            writer.add_array(key, value)


def _add_vocabulary(writer: GGUFWriter, made: Vocabulary) -> None:
    writer.add_tokenizer_model(made.model)
    writer.add_tokenizer_pre(made.pre)
    writer.add_token_list(made.tokens)
    writer.add_token_types(made.types)
    if made.scores is not None:
        writer.add_token_scores(made.scores)
    for key, value in made.keys.items():
        if isinstance(value, bytes):
            writer.add_array(f"tokenizer.ggml.{key}", value)
        else:
            writer.add_bool(f"tokenizer.ggml.{key}", value)


def _add_special_tokens(writer: GGUFWriter, source: Path, made: Vocabulary, n_tokens: int) -> None:
    """Ids, what is added around a text, merges and the chat template, as gguf-py reads them."""
    for name in (TOKENIZER_CONFIG, "chat_template.json"):
        read_optional(source / name)  # gguf-py reads them, too, and believes them
    try:
        special = SpecialVocab(source, load_merges=made.has_merges, n_vocab=n_tokens)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConvertError(f"{source}: its tokenizer files contradict each other ({error})") from None
    special.special_token_ids.pop("cls", None)  # llama.cpp calls it bos
    # Left open, llama.cpp would guess by the kind of vocabulary, and put a token in front of models trained without.
    special.add_special_token.setdefault("bos", False)
    special.add_special_token.setdefault("eos", False)
    template = source / CHAT_TEMPLATE  # the file wins over tokenizer_config.json, as in transformers
    if template.is_file():
        special.chat_template = read_text(template)
    _add_other_ends(special, source, n_tokens)
    special.add_to_gguf(writer, quiet=True)


def _add_other_ends(special: SpecialVocab, source: Path, n_tokens: int) -> None:
    """generation_config.json may name more tokens that end an answer; GGUF has room for two more."""
    ends = read_optional(source / GENERATION_CONFIG).get("eos_token_id")
    known = set(special.special_token_ids.values())
    others = [each for each in ends if isinstance(each, int) and 0 <= each < n_tokens] if isinstance(ends, list) else []
    for kind, index in zip(("eot", "eom"), [each for each in others if each not in known], strict=False):
        special.special_token_ids.setdefault(kind, index)
