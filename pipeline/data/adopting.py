"""Models from elsewhere made fit for conversations: a template that marks the assistant's words, an end, a padding.

What is missing is added to the tokenizer, and rows for it to the embedding; the stage that opens the model saves both.
A model of this pipeline has everything, and stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from pipeline.core.errors import StageError
from pipeline.data.chat import CHAT_TEMPLATE, answers_of, has_marks, rendered
from pipeline.data.special_tokens import PAD_TOKEN, SPECIAL_TOKENS
from pipeline.models.loading import load_classifier, load_model, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TokenizersBackend

    from pipeline.core.artifact import Artifact
    from pipeline.core.stage import Inputs, StageContext

CHATML = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\\n' }}
    {%- if message['role'] == 'assistant' %}
        {%- generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}
    {%- else %}
        {{- message['content'] + '<|im_end|>' }}
    {%- endif %}
    {{- '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
TEMPLATES = {
    "chatml": (CHATML, ("<|im_start|>", "<|im_end|>")),
    "gristmill": (CHAT_TEMPLATE, tuple(token for token in SPECIAL_TOKENS if token != PAD_TOKEN)),
}
"""Templates by name, each with the special tokens that it writes."""
PADDINGS = (PAD_TOKEN, "<pad>", "[PAD]", "<|finetune_right_pad_id|>", "<|padding|>", "<|endoftext|>")
"""Tokens that models pad with, the surest first; taken only where they end nothing."""
SAID = "the answer 42"
TALK = [
    {"role": "user", "content": "a question"}, {"role": "assistant", "content": SAID},
    {"role": "user", "content": "another"}, {"role": "assistant", "content": SAID},
]  # fmt: skip


@dataclass(frozen=True)
class Adopted:
    """A tokenizer made fit, and what that took."""

    path: Path
    """The model's folder."""
    tokenizer: TokenizersBackend
    changes: tuple[str, ...] = ()
    """In words, for the log; empty for a tokenizer of this pipeline."""
    added: tuple[str, ...] = ()
    """Tokens that the model has never seen."""


def resolved(config: Any, inputs: Inputs) -> Inputs | None:
    """The settings `adopt` of a stage with the tokenizer that they name, where there are any."""
    return None if config.adopt is None else inputs.adopt


def adopted_tokenizer(path: Path, adopt: Inputs | None = None) -> Adopted:
    """The tokenizer of the model in `path`, or the one that `adopt` names, with all that conversations need.

    Without any template it is left as it is but for its padding: it can read text.

    Raises:
        StageError: as `load_tokenizer`; if the template leaves out the assistant's words, ends no turn, or writes
            earlier turns anew at each turn.
    """
    other: Artifact | None = None if adopt is None else adopt.tokenizer
    found = load_tokenizer(path if other is None else other.path)
    before, changes = set(found.get_vocab()), [] if other is None else [f"the tokenizer of {other.address}"]
    if adopt is not None and adopt.template is not None:
        template, tokens = TEMPLATES[adopt.template]
        found.add_special_tokens({"extra_special_tokens": _missing(found, tokens)}, replace_extra_special_tokens=False)
        found.chat_template = template
        changes.append(f"chat template {adopt.template}")
    if found.chat_template:
        changes += [*_mark(found), *_end(found)]
        _require_assistant(found)
    changes += _pad(found)
    added = tuple(sorted(set(found.get_vocab()) - before))
    return Adopted(path, found, (*changes, *(f"token {token} added" for token in added)), added)


def open_model(
    path: Path, dtype: torch.dtype | None = None, adopt: Inputs | None = None
) -> tuple[PreTrainedModel, Adopted]:
    """The causal language model of a folder with its tokenizer, both made fit.

    Raises:
        StageError: as `adopted_tokenizer` and `load_model`; if a tokenizer from elsewhere has more tokens than the
            model's embedding.
    """
    model, adopted = load_model(path, dtype), adopted_tokenizer(path, adopt)
    make_room(model, adopted)
    return model, adopted


def open_classifier(
    adopted: Adopted, start: Literal["model", "fresh"], seed: int, dtype: torch.dtype | None = None
) -> PreTrainedModel:
    """A scorer with one label on the model of a folder, whose tokenizer was made fit.

    Raises:
        StageError: as `load_classifier`.
    """
    pad_id = adopted.tokenizer.pad_token_id
    assert isinstance(pad_id, int)
    model = load_classifier(adopted.path, start, seed, dtype, pad_id=pad_id)
    make_room(model, adopted)
    model.config.pad_token_id = pad_id
    return model


