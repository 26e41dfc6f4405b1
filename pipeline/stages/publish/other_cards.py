"""The cards of what else a run makes: reward models, tokenizers, data sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard

from pipeline.core.artifact import Artifact, read_json
from pipeline.core.quantities import format_count
from pipeline.hub.markdown import table, verbatim, wrapped
from pipeline.stages.publish.lineage import Ancestor
from pipeline.stages.publish.metadata import Licence, data_metadata, model_metadata, tokenizer_metadata
from pipeline.stages.publish.model_card import EXAMPLE, before_start, data_limits, reward_section
from pipeline.stages.publish.page import README, Files, Origin, Page, Section, render
from pipeline.stages.publish.pictures import Picture, documents_left
from pipeline.stages.publish.quick_start import data_start, reward_start, tokenizer_start
from pipeline.stages.publish.subject import subject_of
from pipeline.stages.publish.tables import metric_table

SPLITS = ("train", "validation")
SHOWN_ROWS, SHOWN_CHARACTERS = 3, 600
DATA_LIMITS = (
    "The licences of its sources were not looked into; they hold for what was taken from them.",
    "Nothing was searched for personal data or offence beyond the steps named here.",
)
PREFERENCE_FIGURES = {
    "pairs": "pairs",
    "held_out_pairs": "held-out pairs",
    "ceiling": "best possible accuracy on the held-out pairs",
    "distinct_share": "share of prompts with two different answers",
}


def reward_card(artifact: Artifact, name: str, origin: Origin) -> Files:
    """A reward model: what it scores, how often it is right, how sure it is."""
    subject = subject_of(artifact.path, name, artifact.address)
    shown = [part for stage in origin.stages[-1:] for part in reward_section(stage)]
    scores = read_json(artifact.path / "reward.json")
    page = Page(
        name,
        f"A reward model of {format_count(subject.num_parameters)} parameters that scores the last answer of a "
        f"conversation{origin.steps}. Over the pairs it was standardised on, its raw scores have mean "
        f"{scores['mean']:.3g} and standard deviation {scores['std']:.3g}.",
        before_start(subject.custom),
        reward_start([*EXAMPLE, {"role": "assistant", "content": "Hello."}], subject.custom),
        [section for section, _ in shown],
        [*data_limits(origin.stages), "It tells answers like those it was trained on apart; others can fool it."],
    )
    kinds, sources = _kinds_and_sources(origin)
    metadata = model_metadata(Licence(), subject, sources, ["reward-model", *kinds], task="text-classification")
    pictures = {picture.path: picture.content for _, pictures in shown for picture in pictures}
    return {README: render(page, metadata, origin)} | pictures


def tokenizer_card(artifact: Artifact, name: str, origin: Origin) -> Files:
    """A tokenizer: its size, how far it compresses, its special tokens."""
    config = read_json(artifact.path / "tokenizer_config.json")
    special = {key: value for key, value in config.items() if key.endswith("_token") and isinstance(value, str)}
    rows = [[key.removesuffix("_token"), value] for key, value in special.items()]
    page = Page(
        name,
        f"A byte-level BPE tokenizer with a chat template{origin.steps}. {_headline(artifact)}".strip(),
        "With transformers:",
        tokenizer_start(),
        [Section("Special tokens", table(["role", "token"], rows))] if rows else [],
        data_limits(origin.stages),
    )
    kinds, sources = _kinds_and_sources(origin)
    return {README: render(page, tokenizer_metadata(sources, kinds), origin)}


def data_card(artifact: Artifact, name: str, origin: Origin) -> Files:
    """A data set, of documents or of preference pairs: its splits, its columns, some rows, what became of the rest."""
    shards = {split: sorted(artifact.path.glob(f"{split}*.jsonl")) for split in SPLITS}
    counts = {split: sum(1 for _ in _lines(files)) for split, files in shards.items()}
    first = [json.loads(line) for _, line in zip(range(SHOWN_ROWS), _lines(shards["train"]), strict=False)]
    sections = [Section("Splits", table(["split", "rows"], [[split, f"{n:,}"] for split, n in counts.items()]))]
    steps = read_json(artifact.path / "funnel.json")["steps"] if (artifact.path / "funnel.json").exists() else []
    pictures = documents_left(steps)
    sections += _cleaning(steps, pictures)
    sections += [Section("The first rows", "\n\n".join(f"<pre>\n{_shown(row)}\n</pre>" for row in first))]
    if origin.stages and origin.stages[-1].kind == "preferences":
        sections.append(Section("Figures", metric_table(origin.stages[-1].metrics, PREFERENCE_FIGURES)))
    page = Page(
        name,
        f"{'Preference pairs' if 'chosen' in first[0] else 'Documents'}{origin.steps}. Columns: "
        f"{', '.join(f'`{column}`' for column in first[0])}. {_headline(artifact)}".strip(),
        "With datasets:",
        data_start(),
        sections,
        DATA_LIMITS,
    )
    kinds, sources = _kinds_and_sources(origin)
    metadata = data_metadata(_configuration(artifact.path, shards), sources, kinds, sum(counts.values()))
    return {README: render(page, metadata, origin)} | {picture.path: picture.content for picture in pictures}


def _headline(artifact: Artifact) -> str:
    """The stage's result as a sentence."""
    headline = artifact.manifest.get("headline", "")
    return f"{headline[:1].upper()}{headline[1:]}." if headline else ""


def _configuration(folder: Path, shards: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
    """Where `load_dataset` finds the splits: as the folder's own card says, else file by file."""
    if (folder / README).exists():
        return DatasetCard.load(folder / README).data.to_dict()
    files = [{"split": split, "path": [file.name for file in found]} for split, found in shards.items()]
    return {"configs": [{"config_name": "default", "data_files": files}]}


def _cleaning(steps: Sequence[Mapping[str, Any]], pictures: Sequence[Picture]) -> list[Section]:
    if not steps:
        return []
    rows = [[step["step"].replace("_", " "), f"{step['in']:,}", f"{step['out']:,}"] for step in steps]
    left = table(["step", "documents in", "documents out"], rows)
    return [Section("How it was cleaned", "\n\n".join([*(picture.markdown for picture in pictures), left]))]


def _lines(files: Iterable[Path]) -> Iterable[str]:
    for path in files:
        with open(path, encoding="utf-8") as file:
            yield from file


def _shown(row: Mapping[str, Any]) -> str:
    text = json.dumps(row, ensure_ascii=False)
    return verbatim(wrapped(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} […]"))


def _kinds_and_sources(origin: Origin) -> tuple[list[str], list[str]]:
    stages: Sequence[Ancestor] = origin.stages
    return [stage.kind for stage in stages], [source for stage in stages for source in stage.sources]
