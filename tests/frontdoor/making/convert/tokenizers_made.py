"""Small tokenizers built like the real ones of each family: same steps, same expressions, trained on a page of text."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tests.frontdoor.making.convert.hard_text import HARD_TEXTS

_SPACE = "\u2581"
_N_TOKENS = 600
_CONTROL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"

# As they stand in the tokenizer.json of Qwen2, Llama 3 and Mistral Nemo, and of GPT-4o's family.
QWEN2 = rf"{_SHORT}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_SPACES}"
LLAMA3 = rf"{_SHORT}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_SPACES}"
TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*|\p{{N}}|"
    rf" ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
)
GPT4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SHORT}?|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SHORT}?|"
    rf"\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
)
_EXPRESSIONS = {"qwen2": QWEN2, "llama-bpe": LLAMA3, "dbrx": LLAMA3, "tekken": TEKKEN, "gpt-4o": GPT4O, "o200k": GPT4O}


def make_tokenizers(root: Path) -> list[Path]:
    """The folders, each with tokenizer.json and tokenizer_config.json."""
    made = {name: _byte_level(name) for name in (*_EXPRESSIONS, "smollm", "roberta-bpe")}
    made |= {"llama-spm": _spm("llama"), "gemma-spm": _spm("gemma"), "phi3-spm": _spm("phi3")}
    made |= {"bert": _bert(), "xlm-roberta": _unigram()}
    return [_save(root / name, tokenizer) for name, tokenizer in made.items()]


def _save(folder: Path, tokenizer: Tokenizer) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    control = {each.content for each in tokenizer.get_added_tokens_decoder().values()}
    names = {"bos_token": ("<s>",), "eos_token": ("</s>",), "unk_token": ("<unk>", "[UNK]"), "cls_token": ("[CLS]",),
             "sep_token": ("[SEP]",), "pad_token": ("<pad>", "[PAD]"), "mask_token": ("<mask>", "[MASK]")}  # fmt: skip
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    config |= {name: text for name, texts in names.items() for text in texts if text in control}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def _byte_level(name: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=name in ("llama-bpe", "tekken", "o200k")))
    if name == "smollm":
        steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    elif name == "roberta-bpe":
        steps = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    else:
        split = pre_tokenizers.Split(Regex(_EXPRESSIONS[name]), "isolated")
        steps = [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    tokenizer.pre_tokenizer = steps[0] if len(steps) == 1 else pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.normalizer = normalizers.NFC() if name == "qwen2" else None
    control = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] if name == "roberta-bpe" else _CONTROL
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=_N_TOKENS, special_tokens=control, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(HARD_TEXTS * 2, trainer)
    if name == "roberta-bpe":
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    elif name in ("llama-bpe", "tekken"):
        tokenizer.post_processor = _template("<s> $A", "<s> $A $B", [("<s>", 1)])
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def _template(single: str, pair: str, special: list[tuple[str, int]]) -> Any:
    return processors.TemplateProcessing(single=single, pair=pair, special_tokens=special)


def _spm(kind: str) -> Tokenizer:
    """SentencePiece's BPE as its converter in transformers writes it: merges by rank, bytes for what is unknown."""
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", _SPACE)
    trained.pre_tokenizer = pre_tokenizers.Split(Regex(f"{_SPACE}?[^{_SPACE}]+|{_SPACE}+"), "isolated")
    trained.train_from_iterator(HARD_TEXTS[:8] * 2, trainers.BpeTrainer(vocab_size=_N_TOKENS - 270, limit_alphabet=150))
    learned = json.loads(trained.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += sorted(learned["vocab"], key=learned["vocab"].__getitem__)
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    merges = [tuple(pair) for pair in learned["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    replace = normalizers.Replace(" ", _SPACE)
    is_prefixed = kind != "gemma"
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(_SPACE), replace]) if is_prefixed else replace
    tokenizer.decoder = decoders.Sequence([decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>", "<|im_end|>"])
    if kind == "gemma":
        tokenizer.add_tokens(["\n\n", "\n\n\n", f"{_SPACE}{_SPACE}", "<html>", "</html>"])
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.post_processor = _template("<s> $A", "<s> $A $B", [("<s>", 1)])
    return tokenizer


def _bert() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    control = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        HARD_TEXTS * 2, trainers.WordPieceTrainer(vocab_size=_N_TOKENS, special_tokens=control)
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = _template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def _unigram() -> Tokenizer:
    control = ["<s>", "<pad>", "</s>", "<unk>"]
    trained = Tokenizer(models.Unigram())
    trained.normalizer = normalizers.NFKC()
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(vocab_size=500, special_tokens=control, unk_token="<unk>")
    trained.train_from_iterator(HARD_TEXTS * 4, trainer)
    learned = json.loads(trained.to_str())["model"]
    tokenizer = Tokenizer(
        models.Unigram([(piece, score) for piece, score in learned["vocab"]], learned["unk_id"], False)
    )
    tokenizer.add_special_tokens([*control, "<mask>"])
    spaces = [normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), _SPACE)]
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(_character_map()), *spaces])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = _template("<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)])
    return tokenizer


def _character_map() -> bytes:
    """A compiled map of a few characters, as SentencePiece writes the many of its NFKC."""
    rules = {
        "\u3000": " ",
        "\r": " ",
        "\u00a0": " ",
        "\t": " ",
        "\n": " ",
        "\u00bd": "1/2",
        "\u2167": "VIII",
        "\ufdfa": "pbuh",
    }
    lines = [
        f"{' '.join(f'{ord(c):X}' for c in old)}\t{' '.join(f'{ord(c):X}' for c in new)}" for old, new in rules.items()
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.tsv").write_text("\n".join(lines))
        (folder / "text.txt").write_text("\n".join(HARD_TEXTS))
        sentencepiece.SentencePieceTrainer.train(
            input=str(folder / "text.txt"), model_prefix=str(folder / "m"), vocab_size=400, hard_vocab_limit=False,
            normalization_rule_tsv=str(folder / "rules.tsv"), minloglevel=2,
        )  # fmt: skip
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString((folder / "m.model").read_bytes())
    return proto.normalizer_spec.precompiled_charsmap
