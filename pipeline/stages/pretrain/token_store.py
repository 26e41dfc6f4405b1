"""The corpus as one flat file of token ids (`tokens.bin`), with where each document starts (`documents.npy`) and the
bytes of its text (`sizes.npy`).

Built once by rank 0 and read by memory map. Packing decides which stretches make a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from pipeline.core.artifact import read_json, write_json
from pipeline.core.errors import StageError
from pipeline.data.floor import utf8_size
from pipeline.models.text_loss import encode_documents

_AT_ONCE = 1000
"""Documents encoded in one call."""


@dataclass(frozen=True)
class TokenStore:
    """All documents' tokens, one after the other."""

    tokens: np.ndarray
    """Token ids, uint16 or uint32 (tokens,)."""
    starts: np.ndarray
    """Where each document starts, and the end of the last, int64 (documents + 1,)."""
    unknown: int = 0
    """Tokens that stand for text which the tokenizer cannot write."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each document, begin and end token counted, int64 (documents,)."""
        return np.diff(self.starts)


def build_store(folder: Path, texts: Iterable[str], tokenizer: PreTrainedTokenizerBase) -> None:
    """Write the store of `texts` into `folder`; one that is complete there is kept.

    Raises:
        StageError: if there is no document.
    """
    if (folder / "meta.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    dtype = np.uint16 if len(tokenizer) <= 2**16 else np.uint32
    lengths: list[int] = []
    unknown = 0
    sizes: list[int] = []
    with open(folder / "tokens.bin", "wb") as file:
        for batch in _batched(texts, _AT_ONCE):
            sizes += map(utf8_size, batch)
            for document in encode_documents(tokenizer, batch):
                file.write(np.asarray(document, dtype=dtype).tobytes())
                lengths.append(len(document))
                unknown += document.count(tokenizer.unk_token_id)  # pyright: ignore[reportArgumentType] -- None counts 0
    if not lengths:
        raise StageError("the corpus has no training documents; look at its funnel.json for what was dropped")
    np.save(folder / "documents.npy", np.concatenate(([0], np.cumsum(lengths))))
    np.save(folder / "sizes.npy", np.array(sizes))
    # Last, so that a store without it is known to be half written.
    counts = {"documents": len(lengths), "tokens": sum(lengths), "unknown": unknown}
    write_json(folder / "meta.json", {"dtype": np.dtype(dtype).name, **counts})


def open_store(folder: Path) -> TokenStore:
    """The store in `folder`, mapped into memory."""
    meta = read_json(folder / "meta.json")
    tokens = np.memmap(folder / "tokens.bin", dtype=meta["dtype"], mode="r", shape=(meta["tokens"],))
    return TokenStore(tokens, np.load(folder / "documents.npy"), meta["unknown"])


def text_sizes(folder: Path) -> np.ndarray:
    """Bytes of the text of each document of the store in `folder`, int64 (documents,)."""
    return np.load(folder / "sizes.npy")


def _batched(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(texts)
    while batch := list(islice(iterator, size)):
        yield batch
