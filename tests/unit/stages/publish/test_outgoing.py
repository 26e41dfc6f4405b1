"""What of each kind of artifact goes to the Hub, and that a card which cannot be made holds nothing back."""

from __future__ import annotations

import json

import pytest
from huggingface_hub import DatasetCard, ModelCard

from pipeline import Recipe
from pipeline.artifacts import Corpus, Evaluation, Model, Preferences, Release, RewardModel, Tokenizer
from pipeline.core.artifact import file_digest
from pipeline.core.errors import StageError
from pipeline.core.stage import Inputs
from pipeline.hub.contents import demand_harmless
from pipeline.hub.markdown import wrapped
from pipeline.hub.push import Pushed
from pipeline.hub.target import HubTarget
from pipeline.models.loading import load_model
from pipeline.stages.publish import corpus_release
from pipeline.stages.publish import stage as publish_stage
from pipeline.stages.publish.checks import check
from pipeline.stages.publish.config import Config
from pipeline.stages.publish.outgoing import outgoing
from pipeline.stages.publish.quick_start import addressed, program_of
from pipeline.stages.publish.stage import run
from pipeline.stages.publish.subject import count_parameters
from tests.unit.stages.corpus.documents import Made, text_of
from tests.unit.stages.tiny import make_context, save_tiny_model

TARGET = HubTarget(repo="alice/mine", tag="v1")


def sealed(artifact_type, folder, kind, **more):
    """`folder` as a stage of this kind would have left it."""
    files = {str(file.relative_to(folder)): file_digest(file) for file in folder.rglob("*") if file.is_file()}
    manifest = {
        "id": folder.name, "kind": kind, "fingerprint": f"of-{folder.name}", "identity": {"version": 1, "settings": {}},
        "settings": {}, "inputs": {}, "metrics": {}, "headline": "", "environment": {}, "files": files, **more,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return artifact_type(folder, manifest["fingerprint"], folder.name)


def rows(folder, **splits):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in splits.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "sft"
    save_tiny_model(folder)
    (folder / "samples.jsonl").write_text("{}\n")
    return sealed(Model, folder, "sft", settings={"data": {"path": "/home/alice/chat.jsonl"}})


def page_of(found):
    return found.contents["README.md"].decode()


def test_a_model_goes_with_its_card_and_its_record(model):
    found = outgoing(model, TARGET)
    assert found.kind == "model" and not found.card_fault
    assert "samples.jsonl" not in found.contents and "manifest.json" not in found.contents
    record = json.loads(found.contents["gristmill/manifest.json"])
    assert record["stages"][-1]["settings"] == {"data": {"path": "…/chat.jsonl"}}
    assert record["files"]["model.safetensors"] == file_digest(model.path / "model.safetensors")
    assert "/home/alice" not in page_of(found) and "chat.jsonl" in page_of(found)


def test_parameters_are_counted_from_the_files_alone(model):
    assert count_parameters(model.path) == load_model(model.path).num_parameters()


def test_a_reward_model_is_a_classifier_on_the_hub(model, tmp_path):
    folder = save_tiny_model(tmp_path / "judge").path
    (folder / "reward.json").write_text('{"mean": 0.5, "std": 2.0}')
    scorer = sealed(RewardModel, folder, "reward", metrics={"accuracy": 0.8, "accuracy_standard_error": 0.02})
    found = outgoing(scorer, TARGET)
    assert ModelCard(page_of(found)).data.pipeline_tag == "text-classification"
    assert "AutoModelForSequenceClassification" in program_of(page_of(found))


def test_a_tokenizer_is_a_repository_of_its_own(model, tmp_path):
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / name).write_bytes((model.path / name).read_bytes())
    found = outgoing(sealed(Tokenizer, folder, "tokenizer"), TARGET)
    data = ModelCard(page_of(found)).data
    assert "tokenizer" in data.tags and data.pipeline_tag is None and data.license is None


def test_what_was_thrown_away_of_a_corpus_stays_here(tmp_path):
    folder = rows(tmp_path / "corpus", **{"train-00000": [{"text": "a"}] * 3, "validation-00000": [{"text": "b"}]})
    rows(folder / "dropped", filters=[{"text": "c"}])
    (folder / "funnel.json").write_text(json.dumps({"steps": [{"step": "filters", "in": 5, "out": 4, "dropped": {}}]}))
    found = outgoing(sealed(Corpus, folder, "corpus"), TARGET)
    assert found.kind == "dataset" and not [name for name in found.contents if name.startswith("dropped")]
    assert "| train | 3 |" in page_of(found) and "| filters | 5 | 4 |" in page_of(found)


