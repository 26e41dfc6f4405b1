"""Does the folder open where nothing of this project is installed, and does its card say what the Hub can read."""

from __future__ import annotations

from huggingface_hub import ModelCard

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext
from pipeline.stages.publish.config import Config
from pipeline.stages.publish.quick_start import program_of, run_alone


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The card's own quick start is run; its metadata is read back."""
    card = ModelCard.load(artifact.path / "README.md")
    return [starts(card.content, artifact), *stated(card)]


def starts(content: str, artifact: Artifact) -> Check:
    """The quick start of the card answers, in a process without this package."""
    result = run_alone(program_of(content), artifact.path)
    last = (result.stderr.strip().splitlines() or [""])[-1]
    return Check(
        "quick start in a fresh process",
        "answers" if result.returncode == 0 else last[:200],
        "answers",
        "pass" if result.returncode == 0 else "fail",
        "the folder does not open by from_pretrained alone",
    )


def stated(card: ModelCard) -> list[Check]:
    """What visitors of the Hub look for in the metadata."""
    data = card.data.to_dict()
    empty = [key for key, value in data.items() if value in (None, "", [])]
    # Without a licence nobody may use what is shared; but this stage only writes a folder.
    licence = data.get("license", "none")
    return [
        Check("metadata", ", ".join(sorted(data)), "no empty key", "fail" if empty else "pass"),
        Check("license", licence, "one, before the folder is shared", "pass", "set `license`"),
    ]
