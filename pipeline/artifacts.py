"""What passes between stages: one type for each kind of output, and the input fields that take them.

Every artifact is a plain folder that other tools open: models and tokenizers by `from_pretrained`, data by
`load_dataset`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pipeline.core.artifact import Artifact
from pipeline.core.references import DataReference, FromText, Reference, accepts


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
    """A causal language model with its tokenizer: what `AutoModelForCausalLM` and `AutoTokenizer` open."""

    holds = "config.json"


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
