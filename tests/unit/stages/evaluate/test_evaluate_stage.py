from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from pipeline.artifacts import Corpus, Evaluation
from pipeline.core.artifact import read_json
from pipeline.core.errors import StageError
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs
from pipeline.data.answers import Answers
from pipeline.data.builtin import CATALOGUE, Builtin
from pipeline.data.estimates import Estimate
from pipeline.stages.evaluate.checks import check, floor
from pipeline.stages.evaluate.config import Config
from pipeline.stages.evaluate.figures import Figure
from pipeline.stages.evaluate.open_answers import Answered, answer_figures, chosen_prompts, win_rates
from pipeline.stages.evaluate.perplexity import floor_figures, text_figures, validation_documents
from pipeline.stages.evaluate.stage import run
from pipeline.stages.evaluate.summary import groups_learned, headline, summary
from tests.unit.stages.tiny import make_context, prompt, read_jsonl, save_tiny_model, write_jsonl


class Echo:
    """Repeat a word; group two asks for what nobody answers."""

    name = "echo"

    def rows(self):
        return [
            {**prompt(f"Say {word}."), "answer": word, "group": group}
            for group in "ab"
            for word in ("mill", "rye", "a")
        ]

    def correct(self, row, completion):
        return row["group"] == "a"

    def baselines(self):
        return {"a": 0.5, "b": 0.0}


class Vowels:
    """A judge that knows more than a score."""

    def score(self, prompts, completions, **columns):
        return [float(sum(letter in "aeiou" for letter in completion)) for completion in completions]

    def qualities(self, prompts, completions, **columns):
        return {"short": [float(len(completion) < 10) for completion in completions]}


def make_echo():
    return Echo()


def make_vowels():
    return Vowels()


@pytest.fixture
def builtins(monkeypatch):
    catalogue = dict(CATALOGUE)
    catalogue["task", "echo"] = Builtin("echo", "task", "", f"{__name__}:make_echo")
    catalogue["judge", "vowels"] = Builtin("vowels", "judge", "", f"{__name__}:make_vowels")
    for module in ("pipeline.stages.evaluate.stage", "pipeline.data.scorers"):
        monkeypatch.setattr(f"{module}.CATALOGUE", catalogue)


def builtin(name: str) -> Resolved:
    return Resolved(f"builtin:{name}", "builtin", "", name=name)


def save_corpus(folder, documents) -> Corpus:
    folder.mkdir()
    (folder / "validation-00000.jsonl").write_text("".join(json.dumps(row) + "\n" for row in documents))
    return Corpus(folder, "", "corpus")


@pytest.fixture
def evaluated(builtins, tmp_path):
    """Two random models, measured in every way."""
    first, second = (save_tiny_model(tmp_path / name, seed) for name, seed in (("instruct", 1), ("ppo", 2)))
    documents = [{"text": "The miller grinds the rye.", "surprisal": 1.0}, {"text": "The river " * 40}] * 3
    rows = [prompt(f"Write about the {thing}.") for thing in ("mill", "river", "rye", "village")]
    inputs = Inputs(
        models=(first, second),
        corpus=save_corpus(tmp_path / "corpus", documents),
        prompts=write_jsonl(tmp_path / "prompts.jsonl", rows),
        tasks=(builtin("perplexity"), builtin("echo")),
        win_rate=Inputs(against=first, judges=(builtin("vowels"),)),
    )
    config = Config.model_validate({
        "models": ["instruct", "ppo"], "corpus": "corpus", "prompts": "./prompts.jsonl", "samples": 2,
        "tasks": ["builtin:perplexity", "builtin:valley-tasks"], "rows_per_group": 2, "max_new_tokens": 8,
        "win_rate": {"against": "instruct", "judges": ["builtin:valley-judge"]},
    })  # fmt: skip
    context = make_context(tmp_path / "evaluate")
    outcome = run(config, inputs, context)
    artifact = Evaluation(context.output)
    artifact.__dict__["manifest"] = {"metrics": dict(outcome.metrics)}
    return SimpleNamespace(config=config, inputs=inputs, context=context, outcome=outcome, artifact=artifact)


def test_every_model_has_every_figure(evaluated):
    content = read_json(evaluated.artifact.path / "evaluation.json")
    found = {(row["model"], row["task"], row["group"], row["metric"]) for row in content["figures"]}
    for model in ("instruct", "ppo"):
        for task, group, metric in (
            ("perplexity", "all", "bits_per_byte"),
            ("perplexity", "generated", "excess_nats_per_byte"),
            ("echo", "a", "exact_match"),
            ("echo", "all", "exact_match"),
            ("answers", "all", "ended"),
            ("answers", "all", "short"),
            ("answers", "builtin:vowels", "score"),
        ):
            assert (model, task, group, metric) in found
    echo = [row for row in content["figures"] if row["task"] == "echo" and row["group"] == "a"]
    assert [(row["value"], row["n"], row["baseline"]) for row in echo] == [(1.0, 2, 0.5)] * 2
    assert [(win["model"], win["against"], win["judge"], win["n"]) for win in content["win_rates"]] == [
        ("ppo", "instruct", "builtin:vowels", 4)
    ]