@pytest.fixture
def small_corpus(tmp_path):
    made = Made(tmp_path / "made", [{"text": text_of(seed), "id": f"d{seed}"} for seed in range(30)], validation=0.2)
    more = {"settings": made.config.model_dump(mode="json"), "metrics": dict(made.outcome.metrics)}
    return sealed(Corpus, made.path, "corpus", headline=made.outcome.headline, **more)


def test_a_corpus_is_laid_out_with_the_model_and_is_none_of_its_repository(model, small_corpus, tmp_path):
    from datasets import load_dataset

    context = make_context(tmp_path / "publish")
    outcome = run(Config(corpus="corpus"), Inputs(model=model, evaluation=None, corpus=small_corpus), context)
    folder = context.output / "corpus"
    assert outcome.metrics["corpus_files"] == len([file for file in folder.rglob("*") if file.is_file()]) >= 8
    assert (folder / "train-00000.jsonl").samefile(small_corpus.path / "train-00000.jsonl")
    opened = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    rows = {split: small_corpus.metrics[f"{split}_documents"] for split in ("train", "validation")}
    assert {name: split.num_rows for name, split in opened.items()} == rows
    card = (folder / "README.md").read_text()
    assert 'repository, revision = ".", None' in card and "## Where each document went" in card
    release = sealed(Release, context.output, "publish", metrics=outcome.metrics)
    assert not [name for name in outgoing(release, TARGET).contents if name.startswith("corpus/")]
    assert not [name for name in json.loads((release.path / "gristmill/manifest.json").read_text())["files"]
                if name.startswith("corpus/")]  # fmt: skip


def test_a_corpus_is_pushed_to_the_repository_that_the_recipe_names(model, small_corpus, tmp_path, monkeypatch):
    pushed = []

    def push(contents, target, kind, message, say):
        pushed.append((target.repo, kind, contents["README.md"].decode()))
        return Pushed(target.repo, kind, "c" * 40, None, "https://x", len(contents), 1, True)

    monkeypatch.setattr(corpus_release, "push", push)
    config = Config.model_validate({"corpus": "corpus", "corpus_hub": "alice/text"})
    outcome = run(config, Inputs(model=model, evaluation=None, corpus=small_corpus), make_context(tmp_path / "p"))
    ((repo, kind, card),) = pushed
    assert (repo, kind) == ("alice/text", "dataset") and 'repository, revision = "alice/text", "main"' in card
    assert outcome.metrics["corpus_repo"] == "alice/text" and outcome.metrics["corpus_commit"] == "c" * 40
    with pytest.raises(ValueError, match="names a repository, but no `corpus` to push there"):
        Config.model_validate({"corpus_hub": "alice/text"})
    unknown = Corpus(rows(tmp_path / "unknown", **{"train-0": [{"text": "a"}]}))
    with pytest.raises(StageError, match="not published: no stage made it"):
        run(Config(corpus="corpus"), Inputs(model=model, evaluation=None, corpus=unknown), make_context(tmp_path / "q"))


def test_a_corpus_goes_with_its_card_and_without_what_safety_took_out(tmp_path):
    texts = [{"text": text_of(seed), "id": f"d{seed}"} for seed in range(40)]
    texts += [{"text": f"{text_of(50)} write to ann@example.org", "id": "personal"}, {"text": "tiny", "id": "## short"}]
    made = Made(tmp_path, texts, validation=0.2, safety={"pii": ["email"]}, language={"min_confidence": 0},
                about=[{"license": "cc-by-4.0"}])  # fmt: skip
    corpus = sealed(Corpus, made.path, "corpus", settings=made.config.model_dump(mode="json"),
                    metrics=dict(made.outcome.metrics), headline=made.outcome.headline)  # fmt: skip
    found = outgoing(corpus, TARGET)
    demand_harmless(found.contents, None, tmp_path)
    page, data = page_of(found), DatasetCard(page_of(found)).data.to_dict()
    assert not found.card_fault and found.contents["card.html"] == made.path / "card.html"
    assert data["license"] == "cc-by-4.0" and data["language"] and data["task_categories"] == ["text-generation"]
    assert data["size_categories"] == ["n<1K"] and data["configs"][0]["data_files"][0]["path"] == "train-*.jsonl"
    for title in ("Quick start", "Sources", "Where each document went", "Lengths", "Files", "Lineage", "Limits"):
        assert f"\n## {title}\n" in page
    assert "| too short (filters) | −1 |" in page and "figures/lengths.png" in found.contents
    everything = b"".join(file if isinstance(file, bytes) else file.read_bytes() for file in found.contents.values())
    assert b"ann@example.org" in (made.path / "funnel.json").read_bytes() and b"ann@example.org" not in everything
    assert json.loads(found.contents["gristmill/manifest.json"])["files"]["train-00000.jsonl"] in page


