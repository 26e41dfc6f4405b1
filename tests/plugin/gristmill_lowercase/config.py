"""Settings of the lowercase stage; imports no torch."""

from __future__ import annotations

from typing import Literal

from pipeline.artifacts import Corpus, CorpusInput
from pipeline.core.references import Reference
from pipeline.core.stage import Stage, StageConfig


class Config(StageConfig):
    """A corpus in, the same corpus in small letters out."""

    corpus: CorpusInput = Reference(path="corpus")
    """The documents to write in small letters."""
    letters: Literal["all", "first"] = "all"
    """Which letters of a document become small: all, or its first alone."""


STAGE = Stage(
    kind="lowercase",
    config=Config,
    output=Corpus,
    run="gristmill_lowercase.stage:run",
    check="gristmill_lowercase.stage:check",
    processes="main",
    seeded=False,
)
