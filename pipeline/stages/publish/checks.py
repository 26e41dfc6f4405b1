"""Does the folder open where nothing of this project is installed, and does its card say what the Hub can read."""

from __future__ import annotations

from huggingface_hub import ModelCard

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext
from pipeline.stages.publish.config import Config
from pipeline.stages.publish.page import README
from pipeline.stages.publish.quick_start import failure_of, opens


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The card's own quick start is run; its metadata is read back."""
    fault = artifact.metrics.get("card_fault", "")
    if fault:
        advice = "everything else is in place; `--rerun` this stage once the cause is mended"
        return [Check("model card", fault, "complete", "fail", advice)]
    found = [starts(artifact), *stated(ModelCard.load(artifact.path / README))]
    fault = artifact.metrics.get("corpus_card_fault", "")
    if fault:
        found.append(Check("corpus card", fault, "complete", "fail", "`--rerun` this stage once the cause is mended"))
    return found


def starts(artifact: Artifact) -> Check:
    """The quick start of the card answers, in a process without this package."""
    # What was pushed was seen to open before it was; a large model is not loaded a second time.
    failure = "" if artifact.metrics.get("commit") else failure_of(opens(artifact.path))
    return Check(
        "quick start in a fresh process",
        failure or "answers",
        "answers",
        "fail" if failure else "pass",
        "the folder does not open by from_pretrained alone",
    )


def stated(card: ModelCard) -> list[Check]:
    """What visitors of the Hub look for in the metadata."""
    data = card.data.to_dict()
    empty = [key for key, value in data.items() if value in (None, "", [])]
    # Without a licence nobody may use what is shared; but whether to give one is its maker's to decide.
    licence = data.get("license", "none")
    return [
        Check("metadata", ", ".join(sorted(data)), "no empty key", "fail" if empty else "pass"),
        Check("license", licence, "one, before the folder is shared", "pass", "set `license`"),
    ]