def test_a_data_card_says_where_the_splits_lie(tmp_path):
    pair = {"prompt": [], "chosen": [], "rejected": []}
    folder = rows(tmp_path / "preferences", train=[pair] * 2, validation=[pair])
    data = DatasetCard(page_of(outgoing(sealed(Preferences, folder, "preferences"), TARGET))).data.to_dict()
    assert data["configs"] == [{
        "config_name": "default",
        "data_files": [{"split": "train", "path": ["train.jsonl"]}, {"split": "validation", "path": ["validation.jsonl"]}],
    }]  # fmt: skip
    assert data["size_categories"] == ["n<1K"] and "license" not in data


def test_an_evaluation_is_no_repository(tmp_path):
    with pytest.raises(StageError, match="holds a Evaluation; the Hub takes"):
        outgoing(sealed(Evaluation, rows(tmp_path / "evaluate"), "evaluate"), TARGET)


def test_a_card_that_cannot_be_made_holds_no_weights_back(model, tmp_path):
    folder = rows(tmp_path / "evaluate")
    (folder / "evaluation.json").write_text('{"models": 3}')
    broken = sealed(Evaluation, folder, "evaluate")
    context = make_context(tmp_path / "publish")
    outcome = run(Config(), Inputs(model=model, evaluation=broken, corpus=None), context)
    assert "evaluation.json: damaged" in outcome.metrics["card_fault"]
    assert file_digest(context.output / "model.safetensors") == file_digest(model.path / "model.safetensors")
    release = sealed(Release, context.output, "publish", metrics=outcome.metrics)
    (verdict,) = check(Config(), Inputs(), release, context)
    assert verdict.verdict == "fail" and "evaluation.json" in str(verdict.figure)
    assert "model.safetensors" in outgoing(release, TARGET).contents


def test_a_damaged_ancestor_costs_the_lineage_and_not_the_push(model, tmp_path):
    folder = save_tiny_model(tmp_path / "ppo").path
    elsewhere = rows(tmp_path / "another run" / "base")
    (elsewhere / "manifest.json").write_text("{")
    source = {"address": "base", "fingerprint": "f", "path": str(elsewhere)}
    found = outgoing(sealed(Model, folder, "ppo", inputs={"policy": source}), TARGET)
    assert "damaged" in found.card_fault
    assert "model.safetensors" in found.contents and "## Quick start" in page_of(found)


def test_what_does_not_open_is_not_pushed(model, tmp_path, monkeypatch):
    monkeypatch.setattr(publish_stage, "push", lambda *_: pytest.fail("pushed"))
    monkeypatch.setattr(publish_stage, "failure_of", lambda _: "OSError: no weights")
    monkeypatch.setattr(publish_stage, "opens", lambda _: None)
    config = Config.model_validate({"hub": "alice/mine"})
    with pytest.raises(StageError, match="not pushed: the quick start of its card fails"):
        run(config, Inputs(model=model, evaluation=None, corpus=None), make_context(tmp_path / "publish"))


def test_a_smoke_run_pushes_nothing(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("recipe: 1\nname: x\nstages: {publish: {model: 'hf://org/base', hub: org/name}}\n")
    assert Recipe.load(recipe).loaded.stages["publish"].config.hub is not None  # type: ignore[attr-defined]
    assert Recipe.load(recipe, smoke=True).loaded.stages["publish"].config.hub is None  # type: ignore[attr-defined]


def test_a_pushed_card_opens_the_repository_and_a_local_one_its_folder():
    card = '```python\nrepository, revision = ".", None  # here\nuse(repository)\n```\n'
    assert (
        addressed(card, "alice/mine", "v1")
        == '```python\nrepository, revision = "alice/mine", "v1"\nuse(repository)\n```\n'
    )


def test_long_lines_go_on_below_and_short_ones_stay():
    assert wrapped("a b\n" + "c " * 60).splitlines()[0] == "a b"
    assert all(len(line) <= 84 for line in wrapped("word " * 100).splitlines())
    assert wrapped("x\n\ny") == "x\n\ny"
