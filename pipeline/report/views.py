"""What the page shows, as plain frozen values: the template only lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What happened, in a sentence."""

    mark: str
    """`pass`, `warn`, `fail`, `running` or `unfinished`."""
    sentence: str
    advice: str = ""
    """What to try."""


@dataclass(frozen=True)
class Tile:
    """One of the few figures that stand for the run."""

    label: str
    value: str
    note: str
    stage: str


@dataclass(frozen=True)
class CheckView:
    """One check, as it is shown."""

    stage: str
    name: str
    figure: str
    expected: str
    verdict: str
    advice: str


@dataclass(frozen=True)
class Chart:
    """A chart with its title and a line that says what is to be seen."""

    title: str
    note: str
    svg: str


@dataclass(frozen=True)
class Table:
    """A table of text; the first column names the row."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class StageView:
    """One stage."""

    id: str
    kind: str
    state: str
    mark: str
    """The worst verdict on a stage that is made; `stopped` where the last walk ended; otherwise its state."""
    headline: str
    time: str
    share_of_time: float
    checks: Sequence[CheckView]
    facts: Sequence[tuple[str, str]]
    charts: Sequence[Chart]
    tables: Sequence[Table]
    metrics: Sequence[tuple[str, str]]
    """Every figure of the manifest, by its path."""
    settings: str
    """The settings it was made with, defaults included, as YAML."""
    reused_from: str
    card: str = ""
    """Where the stage's own card lies, as a link from the page; empty without one."""


@dataclass(frozen=True)
class Answer:
    """What one model said."""

    model: str
    text: str
    ended: bool
    note: str


@dataclass(frozen=True)
class Sample:
    """One prompt and what the models said to it."""

    prompt: str
    answers: Sequence[Answer]


@dataclass(frozen=True)
class PolicyView:
    """Policies that started from one reference, side by side."""

    charts: Sequence[Chart]
    table: Table


@dataclass(frozen=True)
class RunView:
    """A whole run."""

    name: str
    subtitle: str
    verdict: Verdict
    findings: Sequence[CheckView]
    """The checks that did not pass."""
    tiles: Sequence[Tile]
    stages: Sequence[StageView]
    policies: Sequence[PolicyView]
    samples: Sequence[Sample]
    recipe: str
    lineage: Table
    environment: Sequence[tuple[str, str]]
