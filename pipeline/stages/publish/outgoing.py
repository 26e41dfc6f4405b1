"""What of a sealed artifact goes to the Hub: its files, its card, the record of where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts import Corpus, Model, Preferences, Release, RewardModel, Tokenizer
from pipeline.core.artifact import MANIFEST, Artifact, read_json
from pipeline.core.errors import StageError
from pipeline.hub.contents import folder_contents
from pipeline.hub.record import RECORD, record
from pipeline.hub.remote import Kind
from pipeline.hub.target import HubTarget
from pipeline.stages.publish.corpus_card import corpus_card
from pipeline.stages.publish.lineage import Ancestor, lineage
from pipeline.stages.publish.metadata import Licence
from pipeline.stages.publish.model_card import model_card, read_findings
from pipeline.stages.publish.other_cards import data_card, reward_card, tokenizer_card
from pipeline.stages.publish.page import README, Files, Origin, attempted, bare
from pipeline.stages.publish.quick_start import addressed
from pipeline.stages.publish.subject import subject_of

STAYS = ("dropped/", "samples.jsonl")
"""What of an artifact is for its maker alone: what was thrown away of a corpus, and what answers looked like."""


@dataclass(frozen=True)
class Outgoing:
    """A repository's content before it is pushed."""

    kind: Kind
    contents: Mapping[str, Path | bytes]
    message: str
    card_fault: str = ""
    """What went wrong with the card; told at the end of a push that went through."""


def outgoing(artifact: Artifact, target: HubTarget) -> Outgoing:
    """What is pushed of an artifact.

    Raises:
        StageError: for an artifact that is no repository, such as an evaluation.
    """
    message = f"{artifact.manifest['kind']} {artifact.manifest['id']}, fingerprint {artifact.fingerprint[:12]}"
    if isinstance(artifact, Release):
        return Outgoing("model", release_contents(artifact.path, target), message)
    kind, card = _card_of(artifact)
    name = target.repo.split("/")[1]
    origin, no_origin = attempted(lambda: Origin(lineage(artifact), _recipe(artifact)), Origin())
    page, no_page = attempted(lambda: card(artifact, name, origin), bare(name))
    kept = {name: file for name, file in folder_contents(artifact.path).items() if not name.startswith(STAYS)}
    contents = kept | dict(page)
    digests = {name: artifact.manifest["files"][name] for name in kept if name not in page}
    contents[RECORD] = record([stage.manifest for stage in origin.stages], digests)
    contents[README] = _addressed(page[README], target)
    return Outgoing(kind, contents, message, no_origin or no_page)


def release_contents(folder: Path, target: HubTarget) -> dict[str, Path | bytes]:
    """What is pushed of a published folder: everything, with a quick start that opens the repository."""
    contents: dict[str, Path | bytes] = {**folder_contents(folder)}
    contents[README] = _addressed((folder / README).read_bytes(), target)
    return contents


def _addressed(card: bytes, target: HubTarget) -> bytes:
    return addressed(card.decode("utf-8"), target.repo, target.tag or "main").encode()


def _card_of(artifact: Artifact) -> tuple[Kind, Callable[[Artifact, str, Origin], Files]]:
    for kind, (repository, card) in CARDS.items():
        if isinstance(artifact, kind):
            return repository, card
    known = " or ".join(sorted(kind.__name__ for kind in (Release, *CARDS)))
    raise StageError(f"{artifact.path}: holds a {type(artifact).__name__}; the Hub takes {known}")


def _model_card(artifact: Artifact, name: str, origin: Origin) -> Files:
    subject = subject_of(artifact.path, name, artifact.manifest["id"])
    return model_card(subject, read_findings(_evaluation(artifact)), origin, Licence(), artifact.address)


def _evaluation(artifact: Artifact) -> Artifact | None:
    """An evaluation in the same run that asked this very model."""
    for manifest in sorted(artifact.path.parent.glob(f"*/{MANIFEST}")):
        other = read_json(manifest)
        if other["kind"] == "evaluate" and artifact.fingerprint in (
            source["fingerprint"] for source in other["inputs"].values()
        ):
            return Artifact(manifest.parent)
    return None


def _recipe(artifact: Artifact) -> Mapping[str, object]:
    run = artifact.path.parent / "run.json"
    return read_json(run)["settings"] if run.exists() else {}


CARDS: Mapping[type[Artifact], tuple[Kind, Callable[[Artifact, str, Origin], Files]]] = {
    Model: ("model", _model_card),
    RewardModel: ("model", reward_card),
    Tokenizer: ("model", tokenizer_card),
    Corpus: ("dataset", corpus_card),
    Preferences: ("dataset", data_card),
}
"""What each kind of artifact is on the Hub, and who writes its card."""


def release_record(stages: list[Ancestor], folder: Path, digest: Callable[[Path], str]) -> bytes:
    """The record of a published folder, which is written into it."""
    files = {name: digest(file) for name, file in folder_contents(folder).items() if name not in (README, RECORD)}
    return record([stage.manifest for stage in stages], files)
