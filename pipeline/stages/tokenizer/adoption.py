"""A tokenizer from elsewhere as a stage's output: what conversations and pretraining need is added."""

from __future__ import annotations

from pathlib import Path

from transformers import TokenizersBackend

from pipeline.core.stage import Inputs, StageContext
from pipeline.data.adopting import adopted_tokenizer
from pipeline.data.special_tokens import BEGIN_TOKEN
from pipeline.models.loading import load_tokenizer

DEFAULT_TEMPLATE = "gristmill"


def adopt(path: Path, template: str | None, context: StageContext) -> TokenizersBackend:
    """The tokenizer in `path` with a chat template, an end and a padding token of its own; what was added is told.

    Raises:
        StageError: as `adopted_tokenizer`.
    """
    if template is None and not load_tokenizer(path).chat_template:
        template = DEFAULT_TEMPLATE
    adopted = adopted_tokenizer(path, Inputs(tokenizer=None, template=template))
    if template == DEFAULT_TEMPLATE:
        adopted.tokenizer.bos_token = BEGIN_TOKEN  # documents begin as conversations do
    for change in adopted.changes:
        context.progress.note(f"adopted: {change}")
    for name in ("is_local", "local_files_only", "name_or_path"):  # how it was opened is no part of what it is
        adopted.tokenizer.init_kwargs.pop(name, None)
    return adopted.tokenizer
