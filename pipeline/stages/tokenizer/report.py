"""What a tokenizer is like, for people: bytes per token by source beside others', tokens that never occur, how text is
cut, tokens per word by language. Written as `tokenizer_report.json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transformers import TokenizersBackend

from pipeline.stages.tokenizer.measures import bytes_per_token, encode, unknown_share
from pipeline.stages.tokenizer.texts import Text

FILE = "tokenizer_report.json"
_MOST_UNUSED = 50
_EXCERPT = 120
_EXCERPTS = 3


def report(
    tokenizer: TokenizersBackend, texts: Sequence[Text], unused: Sequence[int],
    others: Mapping[str, TokenizersBackend],
) -> dict[str, Any]:  # fmt: skip
    """Everything that is measured on `texts`; `others` are shown beside by their names."""
    return {
        "sources": [
            {"source": source, **_source_figures(tokenizer, part, others)}
            for source, part in _grouped(texts, "source").items()
        ],
        "languages": [
            {"language": language, "texts": len(part), "tokens_per_word": tokens_per_word(tokenizer, part)}
            for language, part in _grouped(texts, "language").items()
            if any(text.split() for text in part)
        ],
        "unused_tokens": len(unused),
        "unused_examples": [str(tokenizer.decode([token])) for token in unused[:_MOST_UNUSED]],
        "splits": [split(tokenizer, text) for text in _excerpts(texts)],
    }


def tokens_per_word(tokenizer: TokenizersBackend, texts: Iterable[str]) -> float:
    """Tokens for each word, words being what white space separates (fertility)."""
    words = [f" {word}" for text in texts for word in text.split()]
    return sum(len(ids) for ids in encode(tokenizer, words)) / len(words)


def split(tokenizer: TokenizersBackend, text: str) -> dict[str, Any]:
    """A text and its tokens as they are written; a character of several tokens stands at the last of them."""
    (ids,) = encode(tokenizer, [text])
    shown, start = [], 0
    for end in range(1, len(ids) + 1):
        piece = str(tokenizer.decode(ids[start:end], clean_up_tokenization_spaces=False))
        if "\ufffd" in piece and end < len(ids):  # not a whole character yet
            shown.append("")
            continue
        shown.append(piece)
        start = end
    return {"text": text, "tokens": shown}


def _source_figures(
    tokenizer: TokenizersBackend, texts: Sequence[str], others: Mapping[str, TokenizersBackend]
) -> dict[str, Any]:
    ids = encode(tokenizer, texts)
    return {
        "texts": len(texts),
        "bytes": sum(len(text.encode("utf-8")) for text in texts),
        "characters": sum(map(len, texts)),
        "bytes_per_token": bytes_per_token(texts, ids),
        "unknown_share": unknown_share(tokenizer, ids),
        "compared": {name: bytes_per_token(texts, encode(other, texts)) for name, other in others.items()},
    }


def _grouped(texts: Iterable[Text], column: str) -> dict[str, list[Text]]:
    found: dict[str, list[Text]] = {}
    for text in texts:
        name = getattr(text, column)
        if name is not None:
            found.setdefault(name, []).append(text)
    return dict(sorted(found.items()))


def _excerpts(texts: Sequence[Text]) -> list[str]:
    """The beginnings of a few texts, of different sources as far as there are."""
    by_source = _grouped(texts, "source")
    chosen = [part[0] for part in by_source.values()][:_EXCERPTS]
    chosen += [text for text in texts if text not in chosen][: _EXCERPTS - len(chosen)]
    return [text[:_EXCERPT] for text in chosen]
