"""A run as it is shown: every part of the page, from the records of its folder."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ruamel.yaml import YAML

from pipeline.core.progress import duration
from pipeline.report.charts import charts
from pipeline.report.facts import facts, flat, tiles
from pipeline.report.numbers import moment
from pipeline.report.policies import compare_policies
from pipeline.report.reading import RunRecord, StageRecord
from pipeline.report.samples import samples
from pipeline.report.tables import environment, lineage_table, tables
from pipeline.report.verdict import check_views, findings, first_left, reached, verdict
from pipeline.report.views import RunView, StageView

CARD = "card.html"
"""What a stage may leave to tell of what it made; a corpus does."""


def view_run(run: RunRecord, others: Sequence[RunRecord] = (), beside: Path | None = None) -> RunView:
    """Everything that the page says; policies of `others` stand beside those of the run. Links lead from `beside`, the
    page's folder, which is the run's own unless told otherwise.

    Raises:
        RunError: when one of the others has no policy to compare.
    """
    longest = max((stage.manifest["seconds"] for stage in run.stages if stage.manifest), default=0.0)
    stopped_at = first_left(run.stages) if run.stopped else None
    return RunView(
        name=run.name,
        subtitle=_subtitle(run),
        verdict=verdict(run),
        findings=findings(run.stages),
        tiles=tiles(run.stages),
        stages=[view_stage(stage, longest, beside or run.folder, stage is stopped_at) for stage in run.stages],
        policies=compare_policies(run, others),
        samples=samples(run),
        recipe=as_yaml(run.settings),
        lineage=lineage_table(run.stages),
        environment=environment(run.stages),
    )


def view_stage(stage: StageRecord, longest: float, beside: Path, stopped: bool = False) -> StageView:
    """One stage; its time is shown as a share of the longest. `stopped` where the last walk ended with a fault."""
    card = stage.folder / CARD
    seconds = stage.manifest.get("seconds")
    return StageView(
        id=stage.id,
        kind=stage.kind,
        state=stage.state,
        mark="stopped" if stopped else stage.worst() if stage.state == "made" else stage.state,
        headline=stage.manifest.get("headline", "") or reached(stage),
        time="" if seconds is None else duration(seconds),
        share_of_time=(seconds or 0.0) / longest if longest else 0.0,
        checks=check_views(stage),
        facts=facts(stage),
        charts=charts(stage),
        tables=tables(stage),
        metrics=list(flat(stage.metrics)),
        settings=as_yaml(stage.manifest["settings"]) if stage.manifest.get("settings") else "",
        reused_from=stage.manifest.get("reused_from", ""),
        card=quote(os.path.relpath(card, beside)) if stage.state == "made" and card.exists() else "",
    )


def _subtitle(run: RunRecord) -> str:
    begun = [stage.manifest["started"] for stage in run.stages if stage.manifest]
    parts = [run.recipe, f"seed {run.settings.get('seed', 0)}"]
    return " · ".join(parts + ([f"begun {moment(min(begun))}"] if begun else []))


def as_yaml(content: Mapping[str, Any]) -> str:
    """Settings as YAML, in the order they have."""
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 100
    yaml.dump(content, text)
    return text.getvalue()
