"""The model card: metadata for the Hub, and a page on what the model does, where it comes from, what it cannot do."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData
from jinja2 import Environment, StrictUndefined

from pipeline.core.artifact import Artifact, read_json
from pipeline.core.quantities import format_count
from pipeline.core.references import scheme_of
from pipeline.stages.publish.lineage import Ancestor
from pipeline.stages.publish.quick_start import quick_start
from pipeline.stages.publish.subject import Subject
from pipeline.stages.publish.tables import course_table, figure_table, metric_table, table, verbatim, win_table

COURSE = ("step", "kl", "score", "true_score", "response_length", "ended", "entropy")
"""What of a policy's training is shown, where it was logged."""
EXAMPLE = [{"role": "user", "content": "Hello"}]
"""Asked in the quick start where no sample names a real prompt."""


@dataclass(frozen=True)
class Findings:
    """What an evaluation says, or nothing."""

    models: Sequence[str] = ()
    figures: Sequence[Mapping[str, Any]] = ()
    wins: Sequence[Mapping[str, Any]] = ()
    samples: Sequence[Mapping[str, Any]] = ()


def read_findings(evaluation: Artifact | None) -> Findings:
    """The figures and samples of an evaluation's folder."""
    if evaluation is None:
        return Findings()
    content = read_json(evaluation.path / "evaluation.json")
    samples = read_rows(evaluation.path / "samples.jsonl")
    return Findings(content["models"], content["figures"], content["win_rates"], samples)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """One JSON object per line; none without the file."""
    if not path.exists():
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def card(
    subject: Subject,
    metadata: ModelCardData,
    findings: Findings,
    stages: Sequence[Ancestor],
    recipe: Mapping[str, Any],
) -> str:
    """The whole README.md: metadata between marks, then the page."""
    samples = [sample for sample in findings.samples if sample["model"] == subject.address]
    template = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        files("pipeline.stages.publish").joinpath("card.md.jinja").read_text(encoding="utf-8")
    )
    page = template.render(
        name=subject.name,
        parameters=format_count(subject.num_parameters),
        context_length=subject.context_length,
        custom=subject.custom,
        stages=stages,
        quick_start=quick_start(samples[0]["prompt"] if samples else EXAMPLE, subject.custom),
        figures=figure_table(findings.figures, findings.models) if findings.figures else "",
        wins=win_table(findings.wins) if findings.wins else "",
        reward_models=[stage for stage in stages if stage.kind == "reward"],
        metric_table=metric_table,
        courses=courses(stages),
        samples=[sample_text(sample) for sample in samples],
        lineage=lineage_table(stages) if stages else "",
        limits=limits(findings, stages),
        recipe=verbatim(recipe_text(recipe)).strip() if recipe else "",
        environment=environment_table(stages[-1]) if stages else "",
    )
    return f"---\n{metadata.to_yaml()}\n---\n\n{page.strip()}\n"


def courses(stages: Sequence[Ancestor]) -> list[tuple[Ancestor, str]]:
    """The training of every policy, step by step, from its `metrics.jsonl`."""
    logged = [(stage, read_rows(stage.path / "metrics.jsonl")) for stage in stages if stage.kind == "ppo"]
    return [(stage, course_table(steps, COURSE)) for stage, steps in logged if steps]


def sample_text(sample: Mapping[str, Any]) -> str:
    """A prompt and its answer, ready for `<pre>`."""
    turns = [f"{message['role']}: {message['content']}" for message in sample["prompt"]]
    cut = "" if sample["ended"] else " […]"
    return verbatim("\n".join([*turns, f"assistant: {sample['completion']}{cut}"]))


def lineage_table(stages: Sequence[Ancestor]) -> str:
    """Every stage with what it was made from, its fingerprint and its result."""
    rows = [
        [stage.id, stage.kind, ", ".join(stage.sources), stage.fingerprint[:12], stage.headline] for stage in stages
    ]
    return table(["stage", "kind", "made from", "fingerprint", "result"], rows)


def environment_table(stage: Ancestor) -> str:
    """The libraries that the model's own stage ran with."""
    environment = stage.manifest.get("environment", {})
    versions = {
        **environment.get("versions", {}),
        "machine": environment.get("machine"),
        "code": environment.get("commit"),
    }
    return table(["part", "version"], [[name, version] for name, version in versions.items() if version])


def limits(findings: Findings, stages: Sequence[Ancestor]) -> list[str]:
    """What a reader must not take for granted, as far as it follows from how the model was made."""
    sources = dict.fromkeys(source for stage in stages for source in stage.sources if scheme_of(source) != "stage")
    known = (
        [f"It knows nothing but its training data: {', '.join(f'`{source}`' for source in sources)}."]
        if sources
        else []
    )
    if any(source.startswith("builtin:valley") for source in sources):
        known.append("`builtin:valley` is a small generated language; the model speaks that and nothing else.")
    if findings.wins:
        known.append("A judge's score can be gamed: read win rates beside length, grammar and format, never alone.")
    if findings.figures:
        known.append("Standard errors cover the choice of rows, not of the training seed, which can weigh more.")
    return [*known, "It was not tested for truthfulness, safety or bias."]


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """A recipe as YAML."""
    from ruamel.yaml import YAML

    text = io.StringIO()
    YAML().dump(_plain(recipe), text)
    return text.getvalue()


def _plain(value: Any) -> Any:
    """Mappings and sequences of whatever kind as dicts and lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
