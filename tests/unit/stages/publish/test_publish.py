"""The whole stage on a tiny model, with the manifests that a chain would have left."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from pipeline.artifacts import Evaluation, Release
from pipeline.core.stage import Inputs
from pipeline.hub.markdown import cell, verbatim
from pipeline.stages.publish.checks import check
from pipeline.stages.publish.config import Config
from pipeline.stages.publish.lineage import lineage
from pipeline.stages.publish.model_card import Findings, course_section, limits
from pipeline.stages.publish.quick_start import run_alone
from pipeline.stages.publish.stage import default_name, run
from pipeline.stages.publish.tables import course_table
from tests.unit.stages.tiny import make_context, save_tiny_model

HOSTILE = "</pre><script>alert(1)</script>\n```\n| a | \x1b[31m"


def seal(folder, kind, inputs=(), settings=None, metrics=None, identity=None):
    """The manifest that the core would write for this folder."""
    folder.mkdir(exist_ok=True)
    manifest = {
        "id": folder.name,
        "kind": kind,
        "fingerprint": f"fingerprint-{folder.name}",
        "inputs": {
            f"input.{number}": {
                "address": name,
                "fingerprint": f"fingerprint-{name}",
                "path": str(folder.parent / name),
            }
            for number, name in enumerate(inputs)
        },
        "settings": settings or {},
        "identity": {"settings": identity or {}},
        "metrics": metrics or {},
        "headline": f"{kind} done",
        "environment": {"versions": {"torch": "2.13"}, "machine": "x86_64", "commit": None},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """corpus > pretrain > ppo, with a reward model and an evaluation."""
    folder = tmp_path_factory.mktemp("run")
    seal(
        folder / "corpus",
        "corpus",
        settings={"sources": [{"data": {"path": "hf://datasets/org/text@abc"}}]},
        identity={"sources": [{"data": {"input": "hf:datasets/org/text@abc"}}]},
    )
    seal(folder / "pretrain", "pretrain", ["corpus"], {"corpus": {"path": "corpus"}})
    seal(
        folder / "reward",
        "reward",
        ["pretrain"],
        {"model": {"path": "pretrain"}},
        {"accuracy": 0.8312, "accuracy_standard_error": 0.015, "dead": False},
    )
    model = save_tiny_model(folder / "ppo")
    seal(folder / "ppo", "ppo", ["pretrain", "reward"], {"policy": {"path": "pretrain"}, "reward": {"path": "reward"}})
    steps = [{"step": step, "kl": step / 4, "score": step / 2, "seconds": 1.0} for step in range(1, 31)]
    (folder / "ppo" / "metrics.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    evaluation = folder / "evaluate"
    evaluation.mkdir()
    figures = [
        {"model": name, "task": "valley-tasks", "group": "copy", "metric": "exact_match", "baseline": 0.0,
         "value": value, "standard_error": error, "n": 100}
        for name, value, error in (("pretrain", 0.0, None), ("ppo", 0.6123456789, 0.049))
    ]  # fmt: skip
    wins = [{"model": "ppo", "against": "pretrain", "judge": "reward", "win_rate": 0.93, "standard_error": 0.016,
             "ties": 0, "n": 250}]  # fmt: skip
    content = {"models": ["pretrain", "ppo"], "figures": figures, "win_rates": wins}
    (evaluation / "evaluation.json").write_text(json.dumps(content))
    sample = {"prompt": [{"role": "user", "content": "Write about the mill."}], "completion": HOSTILE, "ended": False}
    rows = [{"model": name, **sample} for name in ("pretrain", "ppo")]
    (evaluation / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return model, Evaluation(evaluation, "fingerprint-evaluate", "evaluate")


@pytest.fixture(scope="module")
def released(chain, tmp_path_factory):
    model, evaluation = chain
    config = Config(license="mit", language=("en",))
    context = make_context(tmp_path_factory.mktemp("run") / "publish", recipe={"name": "tiny", "stages": {"ppo": {}}})
    outcome = run(config, Inputs(model=model, evaluation=evaluation, corpus=None), context)
    return config, Release(context.output, "", "publish"), outcome


def test_the_card_opens_with_metadata_that_the_hub_reads(released):
    from huggingface_hub import ModelCard

    card = ModelCard.load(released[1].path / "README.md")
    data = card.data
    assert (data.license, data.language, data.pipeline_tag, data.library_name) == (
        "mit", ["en"], "text-generation", "transformers",
    )  # fmt: skip
    assert data.datasets == ["org/text"]
    assert data.tags == ["gristmill", "custom_code", "corpus", "pretrain", "reward", "ppo"]
    (result,) = data.eval_results
    assert (result.dataset_name, result.metric_value) == ("valley-tasks, copy", 0.612346)
    assert result.dataset_config == "copy"
    assert result.metric_args == {"n": 100, "standard_error": 0.049}
    assert "null" not in card.data.to_yaml()


def test_the_page_tells_figures_lineage_and_course(released):
    page = (released[1].path / "README.md").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "| copy | exact match | 0 | 0.6123 ± 0.049 | 0 | 100 |" in page
    assert "| ppo | pretrain | reward | 0.93 ± 0.016 | 0 | 250 |" in page
    assert "| ppo | pretrain, reward | fingerprint- | ppo done |" in page
    assert "| corpus | hf://datasets/org/text@abc | fingerprint- | corpus done |" in page
    assert "| hf://datasets/org/text@abc | commit abc |" in page
    assert "| accuracy on held-out pairs | 0.8312 ± 0.015 |" in page and "dead" not in page
    assert "| step | kl | score |" in page and "| 30 | 7.5 | 15 |" in page
    assert "name: tiny" in page
    assert "\n\n\n" not in page


def test_nothing_in_a_sample_is_markup(released):
    page = (released[1].path / "README.md").read_text()
    assert "<script>" not in page and "\x1b" not in page
    assert "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("Write about the mill.") == 2  # in the quick start, and as the published model's sample


def test_the_folder_opens_without_this_package(released):
    config, artifact, outcome = released
    checks = {one.name: one for one in check(config, Inputs(), artifact, make_context(artifact.path))}
    assert checks["quick start in a fresh process"].verdict == "pass", checks
    assert checks["metadata"].verdict == "pass"
    assert checks["license"].figure == "mit"
    assert outcome.metrics["stages"] == 4
    assert json.loads((artifact.path / "generation_config.json").read_text())["use_cache"] is True


def test_the_fresh_process_cannot_import_this_package(tmp_path):
    result = run_alone("import pipeline.artifacts", tmp_path)
    assert result.returncode != 0 and "ModuleNotFoundError" in result.stderr


def test_a_model_of_unknown_origin_is_published_without_lineage(tmp_path):
    model = save_tiny_model(tmp_path / "model")
    run(Config(name="mine"), Inputs(model=model, evaluation=None, corpus=None), make_context(tmp_path / "publish"))
    page = (tmp_path / "publish" / "README.md").read_text()
    assert "# mine" in page and "## Lineage" not in page and "## Evaluation" not in page and "license" not in page


def test_every_stage_comes_once_and_after_what_it_was_made_from(chain):
    assert [stage.id for stage in lineage(chain[0])] == ["corpus", "pretrain", "reward", "ppo"]


def test_an_ancestor_that_was_made_anew_is_not_taken_for_the_old_one(tmp_path):
    seal(tmp_path / "pretrain", "pretrain")
    seal(tmp_path / "sft", "sft", ["pretrain"])
    manifest = json.loads((tmp_path / "pretrain" / "manifest.json").read_text())
    (tmp_path / "pretrain" / "manifest.json").write_text(json.dumps({**manifest, "fingerprint": "another"}))
    assert [stage.id for stage in lineage(Evaluation(tmp_path / "sft"))] == ["sft"]


@pytest.mark.parametrize(
    ("recipe", "address", "name"),
    [("tiny", "ppo", "tiny-ppo"), (None, "./models/base/", "base"), ("mine", "hf://org/name@main", "mine-name")],
)
def test_the_name_is_short_whatever_the_address(recipe, address, name):
    assert default_name(recipe, address) == name


def test_cells_and_verbatim_text_show_what_they_are_given():
    assert cell("a|b\n`c` <d>") == "a\\|b 'c' &lt;d&gt;"
    assert verbatim("a\x00\t<b>\n") == "a\N{REPLACEMENT CHARACTER}\t&lt;b&gt;\n"


def test_a_course_shows_its_ends():
    lines = course_table([{"step": step} for step in range(1, 101)], ["step", "kl"], lines=3).splitlines()
    assert lines == ["| step |", "| --- |", "| 1 |", "| 51 |", "| 100 |"]


def test_limits_hold_for_a_model_of_which_nothing_is_known():
    assert limits(Findings(), []) == ["It was not tested for truthfulness, safety or bias."]


def test_a_policy_on_pairs_shows_the_course_that_its_stage_measured(tmp_path):
    rows = [{"step": step, "kl": 0.1 * step, "true_score": 0.5 * step} for step in (0, 150, 300)]
    (tmp_path / "course.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ((section, pictures),) = course_section(SimpleNamespace(id="dpo", kind="dpo", path=tmp_path))
    assert "true score" in section.text and "| 300 | 30 | 150 |" in section.text
    assert [picture.name for picture in pictures] == ["dpo-reward-against-kl"]
