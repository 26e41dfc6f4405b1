"""A model in the shapes that other programs open: plain transformers, vLLM and llama.cpp, with no code of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.core.errors import RunError, StageError

Format = Literal["llama", "qwen3", "gpt2", "bloom", "mpt", "gguf"]


def export(folder: Path, form: Format, target: Path) -> Path:
    """Write the model in `folder` as a checkpoint of `form` to `target`; what was written.

    Raises:
        StageError: naming the settings of the decoder that `form` cannot express.
        RunError: when `target` is there already, or `folder` holds no decoder of ours.
    """
    from pipeline.export.gguf_file import write_gguf
    from pipeline.models.convert import to_family
    from pipeline.models.decoder import DecoderForCausalLM
    from pipeline.models.loading import load_model, load_tokenizer, save_model

    if target.exists() and (target.is_file() or any(target.iterdir())):
        raise RunError(f"{target} is there already; name another with --to, or remove it")
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    if not isinstance(model, DecoderForCausalLM):
        raise StageError(f"{folder}: a {model.config.model_type} is no decoder of ours; it needs no export")
    if form == "gguf":
        target.parent.mkdir(parents=True, exist_ok=True)
        write_gguf(model, tokenizer, target)
    else:
        save_model(to_family(model, form), tokenizer, target)
    return target
