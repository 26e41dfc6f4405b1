"""The card of a corpus on the Hub: the one that its stage wrote, with pictures, a quick start and the lineage."""

from __future__ import annotations

import json

from huggingface_hub import DatasetCard

from pipeline.core.artifact import Artifact, read_json
from pipeline.data.funnel import for_everyone
from pipeline.stages.publish.metadata import data_metadata
from pipeline.stages.publish.other_cards import data_card
from pipeline.stages.publish.page import README, Files, Origin, Page, Section, render
from pipeline.stages.publish.pictures import corpus_pictures
from pipeline.stages.publish.quick_start import data_start

LIMITS = (
    "Licences are told as the recipe and the sources' own cards state them; nobody looked into them.",
    "Nothing was searched for personal data or offence beyond the steps named here.",
)


def corpus_card(artifact: Artifact, name: str, origin: Origin) -> Files:
    """`README.md` with its pictures, and `funnel.json` without the examples that are for who made the corpus alone.

    A corpus that another maker's stage left, without `profile.json`, gets the card of any data set.
    """
    if not (artifact.path / "profile.json").exists():
        return data_card(artifact, name, origin)
    own, profile = DatasetCard.load(artifact.path / README), read_json(artifact.path / "profile.json")
    funnel = read_json(artifact.path / "funnel.json")
    near = artifact.manifest["settings"]["deduplicate"]["near"]
    pictures = corpus_pictures(funnel["steps"], profile, near["threshold"] if near else 1.0)
    # What a document says stands below the first heading: the text before it is ours.
    title, _, rest = own.text.partition("\n## ")[2].partition("\n")
    headline = artifact.manifest["headline"]
    page = Page(
        name,
        f"Documents{origin.steps}. {headline}. `card.html`, to be downloaded and opened, shows this card with charts.",
        "With datasets:",
        data_start(),
        [Section("In pictures", "\n\n".join(picture.markdown for picture in pictures)), Section(title, rest)],
        LIMITS,
    )
    sources = [source for stage in origin.stages for source in stage.sources]
    kinds = [stage.kind for stage in origin.stages]
    rows = funnel["train_documents"] + funnel["validation_documents"]
    metadata = data_metadata(own.data.to_dict(), sources, kinds, rows)
    public_funnel = json.dumps({**funnel, "steps": for_everyone(funnel["steps"])}, indent=2, ensure_ascii=False)
    return {
        README: render(page, metadata, origin),
        "funnel.json": f"{public_funnel}\n".encode(),
        **{picture.path: picture.content for picture in pictures},
    }
