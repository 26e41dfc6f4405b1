"""The whole stage: what it writes, what it counts, what it refuses."""

from __future__ import annotations

import html
import json

import pytest
from pydantic import ValidationError

from pipeline.core.errors import DataError, StageError
from pipeline.core.references import Resolved
from pipeline.data.surprisal import text_digest
from pipeline.stages.corpus.config import Config
from tests.unit.stages.corpus.documents import Made, text_of, words

ROWS = [{"text": text_of(seed), "id": f"d{seed:03}", "kind": "prose", "surprisal": 1.0 + seed} for seed in range(100)]


def page_of(text: str) -> str:
    return f"<html><body><nav>Home</nav><article><p>{html.escape(text)}</p></article><footer>Bye</footer></body></html>"


def profile_of(made: Made) -> dict:
    """What was counted of the documents, without the shards."""
    return json.loads((made.path / "profile.json").read_text()) | {"shards": None}


def test_every_document_is_in_a_split_or_among_the_dropped(tmp_path):
    near = " ".join(["Changed", *words(5)[1:]])
    faults = [
        {"text": ROWS[3]["text"] + "\n", "id": "exact"},
        {"text": near, "id": "near"},
        {"text": "tiny", "id": "short"},
        {"html": "<html></html>", "id": "empty"},
    ]
    made = Made(tmp_path, ROWS, faults)
    assert made.outcome.metrics["documents_read"] == 104
    assert made.outcome.metrics["documents"] == 100
    assert made.texts() == {row["text"] for row in ROWS}
    reasons = {"exact_duplicate": "exact", "near_duplicate": "near", "too_short": "short", "no_text": "empty"}
    for reason, identity in reasons.items():
        assert [row["id"] for row in made.dropped(reason)] == [identity]
    assert made.dropped("near_duplicate")[0]["of"] == "d005 (./source-0.jsonl)"
    funnel = made.funnel()
    assert list(funnel) == ["extract", "repair", "filters", "exact_duplicates", "near_duplicates"]
    assert funnel["filters"]["dropped"] == {"too_short": {"./source-1.jsonl": 1}}
    for step in funnel.values():
        assert step["in"] == step["out"] + sum(sum(counts.values()) for counts in step["dropped"].values())


def test_columns_travel_with_their_document(tmp_path):
    rows = {
        row["id"]: row for split in ("train", "validation") for row in Made(tmp_path, ROWS, validation=0.3).rows(split)
    }
    assert rows["d007"] == ROWS[7] | {"source": "./source-0.jsonl"}