def test_random_models_are_as_bad_as_the_alphabet_is_large(evaluated):
    content = read_json(evaluated.artifact.path / "evaluation.json")
    perplexities = [row["value"] for row in content["figures"] if row["metric"] == "perplexity"]
    assert all(200 < value < 450 for value in perplexities)


def test_samples_hold_the_same_prompts_for_every_model(evaluated):
    rows = read_jsonl(evaluated.artifact.path / "samples.jsonl")
    assert [(row["index"], row["model"]) for row in rows] == [(0, "instruct"), (0, "ppo"), (1, "instruct"), (1, "ppo")]
    assert rows[0]["prompt"] == rows[1]["prompt"] != rows[2]["prompt"]


def test_metrics_and_checks_speak_of_the_last_model(evaluated):
    metrics = evaluated.outcome.metrics
    assert metrics["groups_learned"] == {model: {"echo": "1 of 2"} for model in ("instruct", "ppo")}
    assert evaluated.outcome.headline.startswith("ppo: wins ")
    checks = check(evaluated.config, evaluated.inputs, evaluated.artifact, evaluated.context)
    names = [one.name for one in checks]
    assert "ppo: win rate against instruct by builtin:vowels" in names and "ppo: short" in names
    # Random weights predict about as well as guessing does, and no check but that on the perplexity may fail for it.
    assert {one.name for one in checks if one.verdict == "fail"} <= {"instruct: perplexity", "ppo: perplexity"}


def test_a_loss_below_the_entropy_fails():
    row = {"model": "pretrain", "value": -0.01, "standard_error": 0.001, "n": 9}
    assert floor(row).verdict == "fail"
    assert floor({**row, "standard_error": 0.004}).verdict == "pass"
    assert floor({**row, "value": 0.02}).verdict == "pass"


def test_bits_per_byte_and_floor_are_in_their_units():
    text = "abcd"
    whole, perplexity = text_figures("m", [(4 * math.log(2), 2)] * 3, [text] * 3)
    assert whole.estimate == Estimate(pytest.approx(1.0), pytest.approx(0.0), 3)
    assert perplexity.estimate.value == pytest.approx(4.0)
    documents = [{"text": text, "surprisal": 2 * math.log(2)}, {"text": text}, {"text": text, "surprisal": 1.0}]
    bits, excess = floor_figures("m", [(4 * math.log(2), 2), (9.0, 2), (9.0, 64)], documents, context_length=64)
    assert (bits.estimate.value, bits.baseline, bits.estimate.n) == (pytest.approx(1.0), pytest.approx(0.5), 1)
    assert excess.estimate.value == pytest.approx(0.5 * math.log(2))


def test_a_corpus_without_validation_is_an_error(tmp_path):
    (tmp_path / "corpus").mkdir()
    with pytest.raises(StageError, match="corpus: no validation documents; set `validation`"):
        validation_documents(Corpus(tmp_path / "corpus", "", "corpus"), 5)


def test_wins_count_ties_half_and_skip_the_opponent_itself():
    answers = Answers(["a", "b"], [True, True], [1, 1])
    one = Answered("ppo", answers, {"judge": [1.0, 0.0]})
    other = Answered("sft", answers, {"judge": [0.0, 0.0]})
    (win,) = win_rates([one, other], other)
    assert (win.model, win.estimate.value, win.ties) == ("ppo", 0.75, 1)


def test_repeated_answers_are_not_distinct():
    answers = Answers(["a", "b", "a", "a"], [True, True, False, True], [1, 2, 3, 4])
    figures = {figure.metric: figure.estimate.value for figure in answer_figures(Answered("m", answers), None)}
    assert figures == {"ended": 0.75, "length": 2.5, "distinct": 0.5}


def test_prompts_are_drawn_by_the_seed():
    rows = [prompt(str(number)) for number in range(20)]
    assert chosen_prompts(rows, 5, seed=1) == chosen_prompts(rows, 5, seed=1) != chosen_prompts(rows, 5, seed=2)
    assert len(chosen_prompts(rows, 50, seed=1)) == 20


def test_a_group_counts_as_learned_a_fifth_above_its_baseline():
    figures = [
        Figure("m", "t", group, "exact_match", Estimate(value, 0.0, 10), baseline)
        for group, value, baseline in (("a", 0.7, 0.5), ("b", 0.69, 0.5), ("c", 0.2, 0.0), ("all", 0.5, None))
    ]
    assert groups_learned(figures) == {"m": {"t": "2 of 3"}}
    assert headline("m", summary(figures, [])) == "m: 2 of 3 t"
    assert headline("other", summary(figures, [])) == "other: samples only"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tasks": ["builtin:perplexity"]}, "measured on a corpus"),
        ({"win_rate": {"against": "sft", "judges": ["builtin:valley-judge"]}}, "name some with `prompts:`"),
        ({"models": ["sft", "sft"]}, "names one model twice"),
    ],
)
def test_settings_that_miss_what_they_need_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Config.model_validate({"models": ["sft"], **settings})
