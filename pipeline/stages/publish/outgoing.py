"""What of a sealed artifact goes to the Hub: its files, its card, the record of where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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

DATA_FOLDER = "corpus"
"""Where a published folder holds the repository of its corpus, which is none of the model's."""
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
    if isinstance(artifact, Release):
        message = f"{artifact.manifest['kind']} {artifact.manifest['id']}, fingerprint {artifact.fingerprint[:12]}"
        return Outgoing("model", release_contents(artifact.path, target), message)
    return addressed_to(target, laid_out(artifact, target.repo.split("/")[1]))


def laid_out(artifact: Artifact, name: str) -> Outgoing:
    """The repository of an artifact, called `name`, with a quick start that opens the folder it lies in.

    Raises:
        StageError: as `outgoing`.
    """
    message = f"{artifact.manifest['kind']} {artifact.manifest['id']}, fingerprint {artifact.fingerprint[:12]}"
    kind, card = _card_of(artifact)
    origin, no_origin = attempted(lambda: Origin(lineage(artifact), _recipe(artifact)), Origin())
    page, no_page = attempted(lambda: card(artifact, name, origin), bare(name))
    kept = {name: file for name, file in folder_contents(artifact.path).items() if not name.startswith(STAYS)}
    contents = kept | dict(page)
    digests = {name: artifact.manifest["files"][name] for name in kept if name not in page}
    contents[RECORD] = record([stage.manifest for stage in origin.stages], digests)
    return Outgoing(kind, contents, message, no_origin or no_page)


def addressed_to(target: HubTarget, found: Outgoing) -> Outgoing:
    """The same with a quick start that opens the repository on the Hub."""
    card = found.contents[README]
    assert isinstance(card, bytes), "`laid_out` wrote it"
    return replace(found, contents={**found.contents, README: _addressed(card, target)})


def release_contents(folder: Path, target: HubTarget) -> dict[str, Path | bytes]:
    """What is pushed of a published folder: everything, with a quick start that opens the repository."""
    contents: dict[str, Path | bytes] = {**_of_the_model(folder)}
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
    files = {name: digest(file) for name, file in _of_the_model(folder).items() if name not in (README, RECORD)}
    return record([stage.manifest for stage in stages], files)


def _of_the_model(folder: Path) -> dict[str, Path]:
    """The files of a published folder but those of its corpus."""
    return {name: file for name, file in folder_contents(folder).items() if not name.startswith(f"{DATA_FOLDER}/")}