def test_documents_and_their_order_do_not_depend_on_the_number_of_tasks(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.data.parts.LARGEST_PART", 4_000)
    monkeypatch.setattr("pipeline.data.parts.parts_of.__defaults__", (None, None, 4_000))
    faulty = [*ROWS, *({"text": " ".join(["new", *words(seed)[1:]]), "id": f"a{seed}"} for seed in range(0, 60, 3))]
    made = {}
    for tasks in (1, 3, 8):
        (tmp_path / str(tasks)).mkdir()
        made[tasks] = Made(tmp_path / str(tasks), faulty, ROWS[:5], tasks=tasks)
    assert len(list(made[8].path.glob("train-*.jsonl"))) > 5
    for tasks in (3, 8):
        for split in ("train", "validation"):
            assert made[tasks].rows(split) == made[1].rows(split)
        assert made[tasks].funnel() == made[1].funnel()
        assert profile_of(made[tasks]) == profile_of(made[1])
        assert made[tasks].dropped("near_duplicate") == made[1].dropped("near_duplicate")


def test_bad_rows_end_the_stage_or_are_counted(tmp_path):
    rows = [*ROWS[:50], {"text": None, "id": "none"}, {"text": 7, "id": "seven"}, *ROWS[50:]]
    with pytest.raises(DataError, match=r"source-0.jsonl:51: text: None"):
        Made(tmp_path, rows)
    made = Made(tmp_path, rows, on_bad_row="drop")
    assert made.texts() == {row["text"] for row in ROWS}
    assert made.funnel()["read"]["dropped"] == {"not_text": {"./source-0.jsonl": 2}}
    assert made.funnel()["read"]["in"] == 102 == made.outcome.metrics["documents_read"]


def test_weighted_sources_have_their_share_of_the_text(tmp_path):
    made = Made(tmp_path, ROWS[:80], [{"text": text_of(seed)} for seed in range(500, 520)], validation=0)
    sizes = {source: sum(len(row["text"]) for row in made.rows() if row["source"] == source)
             for source in ("./source-0.jsonl", "./source-1.jsonl")}  # fmt: skip

    made = Made(tmp_path, ROWS[:80], [{"text": text_of(seed)} for seed in range(500, 520)], validation=0,
                weights=[1, 1])  # fmt: skip
    mixed = {source: sum(len(row["text"]) for row in made.rows() if row["source"] == source) for source in sizes}
    assert mixed["./source-0.jsonl"] == pytest.approx(mixed["./source-1.jsonl"], rel=0.2)
    step = made.funnel()["mix"]
    assert step["in"] + sum(step["repeated"].values()) == step["out"] + sum(step["dropped"]["not_drawn"].values())
    assert sum(step["repeated"].values()) > 10 and made.checks()["duplicates left"].figure == 0
    card = (made.path / "card.html").read_text()
    assert f"{sum(step['repeated'].values())} of them taken again" in card


def test_surprisal_is_kept_only_where_the_bytes_are_as_generated(tmp_path):
    accented = text_of(200) + " séla"
    rows = [
        {"id": "plain", "text": text_of(201), "surprisal": 1.0},
        {"id": "changed", "text": accented.encode().decode("latin-1"), "surprisal": 1.0},
        {"id": "page", "html": page_of(text_of(202)), "surprisal": 1.0, "text_digest": text_digest(text_of(202))},
        {"id": "mended page", "html": page_of(accented.encode().decode("latin-1")), "surprisal": 1.0,
         "text_digest": text_digest(accented + "!")},
        {"id": "unknown page", "html": page_of(text_of(203)), "surprisal": 1.0},
    ]  # fmt: skip
    made = Made(tmp_path, rows, validation=0)
    kept = {row["id"]: row["surprisal"] for row in made.rows()}
    assert kept["plain"] == kept["page"] == 1.0
    assert kept["unknown page"] is None
    assert [value for name, value in kept.items() if name in ("changed", "mended page")] == [None]
    assert made.outcome.metrics["generated_documents"] == 2


def test_selection_among_generated_documents_is_stated_in_nats(tmp_path):
    rows = [*ROWS[:9], {"text": "tiny", "surprisal": 2.0}]
    assert Made(tmp_path, rows).outcome.metrics["selection_nats"] == pytest.approx(0.10536, abs=1e-5)


def test_load_dataset_opens_the_folder_even_where_columns_differ(tmp_path):
    from datasets import load_dataset

    others = [{"text": text_of(300), "score": 1}, {"text": text_of(301), "score": 0.5, "ok": True}]
    made = Made(tmp_path, ROWS, others, validation=0.3)
    opened = load_dataset(str(made.path), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in opened.items()} == {
        name: len(made.rows(name)) for name in ("train", "validation")
    }
    assert set(opened["train"].column_names) == {"text", "id", "source", "kind", "surprisal", "score", "ok"}


def test_a_second_attempt_leaves_nothing_of_the_first(tmp_path):
    Made(tmp_path, ROWS, [{"text": "tiny"}])
    again = Made(tmp_path, ROWS[:50], limit=20)
    assert len(again.texts()) == 20
    assert not (again.path / "dropped").exists()


def test_a_good_corpus_passes_its_checks_and_a_poor_one_is_told(tmp_path):
    assert {c.verdict for c in Made(tmp_path, ROWS, validation=0.2).checks().values()} == {"pass"}
    doubled = [row | {"id": row["id"] + "b"} for row in ROWS]
    poor = Made(
        tmp_path, ROWS, doubled, [{"text": "x"}] * 300, deduplicate={"exact": False, "near": None}, validation=1e-9
    )
    assert {name: c.verdict for name, c in poor.checks().items()} == {
        "share kept": "warn", "documents unaccounted for": "pass", "duplicates left": "fail", "validation documents": "fail",
    }  # fmt: skip
    assert poor.checks()["duplicates left"].figure == 0.5


def test_an_empty_corpus_names_the_step_that_emptied_it(tmp_path):
    with pytest.raises(StageError, match=r"step filters dropped all its documents \(2 too_short\)"):
        Made(tmp_path, [{"text": "a"}, {"text": "b"}])
    with pytest.raises(StageError, match=r"step extract dropped .* \(1 no_text\)"):
        Made(tmp_path, [{"html": "<html></html>"}])
    with pytest.raises(DataError, match="the file is empty"):
        Made(tmp_path, [])


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="max_characters 5 is below min_characters 20"):
        Config(sources=[{"data": "./a"}], filters={"max_characters": 5})
    for wrong in (
        {"sources": []},
        {"validation": 1},
        {"language": "en"},
        {"deduplicate": {"near": {"threshold": 0.2}}},
    ):
        with pytest.raises(ValidationError):
            Config(**({"sources": [{"data": "./a"}]} | wrong))


def test_the_valley_loses_its_planted_copies_and_nothing_else(tmp_path):
    sources = [
        Resolved(address=f"builtin:{name}", scheme="builtin", fingerprint="", name=name)
        for name in ("valley", "valley-web")
    ]
    made = Made(tmp_path, *sources, limit=600)
    pages = {"exact": 0, "near": 0}
    for reason, fault in (("exact_duplicate", "exact"), ("near_duplicate", "near")):
        dropped = made.dropped(reason)
        assert {row["source"] for row in dropped} == {"builtin:valley-web"}
        pages[fault] = sum(row["planted"] == fault for row in dropped)
    assert pages["exact"] == 40
    assert pages["near"] >= 34
    assert made.outcome.metrics["selection_nats"] == 0
    kept = [row for split in ("train", "validation") for row in made.rows(split)]
    assert all(row["surprisal"] is not None for row in kept if row.get("planted") in (None, "nothing"))


def test_the_end_of_one_long_document_is_held_out(tmp_path):
    text = " ".join(words(1, 4000))
    made = Made(tmp_path, [{"text": text, "id": "play", "kind": "drama", "surprisal": 5.0}], validation=0.1,
                validation_from="ends")  # fmt: skip
    (train,), (validation,) = made.rows("train"), made.rows("validation")
    assert train["text"] == text[: int(0.9 * len(text))]  # as nanoGPT divides its Shakespeare
    assert train["text"] + validation["text"] == text
    assert (train["id"], validation["id"], validation["kind"]) == ("play", "play:end", "drama")
    assert train["surprisal"] is None  # it is that of the whole
    assert made.outcome.metrics["validation_bytes"] == len(validation["text"])


def test_nothing_held_out_leaves_documents_whole(tmp_path):
    made = Made(tmp_path, ROWS, validation=0, validation_from="ends")
    assert made.texts() == {row["text"] for row in ROWS} and not made.rows("validation")
