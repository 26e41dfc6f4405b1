"""How tokenizers cut text into words before byte-pair merging, by llama.cpp's names for the patterns."""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Tokenizer

from pipeline.core.errors import StageError

PATTERNS = {
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "qwen2": (
        r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
        r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "llama-bpe": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
        r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}
"""Letter by letter those that llama.cpp implements; another pattern would tokenize otherwise there, without a word."""
_SAME = {PATTERNS["qwen2"].replace("(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])",
                                   "(?i:'s|'t|'re|'ve|'m|'ll|'d)"): "qwen2"}  # fmt: skip


def pattern_name(tokenizer: Tokenizer) -> str:
    """llama.cpp's name of the pattern of a byte-level BPE.

    Raises:
        StageError: for another kind of tokenizer, or a pattern that llama.cpp does not know.
    """
    settings = json.loads(tokenizer.to_str())
    if settings["model"]["type"] != "BPE":
        raise StageError(f"a GGUF of ours needs a byte-level BPE; this tokenizer is a {settings['model']['type']}")
    if settings["pre_tokenizer"] is None:
        raise StageError("a GGUF of ours needs a byte-level BPE; this tokenizer's tokens are characters")
    if settings.get("normalizer") is not None:
        raise StageError(f"the tokenizer normalizes text ({settings['normalizer']['type']}), which llama.cpp would not")
    pattern = _pattern(settings["pre_tokenizer"])
    known = {text: name for name, text in PATTERNS.items()} | _SAME
    if pattern not in known:
        raise StageError(f"llama.cpp does not know this tokenizer's pattern {pattern!r}, only those of "
                         f"{', '.join(PATTERNS)}; train the tokenizer with one of them")  # fmt: skip
    return known[pattern]


def _pattern(pre_tokenizer: dict[str, Any] | None) -> str | None:
    parts = [] if pre_tokenizer is None else pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    for part in parts:
        if part["type"] == "Split":
            return part["pattern"].get("Regex")
        if part["type"] == "ByteLevel" and part.get("use_regex") and not part.get("add_prefix_space"):
            return PATTERNS["gpt-2"]
    return None
