"""Running text that the policy goes on being trained on, so that it keeps what it knew (ptx: arXiv 2203.02155, 3.5).

Which documents a step reads is a function of the seed and of the step's number, whatever the number of processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import torch

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.reading import read_documents
from pipeline.models.text_loss import encode_documents
from pipeline.stages.ppo.layout import Layout, Packer
from pipeline.stages.ppo.prompts import prompt_of_episode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Documents = Sequence[Sequence[int]]
"""The token ids of each, at least two."""


def read_text(
    source: Artifact | Resolved, tokenizer: PreTrainedTokenizerBase, most: int, longest: int
) -> list[list[int]]:
    """The first `most` documents, each cut to `longest` tokens.

    Raises:
        DataError: if there is none, or one has no text.
    """
    texts = []
    for row in islice(read_documents(source), most):
        if "text" not in row:
            raise DataError(f"{row['id']}: no column 'text'; pages have to go through a corpus first")
        texts.append(row["text"])
    if not texts:
        raise DataError(f"{source.address}: holds no documents; update.pretraining needs at least one")
    return [list(map(int, ids))[:longest] for ids in encode_documents(tokenizer, texts)]


@dataclass(frozen=True)
class TextMix:
    """The text beside the answers."""

    documents: Documents
    per_step: int
    """Documents of an optimizer step, over all processes."""
    coefficient: float
    """Weight of a token's mean loss."""
    seed: int

    def layouts(self, step: int, packer: Packer, rank: int, world_size: int, device: torch.device) -> list[Layout]:
        """Of an optimizer step, what falls to this process: of each document all tokens but the first are predicted."""
        places = range(step * self.per_step, (step + 1) * self.per_step)[rank::world_size]
        rows = [self.documents[prompt_of_episode(place, len(self.documents), self.seed)] for place in places]
        if not rows:
            return []
        lengths = torch.tensor([len(row) - 1 for row in rows], device=device)
        width = int(lengths.max())
        tokens = torch.tensor([[*row[1:], *[packer.pad_id] * (width + 1 - len(row))] for row in rows], device=device)
        mask = torch.arange(width, device=device) < lengths[:, None]
        return packer.lay_out([row[:1] for row in rows], tokens, mask)
