"""Which of the patterns that llama.cpp knows a tokenizer cuts text by."""

from __future__ import annotations

import json

from tokenizers import Tokenizer

from pipeline.core.errors import StageError
from pipeline.models.word_patterns import PATTERNS, named, parts_of, pattern_of


def pattern_name(tokenizer: Tokenizer) -> str:
    """llama.cpp's name of the pattern of a byte-level BPE.

    Raises:
        StageError: for another kind of tokenizer, or a pattern that llama.cpp does not know.
    """
    settings = json.loads(tokenizer.to_str())
    if settings["model"]["type"] != "BPE":
        raise StageError(f"a GGUF of ours needs a byte-level BPE; this tokenizer is a {settings['model']['type']}")
    if not any(part["type"] == "ByteLevel" for part in parts_of(settings["pre_tokenizer"])):
        raise StageError("a GGUF of ours needs a byte-level BPE; this tokenizer's tokens are characters")
    if settings.get("normalizer") is not None:
        raise StageError(f"the tokenizer normalizes text ({settings['normalizer']['type']}), which llama.cpp would not")
    pattern = pattern_of(settings["pre_tokenizer"])
    name = named(pattern)
    if name is None:
        raise StageError(f"llama.cpp does not know this tokenizer's pattern {pattern!r}, only those of "
                         f"{', '.join(PATTERNS)}; train the tokenizer with one of them")  # fmt: skip
    return name
