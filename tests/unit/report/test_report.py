from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.core.artifact import write_json
from pipeline.core.errors import RunError, StageError
from pipeline.core.lock import locked
from pipeline.report.charts import charts, loss_levels
from pipeline.report.numbers import number, percent, real_minus, with_error
from pipeline.report.reading import STOPPED, read_run
from pipeline.report.run_view import view_run
from pipeline.report.verdict import verdict
from pipeline.report.writing import is_current, plain_view, reported, write_report
from tests.unit.report.folder import (
    HOSTILE,
    LOSSES,
    ask,
    begin_stage,
    check,
    make_stage,
    policy_rows,
    record_run,
    training_rows,
    whole_run,
    write_corpus,
    write_rows,
)


def page_of(run: Path) -> str:
    return write_report(run).read_text(encoding="utf-8")


def verdict_of(run: Path):
    return verdict(read_run(run))


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


# The page as a file


def test_a_whole_run_is_one_page_under_600_kilobytes_that_names_no_other_file(tmp_path: Path):
    page = page_of(whole_run(tmp_path / "run"))
    assert len(page.encode()) < 600_000
    outside = [
        (tag, name, value)
        for tag, attributes in Tags(page).found
        for name, value in attributes.items()
        if name in ("src", "href", "action", "xlink:href") and not (value or "").startswith(("#", "data:"))
    ]
    assert not outside
    assert "@import" not in page and "url(h" not in page


def test_the_account_of_a_corpus_adds_up_on_the_page_and_its_card_is_linked(tmp_path: Path):
    run = record_run(tmp_path / "a run", ["corpus"])
    write_corpus(run, text="one")
    (stage,) = [stage for stage in view_run(read_run(run)).stages if stage.id == "corpus"]
    (account,) = [table for table in stage.tables if table.title == "Where each document went"]
    for *entries, kept in zip(
        *([int(cell.replace("−", "-").replace(",", "")) for cell in row[1:]] for row in account.rows), strict=True
    ):
        assert sum(entries) == kept
    assert (
        account.head == ("documents", "one", "web", "all sources") and account.note == "1,000 read −100 dropped = 900"
    )
    assert "its card" not in page_of(run)
    (run / "corpus/card.html").touch()
    assert '<a href="corpus/card.html">its card</a>' in page_of(run)
    elsewhere = write_report(run, tmp_path / "page.html").read_text()
    assert '<a href="a%20run/corpus/card.html">its card</a>' in elsewhere


def test_the_policy_allows_the_one_stylesheet_and_nothing_else(tmp_path: Path):
    page = page_of(whole_run(tmp_path / "run"))
    (policy,) = re.findall(r'Content-Security-Policy" content="(.+?)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.replace("&#39;", "'").startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:")
    assert not [tag for tag, attributes in Tags(page).found if tag == "script" or "style" in attributes]


def test_what_models_and_users_wrote_is_text_and_never_markup(tmp_path: Path):
    page = page_of(whole_run(tmp_path / "run", text=HOSTILE))
    tags = Tags(page).found
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page and "{{ 7 * 7 }}" in page
    assert not [tag for tag, _ in tags if tag in ("script", "img", "iframe", "object")]
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]


