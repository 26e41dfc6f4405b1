"""The metadata of a model card, as the Hub reads it. What is not known is left out: an empty key breaks pushes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from pipeline.stages.publish.config import Config
from pipeline.stages.publish.subject import Subject

HUB_DATA = re.compile(r"hf://datasets/([^@]+)")
HUB_MODEL = re.compile(r"hf://(?:models/)?(?!datasets/)([^@]+)")


def card_metadata(
    config: Config, subject: Subject, sources: Sequence[str], kinds: Sequence[str], figures: Sequence[Mapping[str, Any]]
) -> ModelCardData:
    """Everything the Hub can show or search: licence, task, base model, data sets, tags, results with n and error.

    `sources` are the addresses of all that the model was made from, `kinds` the stages that made it.
    """
    base_models = _matches(HUB_MODEL, sources)
    known = {
        "license": config.license,
        "language": list(config.language) or None,
        "base_model": base_models or None,
        "base_model_relation": "finetune" if base_models else None,
        "datasets": _matches(HUB_DATA, sources) or None,
        "eval_results": [result(figure) for figure in figures if figure["model"] == subject.address] or None,
    }
    return ModelCardData(
        library_name="transformers",
        pipeline_tag="text-generation",
        model_name=subject.name,
        tags=["gristmill", *(["custom_code"] if subject.custom else []), *dict.fromkeys(kinds)],
        **{key: value for key, value in known.items() if value is not None},
    )


def result(figure: Mapping[str, Any]) -> EvalResult:
    """One figure as the Hub's model index has it."""
    part = None if figure["group"] == "all" else figure["group"]
    error = {} if figure["standard_error"] is None else {"standard_error": figure["standard_error"]}
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
