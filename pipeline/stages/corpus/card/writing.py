"""Write `profile.json`, and the card as `card.html` and `README.md`, beside the shards of a corpus."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.artifact import read_json, write_json
from pipeline.core.stage import Inputs, StageContext
from pipeline.hub.sizes import size_category
from pipeline.stages.corpus.card.page import card_page
from pipeline.stages.corpus.card.readme import readme
from pipeline.stages.corpus.card.sections import card_of
from pipeline.stages.corpus.config import Config
from pipeline.stages.corpus.language import UNDETERMINED
from pipeline.stages.corpus.licences import card_licence, licence_of
from pipeline.stages.corpus.profile import OCTAVE, quantile, start_of
from pipeline.stages.corpus.shards import Shards

_BAR = OCTAVE // 4
"""Ranges of length in a bar of the chart: four bars from one power of two to the next."""
_SIMILARITIES = np.arange(10, 21) / 20
_QUANTILES = {
    "1 of 20 is at most": 0.05, "1 of 4 is at most": 0.25, "half are at most": 0.5, "3 of 4 are at most": 0.75,
    "19 of 20 are at most": 0.95,
}  # fmt: skip
_SPOKEN = 0.01
"""Share of the documents from which on a language is named at the head of the card."""


def described(config: Config, inputs: Inputs, shards: Shards, similarity: NDArray[np.float64]) -> dict[str, Any]:
    """What `profile.json` holds; `similarity` is that of each near duplicate that was dropped."""
    counted = shards.profile
    found = {source.data.address or str(source.data.path): (source.data, setting)
             for source, setting in zip(inputs.sources, config.sources, strict=True)}  # fmt: skip
    sources = [
        {
            "address": address, "license": licence_of(setting, data), "description": setting.description,
            "documents": counted.documents[address], "bytes": counted.bytes[address],
            "examples": [shown for _, shown in counted.examples.get(address, [])],
        }
        for address, (data, setting) in found.items()
    ]  # fmt: skip
    alike, edges = np.histogram(similarity, _SIMILARITIES)
    return {
        "sources": sources,
        "characters": counted.characters,
        "length": {"mean": round(counted.characters / counted.documents.total())}
        | {label: quantile(counted.lengths, share) for label, share in _QUANTILES.items()},
        "lengths": bars(counted.lengths),
        "similarity": [
            {"from": float(low), "to": float(high), "documents": int(number)}
            for low, high, number in zip(edges[:-1], edges[1:], alike, strict=True)
        ],
        "languages": dict(sorted(counted.languages.items(), key=lambda item: (-item[1], item[0]))),
        "shards": dict(sorted(shards.files.items())),
    }


def bars(lengths: dict[int, int]) -> list[dict[str, int | float]]:
    """The histogram of lengths, without gaps from the shortest document to the longest."""
    grouped: dict[int, int] = {}
    for place, number in lengths.items():
        grouped[place // _BAR] = grouped.get(place // _BAR, 0) + number
    return [
        {
            "from": round(start_of(bar * _BAR), 2), "to": round(start_of((bar + 1) * _BAR), 2),
            "documents": grouped.get(bar, 0),
        }
        for bar in range(min(grouped), max(grouped) + 1)
    ]  # fmt: skip


def metadata(shards: Shards, profile: dict[str, Any]) -> dict[str, Any]:
    """The head of the README: licences, languages, size, task, and what `load_dataset` asks for."""
    spoken = [
        code
        for code, number in profile["languages"].items()
        if code != UNDETERMINED and number >= _SPOKEN * sum(profile["languages"].values())
    ]
    return {
        **card_licence(source["license"] for source in profile["sources"] if source["documents"]),
        **({"language": spoken} if spoken else {}),
        "size_categories": [size_category(shards.documents.total())],
        "task_categories": ["text-generation"],
        "tags": ["gristmill"],
        **shards.metadata(),
    }


def write_card(config: Config, context: StageContext, shards: Shards, profile: dict[str, Any]) -> None:
    """Write the three files into the corpus's folder, whose `funnel.json` is there."""
    folder, recipe = context.output, context.recipe.get("name")
    write_json(folder / "profile.json", profile)
    name = f"{recipe}: {context.id}" if recipe else context.id
    tested = read_json(folder / "benchmarks.json")["benchmarks"] if config.decontaminate else []
    card = card_of(config, name, read_json(folder / "funnel.json"), profile, tested)
    (folder / "card.html").write_text(card_page(card), encoding="utf-8")
    (folder / "README.md").write_text(readme(card, metadata(shards, profile)), encoding="utf-8")