def test_ids_are_unique(tmp_path: Path):
    ids = [attributes["id"] for _, attributes in Tags(page_of(whole_run(tmp_path / "run"))).found if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_agrees_with_metrics_jsonl(tmp_path: Path):
    run = whole_run(tmp_path / "run")
    (stage,) = [stage for stage in plain_view(run)["stages"] if stage["id"] == "pretrain"]
    notes = {chart["title"]: chart["note"] for chart in stage["charts"]}
    rows = training_rows()
    assert notes["Training loss"] == f"from {LOSSES[0]:.4g} at step 1 to {LOSSES[-1]:.4g} at step 90"
    assert notes["Learning rate"] == f"from {rows[0]['learning_rate']:.1e} at step 1 to 1e−4 at step 90".replace(
        "e-04", "e−4"
    )
    assert notes["Training loss"] in page_of(run)


def test_every_part_of_a_whole_run_is_on_the_page(tmp_path: Path):
    view = plain_view(whole_run(tmp_path / "run"))
    titles = {stage["id"]: [chart["title"] for chart in stage["charts"]] for stage in view["stages"]}
    assert titles["corpus"] == ["The funnel"]
    assert titles["reward"][:3] == ["Training loss", "Accuracy on the batches", "Calibration"]
    assert {"Score", "Score against KL", "KL from the reference", "Entropy", "Length of answers"} <= set(titles["ppo"])
    assert titles["evaluate"] == ["Tasks: tasks", "Which answer is preferred"]
    assert [answer["model"] for answer in view["samples"][0]["answers"]] == ["pretrain", "sft", "ppo"]
    assert [tile["label"] for tile in view["tiles"]] == [
        "documents kept", "bytes per token", "bits per byte", "reward accuracy", "score gained", "tasks learned",
        "answers preferred",
    ]  # fmt: skip
    assert len(view["lineage"]["rows"]) == 9


def test_pretraining_shows_held_out_loss_speed_and_what_the_model_writes(tmp_path: Path):
    run = whole_run(tmp_path / "run", text="One tavin is mery.")
    (stage,) = [stage for stage in plain_view(run)["stages"] if stage["id"] == "pretrain"]
    notes = {chart["title"]: chart["note"] for chart in stage["charts"]}
    assert notes["Speed"] == "25\u00a0% of the most that the machine computes"
    (table,) = stage["tables"]
    assert (table["title"], table["head"]) == ("What it writes", ("step", "About the …"))
    assert table["rows"] == [("45", "One tavin is mery."), ("90", "One tavin is mery.")]
    levels = [
        level.label for record in read_run(run).stages if record.id == "pretrain" for level in loss_levels(record)
    ]
    assert levels == ["bigram", "floor"]
    assert "held-out loss" in page_of(run)


def test_a_line_of_some_held_out_windows_says_so_and_leaves_the_figure_of_all(tmp_path: Path):
    run = tmp_path / "run"
    metrics = {"validation_loss": 0.9, "validation_windows": 400, "evaluated_windows": 27}
    rows = [row | {"validation_loss": row["loss"]} for row in training_rows()]
    make_stage(run, "pretrain", metrics=metrics, rows=rows)
    (record,) = read_run(record_run(run, ["pretrain"])).stages
    assert [level.label for level in loss_levels(record)] == ["held-out"]
    assert next(iter(charts(record))).note.endswith("; the held-out line is of 27 of 400 windows")


def test_many_qualities_of_answers_are_drawn_in_several_charts(tmp_path: Path):
    run = tmp_path / "run"
    rows = [{"step": step, "kl": 1.0} | {f"true_{letter}": 0.5 for letter in "abcdefgh"} for step in (1, 2)]
    make_stage(run, "ppo", rows=rows)
    (stage,) = plain_view(record_run(run, ["ppo"]))["stages"]
    notes = [chart["note"] for chart in stage["charts"] if chart["title"] == "What is true of the answers"]
    assert [note.count("50") for note in notes] == [4, 4]


def test_what_was_said_while_it_trained_is_shown_made_or_not(tmp_path: Path):
    rows = [
        row | ({"warning": "KL runs away: raise kl_coefficient"} if row["step"] == 7 else {}) for row in policy_rows()
    ]
    make_stage(tmp_path / "run", "ppo", rows=rows)
    begin_stage(tmp_path / "run", "again", rows)
    run = record_run(tmp_path / "run", ["ppo", "again"])
    for stage in plain_view(run)["stages"]:
        (table,) = stage["tables"]
        assert table["rows"] == [("7", "KL runs away: raise kl_coefficient")], stage["id"]
    assert page_of(run).count("KL runs away: raise kl_coefficient") == 2


def test_it_is_written_without_torch(tmp_path: Path):
    run = whole_run(tmp_path / "run")
    script = f"import sys\nfrom pathlib import Path\nfrom pipeline.report.writing import write_report\nwrite_report(Path({str(run)!r}))\nassert not {{'torch', 'transformers', 'matplotlib.pyplot'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


# Runs that are not whole


def test_two_stages_make_a_page_without_an_empty_part(tmp_path: Path):
    run = tmp_path / "run"
    make_stage(run, "corpus")
    make_stage(run, "tokenizer", checks=[])
    page = page_of(record_run(run, ["corpus", "tokenizer"]))
    assert '<svg class="chart"' not in page and "samples" not in page
    assert not re.search(r"<(dl|ul|tbody|div)[^>]*>\s*</\1>", page)


def test_a_kind_of_somebody_else_is_shown_by_what_it_left(tmp_path: Path):
    run = tmp_path / "run"
    metrics = {"mean_reward": 0.5, "by_task": {"add": {"right": 3}}, "curve": [{"x": 1}], "notes": [1, 2]}
    make_stage(run, "polish", kind="their_kind", metrics=metrics, rows=[{"step": s, "loss": 1 / s} for s in (1, 2, 3)])
    make_stage(run, "plain", kind="other_kind", rows=[{"anything": "else"}], checks=[])
    view = plain_view(record_run(run, ["polish", "plain"], {"polish": "their_kind"}))
    polish, plain = view["stages"]
    assert [chart["title"] for chart in polish["charts"]] == ["Training loss"] and not plain["charts"]
    assert polish["metrics"] == [("mean_reward", "0.5"), ("by_task · add · right", "3"), ("notes", "1, 2")]
    page_of(run)


def test_a_smoke_run_is_never_at_fault(tmp_path: Path):
    run = record_run(tmp_path / "run", ["sft"])
    make_stage(run, "sft", checks=[check("loss fell", -1.0, "fail")])
    assert verdict_of(run).mark == "fail"
    write_json(run / "run.json", json.loads((run / "run.json").read_text()) | {"smoke": True})
    found = verdict_of(run)
    assert found.mark == "warn" and "1 warning in sft" in found.sentence and "--smoke" in found.advice


def test_an_unfinished_stage_shows_how_far_it_came(tmp_path: Path):
    run = tmp_path / "run"
    make_stage(run, "pretrain")
    begin_stage(run, "sft", training_rows()[:7])
    with open(run / "sft/metrics.jsonl", "a") as file:
        file.write('{"step": 8, "lo')
    record_run(run, ["pretrain", "sft", "ppo"])
    found = verdict_of(run)
    assert found.mark == "unfinished" and "sft was begun (step 7)" in found.sentence
    page = page_of(run)
    assert "stage-sft" in page and "stage-ppo" not in page and "not reached" in page


def test_samples_without_an_evaluation_are_those_that_stages_share(tmp_path: Path):
    run = tmp_path / "run"
    sft, ppo = make_stage(run, "sft"), make_stage(run, "ppo")
    write_rows(sft / "samples.jsonl", [{"prompt": ask(q), "answer": "one", "ended": True} for q in "ab"])
    sides = {side: {"text": side, "ended": True, "score": 1.0} for side in ("before", "after")}
    write_rows(ppo / "samples.jsonl", [{"prompt": ask("b"), **sides}])
    first, second = plain_view(record_run(run, ["sft", "ppo"]))["samples"]
    assert first["prompt"] == "b" and [a["model"] for a in first["answers"]] == ["sft", "before ppo", "ppo"]
    assert second["prompt"] == "a"


def test_where_a_stage_was_reused_from_is_said(tmp_path: Path):
    run = tmp_path / "run"
    make_stage(run, "corpus", reused_from="runs/other/corpus")
    assert "reused from runs/other/corpus" in page_of(record_run(run, ["corpus"]))


# What happened


def test_a_clean_run_is_finished_and_says_so(tmp_path: Path):
    run = tmp_path / "run"
    make_stage(run, "corpus")
    make_stage(run, "sft")
    found = verdict_of(record_run(run, ["corpus", "sft"]))
    assert (found.mark, found.sentence) == ("pass", "Finished: 2 stages in 25.0 s; every one of 2 checks passed.")


def test_the_first_failed_check_is_at_fault_and_says_what_to_try(tmp_path: Path):
    run = tmp_path / "run"
    make_stage(run, "sft", checks=[check("odd", 1.0, "warn"), check("answers_that end", 0.1, "fail", "lower `x`")])
    make_stage(run, "reward", checks=[check("accuracy", 0.5, "fail", "more pairs")])
    found = verdict_of(record_run(run, ["sft", "reward", "ppo"]))
    assert found.sentence == "Stopped before ppo: sft is at fault: answers that end is 0.1, expected at least −0.5."
    assert (found.mark, found.advice) == ("fail", "lower `x`.")
    assert "lower <code>x</code>" in page_of(run)


def test_failed_checks_that_were_accepted_do_not_hide(tmp_path: Path):
    run = tmp_path / "run"
    make_stage(run, "sft", checks=[check("ended", 0.1, "fail")])
    assert verdict_of(record_run(run, ["sft"])).sentence.startswith("Finished, but sft is at fault")


def test_a_run_that_stands_in_its_folder_now_is_running(tmp_path: Path):
    run = tmp_path / "run"
    make_stage(run, "corpus")
    record_run(run, ["corpus", "sft"])
    with locked(run):
        assert verdict_of(run).sentence == "Running: sft is being made, 1 of 2 stages are done."
    assert verdict_of(run).sentence == "Not finished: 1 of 2 stages are made; sft is to come."


# At the end of a run


def walk(run: Path, *, fault: BaseException | None = None, begins: bool = True, is_main: bool = True) -> list[str]:
    said: list[str] = []
    with reported(run, is_main, said.append):
        if begins:
            record_run(run, ["corpus", "sft"])
            if not (run / "corpus").exists():
                make_stage(run, "corpus")
        if fault is not None:
            raise fault
    return said


def test_a_run_ends_with_its_report_and_an_all_skipped_one_leaves_it(tmp_path: Path):
    run = tmp_path / "run"
    assert walk(run) == [f"report: {run / 'report.html'}"]
    written = (run / "report.html").stat().st_mtime_ns
    assert walk(run) == [] and (run / "report.html").stat().st_mtime_ns == written
    make_stage(run, "sft")
    assert not is_current(run) and walk(run) and is_current(run)


def test_a_fault_is_raised_and_the_page_says_where_and_why(tmp_path: Path):
    run = tmp_path / "run"
    with pytest.raises(StageError, match="the loss is nan"):
        walk(run, fault=StageError("step 3: the loss is nan; lower train.learning_rate"))
    found = verdict_of(run)
    assert found.sentence == "Stopped in sft: step 3: the loss is nan; lower train.learning_rate."
    assert "the loss is nan" in (run / "report.html").read_text()
    walk(run)
    assert not (run / STOPPED).exists() and verdict_of(run).mark == "unfinished"


def test_a_walk_that_was_killed_does_not_show_the_fault_of_the_one_before(tmp_path: Path):
    run = tmp_path / "run"
    with pytest.raises(StageError):
        walk(run, fault=StageError("old"))
    record_run(run, ["corpus", "sft"])
    os.utime(run / "run.json", ns=((run / STOPPED).stat().st_mtime_ns + 1,) * 2)
    assert read_run(run).stopped == ""


def test_a_walk_that_never_began_changes_nothing(tmp_path: Path):
    run = tmp_path / "run"
    walk(run)
    before = {path: path.stat().st_mtime_ns for path in run.iterdir()}
    with pytest.raises(RunError):
        walk(run, fault=RunError("another run is in this folder"), begins=False)
    assert {path: path.stat().st_mtime_ns for path in run.iterdir()} == before


def test_a_keyboard_interrupt_is_noted_and_answered_at_once(tmp_path: Path):
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        walk(run, fault=KeyboardInterrupt())
    assert json.loads((run / STOPPED).read_text()) == {"because": "KeyboardInterrupt"}
    assert not (run / "report.html").exists()


def test_a_report_that_cannot_be_written_is_one_line_and_the_run_stands(tmp_path: Path):
    run = tmp_path / "run"
    (run / "corpus").mkdir(parents=True)
    (run / "corpus/manifest.json").write_text('{"kind": "corp')
    (line,) = walk(run)
    assert line.startswith("no report: ") and "damaged" in line
    (run / "corpus/manifest.json").unlink()
    (run / "report.html").mkdir()
    (line,) = walk(run)
    assert line.startswith("no report: ")


def test_other_ranks_write_nothing(tmp_path: Path):
    run = tmp_path / "run"
    assert walk(run, is_main=False) == [] and not (run / "report.html").exists()


def test_a_folder_without_a_run_is_an_error_that_says_so(tmp_path: Path):
    with pytest.raises(RunError, match="there is no run here"):
        write_report(tmp_path)


# Numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [(20439, "20,439"), (0.461095, "0.4611"), (-0.0251, "−0.0251"), (8.63e-6, "8.6e−6"), (1.0, "1"), (0.0, "0"),
     (0.94, "0.94"), (12345.6, "12,346"), (-3, "−3"), ("5 of 8", "5 of 8"), (True, "True"), (2e12, "2,000,000,000,000")],
)  # fmt: skip
def test_numbers_are_written_alike(value, text):
    assert number(value) == text


def test_an_error_says_how_many_digits_are_shown():
    assert with_error(0.84333, 0.01484) == "0.843 ± 0.015"
    assert with_error(-2.694, 0.2) == "−2.69 ± 0.20"
    assert with_error(250.4, 31.0) == "250 ± 31"
    assert with_error(0.5, None) == with_error(0.5, 0.0) == "0.5"


def test_a_minus_is_a_minus_and_a_hyphen_a_hyphen():
    assert real_minus("at least -0.5, valley-tasks, p-2") == "at least −0.5, valley-tasks, p-2"
    assert percent(0.9970) == "99.7\u00a0%" and percent(1.0) == "100\u00a0%"
