"""trl's DPOTrainer on pairs that are tokens already, with the reference's log-probabilities beside them."""

from __future__ import annotations

from typing import Any

from datasets import Dataset
from transformers import (
    TokenizersBackend,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from trl import DPOConfig, DPOTrainer

from pipeline.core.stage import StageContext
from pipeline.data.pairs import AnswerPairs
from pipeline.stages.dpo.config import Config
from pipeline.stages.dpo.implicit import LogProbs
from pipeline.training.adapters import keep_dropout
from pipeline.training.arguments import training_arguments
from pipeline.training.choices import Choices
from pipeline.training.course import CourseLog
from pipeline.training.order import OrderedRows
from pipeline.training.parted import PartedCheckpoints


class PairTrainer(OrderedRows, PartedCheckpoints, DPOTrainer):
    """trl's DPOTrainer, reading pairs in our order.

    Overrides two preparations that are done before: `_prepare_dataset`, since trl's would tokenize text in which a
    control token counts as one, and `_precompute_ref_logps`, since trl's reads all pairs again whenever it resumes.
    """

    def _prepare_dataset(self, dataset: Any, *arguments: Any, **named: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *arguments: Any, **named: Any) -> Any:
        return dataset


def pair_trainer(
    model: Any, tokenizer: TokenizersBackend, pairs: AnswerPairs, reference: LogProbs, config: Config,
    steps: int, choices: Choices, context: StageContext,
) -> PairTrainer:  # fmt: skip
    """A trainer of `model` on `pairs`, held to what `reference` says of them."""
    arguments = DPOConfig(
        **training_arguments(config.train, steps, choices, context),
        max_length=None,  # pairs were checked against the context; nothing is cut
        precompute_ref_log_probs=True,
        beta=config.beta,
        loss_type=[config.loss_type],
        label_smoothing=config.label_smoothing,
    )
    columns = {
        "prompt_ids": pairs.prompts, "chosen_ids": pairs.chosen, "rejected_ids": pairs.rejected,
        "ref_chosen_logps": reference[:, 0].tolist(), "ref_rejected_logps": reference[:, 1].tolist(),
    }  # fmt: skip
    rows = Dataset.from_dict(columns)
    trainer = PairTrainer(model=model, args=arguments, train_dataset=rows, processing_class=tokenizer)
    if config.lora is not None:
        model.delete_adapter("ref")  # trl's copy of the adapter: the reference has spoken already
        keep_dropout(model, config.lora)
    return trainer


class Measuring(TrainerCallback):
    """Has the policy measured in the course of its training."""

    def __init__(self, log: CourseLog) -> None:
        """Rows go to `log`."""
        self.log = log

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Where the course starts, unless training goes on."""
        self.log.begin(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """A point of the course, where one is due."""
        self.log.after(state.global_step)
