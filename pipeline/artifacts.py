"""What passes between stages: one type for each kind of output, and the input fields that take them.

Every artifact is a plain folder that other tools open: models and tokenizers by `from_pretrained`, data by
`load_dataset`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pipeline.core.artifact import Artifact, read_json
from pipeline.core.errors import StageError
from pipeline.core.references import DataReference, FromText, Reference, accepts

ADAPTER_CONFIG = "adapter_config.json"
"""What peft writes beside the weights of an adapter."""
_ON_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*")


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no model's weights."""
    return (folder / ADAPTER_CONFIG).is_file() and not any(folder.glob("model*.safetensors"))


def adapter_base(folder: Path) -> Path | str:
    """Of the model that the adapter in `folder` was trained on: its folder, or its address on the Hub (hf://…).

    A relative path starts at the adapter's folder or above it; so the `adapter/` of an artifact finds the stage that it
    names.

    Raises:
        StageError: if it names none, or one that is in neither place.
    """
    file = folder / ADAPTER_CONFIG
    settings = read_json(file)
    name, revision = settings.get("base_model_name_or_path"), settings.get("revision")
    if not isinstance(name, str) or not name:
        raise StageError(f"{file}: names no base; write base_model_name_or_path: the model that it was trained on")
    here = folder.resolve()
    for start in (here, here.parent, here.parent.parent):
        if any((start / name / held).is_file() for held in ("config.json", ADAPTER_CONFIG)) and start / name != here:
            return start / name
    if not _ON_HUB.fullmatch(name):
        raise StageError(
            f"{file}: base_model_name_or_path: {name!r} is no model's folder beside the adapter and no org/name on the "
            "Hub; write where the model lies that it was trained on"
        )
    return f"hf://{name}@{revision}" if revision else f"hf://{name}"


class Corpus(Artifact):
    """Documents: `train-*.jsonl` and `validation-*.jsonl` (columns text, id, source and those of the source),
    `dropped/REASON-*.jsonl`, `funnel.json`, `profile.json`; and a card, `README.md` and `card.html`.
    """

    holds = "train-*.jsonl"

    def shards(self, split: str) -> list[Path]:
        """The files of a split, in order."""
        return sorted(self.path.glob(f"{split}-*.jsonl"))


class Tokenizer(Artifact):
    """A tokenizer folder (`tokenizer.json`, `tokenizer_config.json`, `chat_template.jinja`)."""

    holds = "tokenizer_config.json"


class Model(Artifact):
    """A causal language model with its tokenizer: what `AutoModelForCausalLM` and `AutoTokenizer` open.

    From outside it may also be an adapter alone, which names the model that it was trained on.
    """

    holds = f"config.json or {ADAPTER_CONFIG}"

    @classmethod
    def rests_on(cls, folder: Path) -> Path | None:
        """An adapter's base, where it lies on this machine."""
        base = adapter_base(folder) if is_adapter(folder) else None
        return base if isinstance(base, Path) else None


class RewardModel(Artifact):
    """A sequence classifier with one label, its tokenizer, and `reward.json` (`mean` and `std` of its scores)."""

    holds = "config.json"


class Preferences(Artifact):
    """Pairs: `train.jsonl` and `validation.jsonl` with prompt, chosen, rejected (messages) and what the judge said."""


class Evaluation(Artifact):
    """`evaluation.json` with every figure and its standard error, and `samples.jsonl`."""

    holds = "evaluation.json"


class Release(Artifact):
    """A folder laid out as a Hub repository: weights, tokenizer, generation config, model card."""


CorpusInput = Annotated[Reference, FromText, accepts(Corpus, schemes="stage path")]
TokenizerInput = Annotated[Reference, FromText, accepts(Tokenizer, schemes="stage path hf")]
ModelInput = Annotated[Reference, FromText, accepts(Model, schemes="stage path hf")]
PreferencesInput = Annotated[
    DataReference, FromText, accepts(Preferences, schemes="stage path hf builtin", builtins="data")
]
EvaluationInput = Annotated[Reference, FromText, accepts(Evaluation, schemes="stage path")]
TextInput = Annotated[DataReference, FromText, accepts(Corpus, schemes="stage path hf builtin", builtins="data")]
DataInput = Annotated[DataReference, FromText, accepts(schemes="path hf url builtin", builtins="data")]
ScorerInput = Annotated[
    Reference, FromText, accepts(RewardModel, schemes="stage path hf builtin python", builtins="judge")
]
TaskInput = Annotated[Reference, FromText, accepts(schemes="builtin", builtins="task")]
