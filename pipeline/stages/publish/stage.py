"""Save the model as a Hub repository holds it, and write its card."""

from __future__ import annotations

from pipeline.core.quantities import format_count
from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.models.loading import load_model, load_tokenizer, save_model
from pipeline.stages.publish.card import card, read_findings
from pipeline.stages.publish.config import Config
from pipeline.stages.publish.lineage import lineage
from pipeline.stages.publish.metadata import card_metadata
from pipeline.stages.publish.subject import Subject


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Write weights, tokenizer, generation settings, the decoder's code and `README.md`."""
    model = load_model(inputs.model.path)
    save_model(model, load_tokenizer(inputs.model.path), context.output)
    subject = Subject(
        name=config.name or default_name(context.recipe.get("name"), inputs.model.address),
        address=inputs.model.address,
        num_parameters=model.num_parameters(),
        context_length=model.config.max_position_embeddings,
        custom=bool(getattr(model.config, "auto_map", None)),
    )
    stages = lineage(inputs.model)
    findings = read_findings(inputs.evaluation)
    sources = [inputs.model.address, *(source for stage in stages for source in stage.sources)]
    kinds = [stage.kind for stage in stages]
    metadata = card_metadata(config, subject, sources, kinds, findings.figures)
    page = card(subject, metadata, findings, stages, context.recipe)
    (context.output / "README.md").write_text(page, encoding="utf-8")
    metrics = {"num_parameters": subject.num_parameters, "stages": len(stages), "figures": len(findings.figures)}
    return Outcome(
        metrics=metrics,
        headline=f"{subject.name}: {format_count(subject.num_parameters)} parameters, {len(stages)} stages",
    )


def default_name(recipe: str | None, address: str) -> str:
    """The recipe's name and the model's id; of a path or a Hub address, its last part."""
    model = address.rstrip("/").rsplit("/", 1)[-1].partition("@")[0]
    return f"{recipe}-{model}" if recipe else model
