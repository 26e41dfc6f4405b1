"""Adapters added to the weights that they were trained beside: those of a trained model, or of a folder.

What comes out is the plain model, as if it had been trained whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from pipeline.artifacts import ADAPTER_CONFIG, adapter_base
from pipeline.core.errors import StageError
from pipeline.core.hub import hub_commit, hub_folder

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS = "adapter_model.safetensors"
_SHOWN = 3
_TABLES = ("embed_tokens.weight", "wte.weight", "lm_head.weight")
"""The ends of the names of tables that have a row for each token."""


def merged(model: Any) -> PreTrainedModel:
    """The plain model, with the adapter added to its weights; a model without one as it is."""
    import peft
    from transformers import PreTrainedModel

    if not isinstance(model, peft.PeftModel):
        return model
    plain = model.merge_and_unload()
    assert isinstance(plain, PreTrainedModel)
    # peft keeps what it did on the model, and transformers would then save the adapter in place of the weights.
    for name in ("_hf_peft_config_loaded", "peft_config"):
        if name in vars(plain):
            delattr(plain, name)
    return plain.requires_grad_(True)


def base_folder(folder: Path) -> Path:
    """The folder of the model that the adapter in `folder` was trained on, downloaded if it is not there.

    Raises:
        StageError: as `adapter_base`; if the Hub does not give it.
    """
    base = adapter_base(folder)
    if isinstance(base, Path):
        return base
    name, _, revision = base.removeprefix("hf://").partition("@")
    try:
        return hub_folder(name, hub_commit(name, "model", revision, None))
    except StageError as error:
        raise StageError(f"{folder / ADAPTER_CONFIG}: its base cannot be had: {error}") from None


def merge_folder(base: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """`base` with the adapter of a folder added to its weights.

    Raises:
        StageError: if it was trained on another model than this, naming both; if it is of a kind that cannot be added.
    """
    import peft
    from peft.tuners.tuners_utils import BaseTuner

    settings = peft.PeftConfig.from_pretrained(str(folder))
    settings.inference_mode = True
    weights = _weights(folder)
    try:
        adapted: Any = peft.get_peft_model(base, settings, autocast_adapter_dtype=False)
    except ValueError as error:  # of targets that are not there
        raise _differs(folder, base, str(error).split(". ")[0][:200]) from None
    if not isinstance(getattr(adapted, "base_model", None), BaseTuner):
        raise StageError(f"{folder}: a {settings.peft_type} adapter cannot be added to weights; give one by LoRA")
    found = {name: tensor.shape for name, tensor in _state(adapted).items()}
    fault = _first_fault({name: tensor.shape for name, tensor in weights.items()}, found) or _depth_fault(base, weights)
    if fault:
        raise _differs(folder, base, fault)
    peft.set_peft_model_state_dict(adapted, weights)
    return merged(adapted).eval()


def _state(adapted: Any) -> dict[str, torch.Tensor]:
    import peft

    return peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    if not (folder / WEIGHTS).is_file():
        raise StageError(f"{folder}: holds no {WEIGHTS}; save the adapter by save_pretrained (safetensors)")
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _first_fault(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """How an adapter's tensors are not those that the base would have; nothing if they are."""
    tables = [name for name in theirs if name.endswith(_TABLES) and "lora_" not in name and name not in ours]
    if tables:
        return f"its vocabulary was resized, and it brings {tables[0]} of {theirs[tables[0]][0]} rows"
    for name in sorted(theirs.keys() & ours.keys()):
        if theirs[name] != ours[name]:
            return f"{name} is {list(theirs[name])} there and would be {list(ours[name])} here"
    for names, where in ((theirs.keys() - ours.keys(), "the base"), (ours.keys() - theirs.keys(), "the adapter")):
        if names:
            return f"{where} has no {', '.join(sorted(names)[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"
    return ""


def _depth_fault(base: PreTrainedModel, weights: Iterable[str]) -> str:
    """Whether the adapter knows the first layers alone: targets that are spelled out fit a deeper model, too."""
    layers = {int(number) for name in weights for number in re.findall(r"\.(?:layers|h)\.(\d+)\.", name)}
    depth = base.config.num_hidden_layers
    if layers and len(layers) < depth and layers == set(range(len(layers))):
        return f"it is beside layers 0 to {len(layers) - 1}, and the base has {depth}"
    return ""


def make_room_for(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """A row for the padding token of an adapter's tokenizer, where that was added to it; no answer depends on it.

    Raises:
        StageError: if more was added: rows that the adapter does not bring.
    """
    embedding: Any = model.get_input_embeddings()
    rows, tokens = embedding.weight.shape[0], len(tokenizer)
    if tokens <= rows:
        return
    if tokens > rows + 1 or tokenizer.pad_token_id != rows:
        raise StageError(
            f"{tokenizer.name_or_path}: the adapter's vocabulary was resized: its tokenizer has {tokens} tokens, its "
            f"base {model.name_or_path} an embedding of {rows}; merge it where it was trained, and give that folder"
        )
    model.resize_token_embeddings(tokens, mean_resizing=False)


def _differs(folder: Path, base: PreTrainedModel, how: str) -> StageError:
    return StageError(
        f"{folder}: the adapter was not trained on {base.name_or_path} (a {type(base).__name__}): {how}; name its own "
        f"base and revision in {ADAPTER_CONFIG}, or merge it where it was trained and give the merged folder"
    )
