"""Save the model as a Hub repository holds it, write its card, and push it where the recipe names a repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.core.artifact import Artifact, file_digest
from pipeline.core.errors import StageError
from pipeline.core.quantities import format_count
from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.core.text import say
from pipeline.hub.push import push
from pipeline.hub.record import RECORD
from pipeline.hub.target import HubTarget
from pipeline.models.loading import load_config, load_model, load_tokenizer, save_model
from pipeline.stages.publish.adapter import write_adapter
from pipeline.stages.publish.config import Config
from pipeline.stages.publish.corpus_release import release_corpus
from pipeline.stages.publish.lineage import lineage
from pipeline.stages.publish.metadata import Licence
from pipeline.stages.publish.model_card import EXAMPLE, Findings, model_card, read_findings, start_of
from pipeline.stages.publish.outgoing import release_contents, release_record
from pipeline.stages.publish.page import Origin, attempted, bare
from pipeline.stages.publish.quick_start import failure_of, opens
from pipeline.stages.publish.subject import Subject, subject_of


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Write weights, tokenizer, generation settings, the decoder's code, `README.md` and its pictures; then push."""
    name = config.name or default_name(context.recipe.get("name"), inputs.model.address)
    subject = lay_out(config, inputs.model, name, context.output)
    stages, no_stages = attempted(lambda: lineage(inputs.model), [])
    findings, no_findings = attempted(lambda: read_findings(inputs.evaluation), Findings())
    licence, origin = Licence(config.license, config.language), Origin(stages, context.recipe)
    page, no_page = attempted(
        lambda: model_card(subject, findings, origin, licence, inputs.model.address),
        bare(name, start_of(subject, EXAMPLE)),
    )
    write_files(page, context.output)
    write_files({RECORD: release_record(stages, context.output, file_digest)}, context.output)
    metrics: dict[str, Any] = {
        "num_parameters": subject.num_parameters,
        "stages": len(stages),
        "figures": len(findings.figures),
    }
    fault = no_stages or no_findings or no_page
    if fault:
        metrics["card_fault"] = fault
    headline = f"{name}: {format_count(subject.num_parameters)} parameters, {len(stages)} stages"
    if inputs.corpus is not None:
        metrics |= release_corpus(inputs.corpus, context.output, name, config.corpus_hub)
    if config.hub is None:
        return Outcome(metrics=metrics, headline=headline)
    pushed = publish(config.hub, context.output, name)
    return Outcome(metrics=metrics | pushed, headline=f"{headline}, at {config.hub.repo}")


def lay_out(config: Config, model: Artifact, name: str, folder: Path) -> Subject:
    """Write the model, or its adapter alone, into `folder`; what the card is about.

    Raises:
        StageError: as `write_adapter`.
    """
    if config.weights == "merged":
        save_model(load_model(model.path), load_tokenizer(model.path), folder)
        return subject_of(folder, name, model.address)
    base, parameters = write_adapter(model, folder)
    shape = load_config(model.path)
    context_length = getattr(shape, "max_position_embeddings", 0)
    return Subject(name, model.address, parameters, context_length, bool(getattr(shape, "auto_map", None)), base)


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write each file under its name."""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def publish(target: HubTarget, folder: Path, name: str) -> dict[str, Any]:
    """Push a folder that was seen to open; what is known of it afterwards, for the manifest.

    Raises:
        StageError: when it does not open by itself, or cannot be pushed.
    """
    failure = failure_of(opens(folder))
    if failure:
        raise StageError(f"{folder}: not pushed: the quick start of its card fails ({failure})")
    pushed = push(release_contents(folder, target), target, "model", f"{name}, by gristmill", say)
    return {key: value for key, value in asdict(pushed).items() if key in ("repo", "commit", "tag", "url")}


def default_name(recipe: str | None, address: str) -> str:
    """The recipe's name and the model's id; of a path or a Hub address, its last part."""
    model = address.rstrip("/").rsplit("/", 1)[-1].partition("@")[0]
    return f"{recipe}-{model}" if recipe else model
