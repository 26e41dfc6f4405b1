"""The metadata of a card, as the Hub reads it. What is not known is left out: an empty key breaks pushes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from huggingface_hub import DatasetCardData, EvalResult, ModelCardData

from pipeline.hub.sizes import size_category
from pipeline.stages.publish.subject import Subject

HUB_DATA = re.compile(r"hf://datasets/([^@]+)")
HUB_MODEL = re.compile(r"hf://(?:models/)?(?!datasets/)([^@]+)")


@dataclass(frozen=True)
class Licence:
    """What its maker says of a model; nothing is guessed."""

    license: str | None = None
    language: tuple[str, ...] = ()


def model_metadata(
    licence: Licence,
    subject: Subject,
    sources: Sequence[str],
    kinds: Sequence[str],
    figures: Sequence[Mapping[str, Any]] = (),
    task: str = "text-generation",
) -> ModelCardData:
    """Everything the Hub can show or search: licence, task, base model, data sets, tags, results with n and error.

    `sources` are the addresses of all that the model was made from, `kinds` the stages that made it.
    """
    base_models = [subject.base.name] if subject.base else _matches(HUB_MODEL, sources)
    relation = "adapter" if subject.base else "finetune"
    known = {
        "license": licence.license,
        "language": list(licence.language) or None,
        "base_model": base_models or None,
        "base_model_relation": relation if base_models else None,
        "datasets": _matches(HUB_DATA, sources) or None,
        "eval_results": [result(figure) for figure in figures if figure["model"] == subject.address] or None,
    }
    return ModelCardData(
        library_name="peft" if subject.base else "transformers",
        pipeline_tag=task,
        model_name=subject.name,
        tags=_tags("custom_code" if subject.custom else "", *kinds),
        **{key: value for key, value in known.items() if value is not None},
    )


def tokenizer_metadata(sources: Sequence[str], kinds: Sequence[str]) -> ModelCardData:
    """A repository of a tokenizer alone: no task, no results."""
    data = _matches(HUB_DATA, sources)
    known: dict[str, Any] = {"datasets": data} if data else {}
    return ModelCardData(library_name="transformers", tags=_tags("tokenizer", *kinds), **known)


def data_metadata(own: Mapping[str, Any], sources: Sequence[str], kinds: Sequence[str], rows: int) -> DatasetCardData:
    """A data set: where its splits lie and what else its maker wrote of it (`own`), how many rows, what it is for."""
    source_datasets = _matches(HUB_DATA, sources)
    known: dict[str, Any] = {"source_datasets": source_datasets} if source_datasets else {}
    return DatasetCardData(**{"size_categories": [size_category(rows)], **known, **own, "tags": _tags(*kinds)})


def _tags(*names: str) -> list[str]:
    return list(dict.fromkeys(["gristmill", *filter(None, names)]))


def result(figure: Mapping[str, Any]) -> EvalResult:
    """One figure as the Hub's model index has it."""
    part = None if figure["group"] == "all" else figure["group"]
    error = {} if figure["standard_error"] is None else {"standard_error": round(figure["standard_error"], 6)}
    return EvalResult(
        task_type="text-generation",
        dataset_type=figure["task"],
        dataset_name=", ".join(filter(None, (figure["task"], part))),
        dataset_config=part,  # without it the Hub takes the parts of a task for one data set
        metric_type=figure["metric"],
        metric_name=figure["metric"].replace("_", " "),
        metric_value=round(figure["value"], 6),
        metric_args={"n": figure["n"], **error},
    )


def _matches(pattern: re.Pattern[str], sources: Sequence[str]) -> list[str]:
    names = [source.partition("@")[0] for source in dict.fromkeys(sources)]
    return [match[1] for match in map(pattern.fullmatch, names) if match]
