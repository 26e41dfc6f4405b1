"""The model under evaluation, and what every measurement of it shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline.artifacts import Corpus, Model
from pipeline.core.stage import Processes
from pipeline.models.loading import load_model, load_tokenizer
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
    """The model and tokenizer of an artifact, in evaluation mode."""
    return Subject(artifact.address, load_model(artifact.path).eval(), load_tokenizer(artifact.path))


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