def make_room(model: PreTrainedModel, adopted: Adopted) -> None:
    """Give the tokens that were added a row of the embedding each, the mean of the others.

    Many models have rows to spare; they are used first.

    Raises:
        StageError: if there are more tokens than rows, of which none was added.
    """
    embedding: Any = model.get_input_embeddings()
    rows, wanted = embedding.weight.shape[0], len(adopted.tokenizer)
    if wanted <= rows:
        return
    if wanted - len(adopted.added) > rows:
        raise StageError(
            f"{adopted.path}: the tokenizer has {wanted - len(adopted.added)} tokens and the model an embedding of "
            f"{rows}; take the tokenizer that the model was trained with, or resize_token_embeddings and save both"
        )
    means = [
        table.weight.detach().mean(dim=0)
        for table in (embedding, model.get_output_embeddings())
        if isinstance(table, nn.Embedding | nn.Linear)
    ]
    model.resize_token_embeddings(wanted, mean_resizing=False)
    with torch.no_grad():
        for mean, table in zip(means, (model.get_input_embeddings(), model.get_output_embeddings()), strict=False):
            assert isinstance(table, nn.Embedding | nn.Linear)
            table.weight[rows:] = mean


def tell(adopted: Adopted, lora: object, context: StageContext) -> dict[str, str]:
    """Say what was changed of a model that is to be trained; the same for the manifest.

    Raises:
        StageError: with `lora`, if tokens were added that the model has to read or write: an adapter leaves the
            embedding alone, and could not teach them.
    """
    unknown = [token for token in adopted.added if token != adopted.tokenizer.pad_token]
    if lora is not None and unknown:
        raise StageError(
            f"{adopted.path}: lora: the model has never seen {', '.join(unknown)}, and an adapter does not train its "
            "embedding; train this stage without lora, or take a template whose tokens the model has"
        )
    for change in adopted.changes:
        context.progress.note(f"adopted: {change}")
    return {"adopted": "; ".join(adopted.changes)} if adopted.changes else {}


def _missing(tokenizer: TokenizersBackend, tokens: tuple[str, ...]) -> list[str]:
    known = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return [token for token in tokens if token not in known]


def _mark(tokenizer: TokenizersBackend) -> list[str]:
    """Replace a known family's template by the same with generation marks, which trl keeps."""
    if not isinstance(tokenizer.chat_template, str) or has_marks(tokenizer.chat_template):
        return []
    from trl import get_training_chat_template

    try:
        marked = get_training_chat_template(tokenizer)
    except ValueError:
        return []  # of no family that trl knows; its turns are told apart by their beginnings, if they can be
    if marked is None or marked == tokenizer.chat_template:
        return []
    tokenizer.chat_template = marked
    return ["generation marks in the chat template"]


def _end(tokenizer: TokenizersBackend) -> list[str]:
    """Let the end token be the one that the template ends the assistant's turns with."""
    text = rendered(tokenizer, TALK)
    if SAID not in text:
        return []
    special = sorted((token.content for token in tokenizer.added_tokens_decoder.values() if token.special), key=len)
    behind = text.rsplit(SAID, 1)[1]
    end = re.match(rf"\s*({'|'.join(map(re.escape, reversed(special))) or '(?!)'})", behind)
    if end is None:
        raise StageError(
            f"{tokenizer.name_or_path}: its chat template ends the assistant's turns by no special token, so that no "
            "answer could end; mend the template, or name one (adopt.template)"
        )
    if end[1] == tokenizer.eos_token:
        return []
    tokenizer.eos_token = end[1]
    return [f"end token {end[1]}, as the chat template ends turns"]


def _pad(tokenizer: TokenizersBackend) -> list[str]:
    """Give padding a token of its own."""
    if tokenizer.pad_token is not None and tokenizer.pad_token != tokenizer.eos_token:
        return []
    vocabulary = tokenizer.get_vocab()
    free = [token for token in PADDINGS if token in vocabulary and token != tokenizer.eos_token]
    tokenizer.add_special_tokens({"pad_token": free[0] if free else PAD_TOKEN})
    return [f"padding token {tokenizer.pad_token}"]


def _require_assistant(tokenizer: TokenizersBackend) -> None:
    """The assistant's words are in what the template writes, and bear loss."""
    # By the text: a tokenizer of characters may have no token for some of it.
    if sum(SAID in answer for answer in answers_of(tokenizer, TALK)) < 2:
        raise StageError(
            f"{tokenizer.name_or_path}: its chat template has no part for the assistant's words, so that there would "
            "be nothing to learn; mend the template, or name one (adopt.template)"
        )
