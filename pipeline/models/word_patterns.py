"""How tokenizers cut text into words before they look for tokens, by llama.cpp's names for the patterns."""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Regex, pre_tokenizers

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
"""The same as others write it."""


def by_pattern(name: str) -> pre_tokenizers.PreTokenizer:
    """Cut text by the pattern of that name."""
    return pre_tokenizers.Split(Regex(PATTERNS[name]), "isolated")


def bytes_by_pattern(name: str) -> pre_tokenizers.PreTokenizer:
    """Cut text by the pattern of that name, and write each byte of a word as a letter."""
    return pre_tokenizers.Sequence(
        [by_pattern(name), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )


def settings_of(component: Any) -> dict[str, Any] | None:
    """A tokenizer's component as `tokenizer.json` writes it."""
    return None if component is None else json.loads(component.__getstate__())


def parts_of(pre_tokenizer: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The steps of a pre-tokenizer, one after the other."""
    return [] if pre_tokenizer is None else pre_tokenizer.get("pretokenizers", [pre_tokenizer])


def pattern_of(pre_tokenizer: dict[str, Any] | None) -> str | None:
    """The regular expression that words are cut by first; None where there is none."""
    for part in parts_of(pre_tokenizer):
        if part["type"] == "Split":
            return part["pattern"].get("Regex")
        if part["type"] == "ByteLevel" and part.get("use_regex") and not part.get("add_prefix_space"):
            return PATTERNS["gpt-2"]
    return None


def named(pattern: str | None) -> str | None:
    """llama.cpp's name of a regular expression; None for one that it does not know."""
    return ({text: name for name, text in PATTERNS.items()} | _SAME).get(pattern or "")
