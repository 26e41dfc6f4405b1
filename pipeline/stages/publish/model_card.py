"""The card of a language model: what it does, by figures and samples, where it comes from, what it cannot do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.artifact import Artifact, read_json
from pipeline.core.quantities import format_count
from pipeline.core.references import scheme_of
from pipeline.data.course_config import COURSE
from pipeline.data.judge import Message
from pipeline.hub.markdown import verbatim, wrapped
from pipeline.stages.publish.lineage import Ancestor
from pipeline.stages.publish.metadata import Licence, model_metadata
from pipeline.stages.publish.page import README, Files, Origin, Page, Section, render
from pipeline.stages.publish.pictures import Picture, reward_calibration, reward_course, task_shares, win_shares
from pipeline.stages.publish.quick_start import adapter_start, model_start
from pipeline.stages.publish.subject import Base, Subject
from pipeline.stages.publish.tables import course_table, figure_table, metric_table, win_table

COLUMNS = ("step", "kl", "score", "true_score", "response_length", "ended", "entropy")
"""What of a policy's training is shown, where it was logged."""
REWARD_FIGURES = {
    "accuracy": "accuracy on held-out pairs",
    "ceiling": "what the judge itself reaches on their labels",
    "calibration_error": "calibration error (how far sure and right are apart)",
    "held_out_pairs": "held-out pairs",
    "pairs": "pairs trained on",
    "margin": "mean score of chosen above rejected",
    "length_correlation": "correlation of score and length",
    "truth_correlation": "correlation of score and truth",
}
"""Which of a reward model's figures are shown, and in what words."""
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


def model_card(subject: Subject, findings: Findings, origin: Origin, licence: Licence, source: str) -> Files:
    """`README.md` and the pictures that it shows; `source` is the address that the model was read from."""
    samples = [sample for sample in findings.samples if sample["model"] == subject.address]
    shown = [
        *evaluation_sections(findings),
        *(part for stage in origin.stages if stage.kind == "reward" for part in reward_section(stage)),
        *(part for stage in origin.stages if stage.kind in ("ppo", "dpo") for part in course_section(stage)),
    ]
    sections = [section for section, _ in shown] + ([sample_section(samples)] if samples else [])
    page = Page(
        subject.name,
        introduction(subject, origin),
        before_start(subject.custom, subject.base),
        start_of(subject, samples[0]["prompt"] if samples else EXAMPLE),
        sections,
        limits(findings, origin.stages),
    )
    metadata = model_metadata(licence, subject, [source, *_sources(origin)], _kinds(origin), findings.figures)
    return {README: render(page, metadata, origin)} | {
        picture.path: picture.content for _, pictures in shown for picture in pictures
    }


def introduction(subject: Subject, origin: Origin) -> str:
    """What it is, in a sentence."""
    size, context = format_count(subject.num_parameters), f"a context of {subject.context_length} tokens"
    if subject.base is None:
        return f"A causal language model of {size} parameters with {context}{origin.steps}."
    return (
        f"A low-rank adapter of {size} parameters beside [{subject.base.name}](https://huggingface.co/"
        f"{subject.base.name}), a causal language model with {context}{origin.steps}."
    )


def start_of(subject: Subject, messages: list[Message]) -> str:
    """The program that opens it and answers."""
    start = adapter_start if subject.base else model_start
    return start(messages, subject.custom)


def before_start(custom: bool, base: Base | None = None) -> str:
    """What to know before the quick start is run."""
    if base is not None:
        return f"With peft, which reads `{base.name}` at commit `{base.revision[:12]}` from the Hub and this beside it:"
    if not custom:
        return "With transformers:"
    return (
        "With transformers; `trust_remote_code=True` runs the decoder's code, which is part of this repository: "
        "as `revision` name a tag or a commit that you have looked at."
    )


Shown = tuple[Section, Sequence[Picture]]


def evaluation_sections(findings: Findings) -> list[Shown]:
    """A table for each task, with a picture where answers are right or wrong; then the answers compared."""
    if not findings.figures:
        return []
    pictures = dict(task_shares(findings.figures, findings.models))
    opening = (
        "Every figure with its standard error over rows; every model got the same documents, questions, prompts and "
        "random numbers."
    )
    shown: list[Shown] = [(Section("Evaluation", opening), [])]
    for task in dict.fromkeys(figure["task"] for figure in findings.figures):
        rows = figure_table([row for row in findings.figures if row["task"] == task], findings.models)
        shown.append(_illustrated(task, rows, [pictures[task]] if task in pictures else [], level=3))
    if findings.wins:
        text = f"Share of prompts where the answer was judged better; ties count half.\n\n{win_table(findings.wins)}"
        shown.append(_illustrated("Answers compared", text, win_shares(findings.wins), level=3))
    return shown


def reward_section(stage: Ancestor) -> list[Shown]:
    """How good the reward model was that the policy was trained on."""
    figures = metric_table(stage.metrics, REWARD_FIGURES)
    return [_illustrated(f"Reward model: {stage.id}", figures, reward_calibration(stage))]


def course_section(stage: Ancestor) -> list[Shown]:
    """The training of a policy, step by step, as its stage measured it; nothing where none was kept."""
    steps = read_rows(stage.path / ("metrics.jsonl" if stage.kind == "ppo" else COURSE))
    if not steps:
        return []
    text = f"How far the policy went from where it started, and what that brought.\n\n{course_table(steps, COLUMNS)}"
    return [_illustrated(f"Reward against KL: {stage.id}", text, reward_course(stage, steps))]


def _illustrated(title: str, text: str, pictures: Sequence[Picture], level: int = 2) -> Shown:
    return Section(title, "\n\n".join([*(picture.markdown for picture in pictures), text]), level), pictures


def sample_section(samples: Sequence[Mapping[str, Any]]) -> Section:
    """Prompts and answers as they came."""
    shown = [f"<pre>\n{sample_text(sample)}\n</pre>" for sample in samples]
    opening = "The first answers to prompts that the evaluation drew by its seed; not selected."
    return Section("Samples", "\n\n".join([opening, *shown]))


def sample_text(sample: Mapping[str, Any]) -> str:
    """A prompt and its answer, ready for `<pre>`."""
    turns = [f"{message['role']}: {message['content']}" for message in sample["prompt"]]
    cut = "" if sample["ended"] else " […]"
    return verbatim(wrapped("\n".join([*turns, f"assistant: {sample['completion']}{cut}"])))


def limits(findings: Findings, stages: Sequence[Ancestor]) -> list[str]:
    """What a reader must not take for granted, as far as it follows from how the model was made."""
    known = data_limits(stages)
    if findings.wins:
        known.append("A judge's score can be gamed: read win rates beside length, grammar and format, never alone.")
    if findings.figures:
        known.append("Standard errors cover the choice of rows, not of the training seed, which can weigh more.")
    return [*known, "It was not tested for truthfulness, safety or bias."]


def data_limits(stages: Sequence[Ancestor]) -> list[str]:
    """What follows from the data alone."""
    sources = dict.fromkeys(source for stage in stages for source in stage.sources if scheme_of(source) != "stage")
    if not sources:
        return []
    known = [f"It knows nothing but its data: {', '.join(f'`{source}`' for source in sources)}."]
    if any(source.startswith("builtin:valley") for source in sources):
        known.append("`builtin:valley` is a small generated language, and nothing else is in it.")
    return known


def _sources(origin: Origin) -> list[str]:
    return [source for stage in origin.stages for source in stage.sources]


def _kinds(origin: Origin) -> list[str]:
    return [stage.kind for stage in origin.stages]
