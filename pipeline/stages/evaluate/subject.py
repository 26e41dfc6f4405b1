"""The model under evaluation, and what every measurement of it shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline.artifacts import Corpus, Model
from pipeline.core.stage import Processes
from pipeline.data.adopting import open_model
from pipeline.models.device import on_own_device
from pipeline.stages.evaluate.config import Config
from pipeline.stages.evaluate.figures import Figure

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TokenizersBackend


@dataclass(frozen=True)
class Subject:
    """One model."""

    address: str
    model: PreTrainedModel
    tokenizer: TokenizersBackend


def open_subject(artifact: Model) -> Subject:
    """The model, on this process's device, and tokenizer of an artifact."""
    model, adopted = open_model(artifact.path)
    return Subject(artifact.address, on_own_device(model), adopted.tokenizer)


@dataclass(frozen=True)
class Setting:
    """What does not change from model to model."""

    config: Config
    corpus: Corpus | None
    seed: int
    processes: Processes


class Measure(Protocol):
    """Something that can be measured of a model alone."""

    def figures(self, subject: Subject, setting: Setting) -> list[Figure]:
        """The figures of one model, the same on every process."""
        ...
