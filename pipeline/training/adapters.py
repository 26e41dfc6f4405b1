"""Low-rank adapters by peft: put beside a model's weights, and added to them when the model is saved.

Settings are `lora`'s. While a stage trains, its model is peft's; what it measures, saves and passes on is the plain
model with the adapter merged.
"""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peft
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from pipeline.core.artifact import read_json, write_json
from pipeline.core.errors import StageError
from pipeline.core.stage import StageContext
from pipeline.models.merging import merged
from pipeline.training.lora import LoraConfig
from pipeline.training.strategy import strategy

ADAPTER = "adapter"
"""The folder of an artifact that holds the adapter alone."""
_ATTENTION = re.compile(r"(^|[._])(self_?)?attn|attention", re.IGNORECASE)
_SHOWN = 8
DEFAULT = "default"
"""The name of a model's only, or first, adapter."""


def with_adapter(model: PreTrainedModel, lora: LoraConfig | None, seed: int) -> Any:
    """`model` with fresh matrices drawn from `seed`, its own weights frozen; as it is where `lora` is None.

    The new head of a classifier is trained whole beside them. As long as nothing is trained, outputs are those of
    `model`, bit for bit.

    Raises:
        StageError: if no layer is meant by the targets, or one of them means none; under tensor parallelism.
    """
    if lora is None:
        return model
    if strategy().name == "tp":
        raise StageError("lora: under tensor parallelism transformers cuts no layer that has an adapter; leave lora "
                         "out, or start by recipes/accelerate/fsdp2.yaml")  # fmt: skip
    return _adapted(model, peft_config(model, lora), seed, DEFAULT)


def _adapted(model: PreTrainedModel, settings: peft.LoraConfig, seed: int, name: str) -> peft.PeftModel:
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.default_generator.manual_seed(seed)
        warnings.simplefilter("ignore", FutureWarning)  # of transformers, about names that peft uses
        return peft.get_peft_model(model, settings, adapter_name=name)  # pyright: ignore[reportReturnType]


def peft_config(model: PreTrainedModel, lora: LoraConfig, *, whole_head: bool = True) -> peft.LoraConfig:
    """Our settings in peft's words; a classifier's head is trained beside the adapter unless not `whole_head`."""
    classifies = type(model).__name__.endswith("ForSequenceClassification")
    return peft.LoraConfig(
        task_type=("SEQ_CLS" if whole_head else None) if classifies else "CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,  # pyright: ignore[reportArgumentType]: any number will do
        target_modules=target_modules(model, lora),
        lora_dropout=lora.dropout,
        use_dora=lora.dora,
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )


def target_modules(model: PreTrainedModel, lora: LoraConfig) -> list[str]:
    """The full names of the layers that are adapted.

    Raises:
        StageError: as `with_adapter`.
    """
    linear = linear_layers(model)
    if lora.targets == "all-linear":
        return linear
    if lora.targets == "attention":
        found = [name for name in linear if _ATTENTION.search(name)]
        if not found:
            raise _nothing(model, linear, "attention")
        return found
    found = []
    for target in lora.targets:
        meant = [name for name in linear if f".{name}".endswith(f".{target}")]
        if not meant:
            raise _nothing(model, linear, repr(target))
        found += [name for name in meant if name not in found]
    return found


def linear_layers(model: PreTrainedModel) -> list[str]:
    """The names of all linear layers of the trunk: the head is none of them."""
    trunk = f"{model.base_model_prefix}."
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and name.startswith(trunk)
    ]


def _nothing(model: PreTrainedModel, linear: list[str], target: str) -> StageError:
    kinds = list(dict.fromkeys(name.rsplit(".", 1)[-1] for name in linear))
    shown = ", ".join(kinds[:_SHOWN]) + (", …" if len(kinds) > _SHOWN else "")
    return StageError(f"lora.targets: no layer of this {type(model).__name__} is meant by {target}; it has {shown}")


def finished(model: Any, base: str, context: StageContext) -> PreTrainedModel:
    """What a stage measures and saves of the model that it trained: the plain one, the adapter kept in `adapter/`."""
    if context.processes.is_main:
        save_adapter(model, base, context.output)
    return merged(model)


class Switch:
    """Of several adapters on one model: which are on. Those that are off keep their gradients."""

    def __init__(self, model: PreTrainedModel, lora: LoraConfig, seed: int, name: str = DEFAULT) -> None:
        """Put a first adapter beside the layers of `model`, whose class stays, and freeze everything else; it is on.

        Raises:
            StageError: as `with_adapter`.
        """
        self.model = model
        self._settings = peft_config(model, lora, whole_head=False)
        self.adapted = _adapted(model, copy.deepcopy(self._settings), seed, name)
        self._layers = [module for module in self.adapted.modules() if isinstance(module, BaseTunerLayer)]
        self._on = [name]

    def add(self, name: str, seed: int) -> None:
        """Put another one of the same settings beside the same layers; it is off."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.adapted.add_adapter(name, copy.deepcopy(self._settings))
        self._set(self._on)

    @contextmanager
    def only(self, *names: str) -> Iterator[None]:
        """Inside, these are on and no others; without names, the model is what it was before it had any."""
        before = self._on
        self._set(list(names))
        try:
            yield
        finally:
            self._set(before)

    def turn_off(self) -> None:
        """Outside of `only`, none is on."""
        self._set([])

    def weights(self, name: str = DEFAULT) -> list[nn.Parameter]:
        """The weights of an adapter."""
        return [
            weights
            for path, weights in self.adapted.named_parameters()
            if ".lora_" in path and name in path.rsplit(".lora_", 1)[1].split(".")
        ]

    def finished(self, base: str, context: StageContext) -> PreTrainedModel:
        """As the function `finished`, of the first adapter; the others are dropped."""
        for name in [name for name in self.adapted.peft_config if name != DEFAULT]:
            self.adapted.delete_adapter(name)
        self._set([DEFAULT])
        return finished(self.adapted, base, context)

    def _set(self, names: list[str]) -> None:
        self._on = names
        for layer in self._layers:
            layer.set_adapter(names)
        # peft takes the gradients of those that are off, and with them those of a forward pass that is over.
        for name in self.adapted.peft_config:
            for weights in self.weights(name):
                weights.requires_grad_(True)


def keep_dropout(model: nn.Module, lora: LoraConfig | None) -> None:
    """Give the adapter its dropout back, which trl's trainers of pairs take away with the model's own."""
    dropout = 0.0 if lora is None else lora.dropout
    for name, module in model.named_modules():
        if ".lora_dropout." in name and isinstance(module, nn.Dropout):
            module.p = dropout


def save_adapter(model: Any, base: str, folder: Path) -> None:
    """Write the adapter of `model` into `folder`/adapter, as peft's `from_pretrained` reads it; nothing without one.

    `base` is the address of the model that it was trained on.
    """
    if not isinstance(model, peft.PeftModel):
        return
    model.save_pretrained(str(folder / ADAPTER), save_embedding_layers=False)
    (folder / ADAPTER / "README.md").unlink(missing_ok=True)  # peft's, which says nothing
    file = folder / ADAPTER / "adapter_config.json"
    settings = read_json(file)
    settings["target_modules"] = sorted(settings["target_modules"])  # a set: in another order each time
    name, _, revision = base.removeprefix("hf://").partition("@")
    # A path of this machine says nothing elsewhere.
    named = {"base_model_name_or_path": name if base.startswith("hf://") else Path(name).name}
    write_json(file, settings | named | {"revision": revision or None})
