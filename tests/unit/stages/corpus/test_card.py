"""The card of a corpus: its counts, its licences, and that nothing a document says is more than text."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser
from random import Random
from types import SimpleNamespace

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import DatasetCard
from huggingface_hub.errors import LocalEntryNotFoundError

from pipeline.core.artifact import file_digest
from pipeline.core.fingerprint import identity_of
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs
from pipeline.data.funnel import KEPT, for_everyone, ledger, off_by
from pipeline.stages.corpus.checks import accounted_for
from pipeline.stages.corpus.config import STAGE, Config, Source
from pipeline.stages.corpus.licences import card_licence, licence_of
from pipeline.stages.corpus.profile import quantile, range_of, start_of
from tests.unit.report.folder import HOSTILE
from tests.unit.stages.corpus.documents import Made, text_of, words

ROWS = [{"text": text_of(seed)[: 100 + 7 * seed], "id": f"d{seed}"} for seed in range(60)]
FAULTS = [
    {"text": ROWS[3]["text"], "id": "copy"},
    {"text": " ".join(["Changed", *ROWS[20]["text"].split()[1:]]), "id": "near"},
    {"text": "tiny", "id": HOSTILE},
    {"text": f"{HOSTILE} {text_of(900)}", "id": "hostile"},
    {"text": f"{text_of(901)} write to ann@example.org", "id": "personal"},
    {"text": f"{text_of(902)} secretword", "id": "blocked"},
]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return Made(
        tmp_path_factory.mktemp("card"), ROWS, FAULTS, validation=0.2, language={},
        safety={"pii": ["email"], "blocklist": ["secretword"]},
        about=[{"license": "cc-by-4.0", "description": HOSTILE}, {}],
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(made: Made) -> str:
    return (made.path / "card.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def readme(made: Made) -> str:
    return (made.path / "README.md").read_text(encoding="utf-8")


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def number(cell: str) -> int:
    return int(cell.replace("−", "-").replace(",", ""))


def table_under(readme: str, title: str) -> list[list[str]]:
    part = readme.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_account_on_the_card_adds_up_for_every_source_and_is_what_was_written(made: Made, readme: str):
    rows = table_under(readme, "Where each document went")
    columns = list(zip(*([number(cell) for cell in row[1:]] for row in rows), strict=True))
    for *entries, kept in columns:
        assert sum(entries) == kept
    assert [row[0] for row in rows] == [
        "read", "too short (filters)", "blocked (safety)", "exact duplicate", "near duplicate", KEPT,
    ]  # fmt: skip
    assert columns[2][0] == 66 == made.outcome.metrics["documents_read"]
    assert columns[2][-1] == 62 == len(made.texts()) == sum(number(row[1]) for row in table_under(readme, "Splits"))


def test_a_document_that_is_lost_or_made_up_shows_in_the_account(made: Made):
    steps = list(made.funnel().values())
    assert off_by(steps) == 0 and accounted_for({"steps": steps}).verdict == "pass"
    for change in (-1, 1):
        wrong = copy.deepcopy(steps)
        wrong[-1]["out_by_source"]["./source-0.jsonl"] += change
        wrong[-1]["out_by_source"]["./source-1.jsonl"] -= change  # totals are right, sources are not
        assert off_by(wrong) == 2 and accounted_for({"steps": wrong}).verdict == "fail"


def test_documents_taken_again_are_in_the_account():
    steps = [
        {"step": "quality", "in_by_source": {"a": 11}, "dropped": {"gopher_quality-short_doc": {"a": 1}},
         "repeated": {}},
        {"step": "mix", "dropped": {"not_drawn": {"a": 3}}, "repeated": {"a": 2}, "out_by_source": {"a": 9}},
    ]  # fmt: skip
    assert [(entry.title, entry.total) for entry in ledger(steps)] == [
        ("read", 11), ("gopher quality: short doc (quality)", -1), ("not drawn (mix)", -3), ("taken again (mix)", 2), (KEPT, 9),
    ]  # fmt: skip


def test_what_is_counted_of_the_documents_is_true(made: Made, readme: str):
    profile = json.loads((made.path / "profile.json").read_text())
    rows = [*made.rows("train"), *made.rows("validation")]
    sizes = np.array([len(row["text"]) for row in rows])
    assert profile["characters"] == sizes.sum() and profile["length"]["mean"] == round(sizes.mean())
    for part in profile["lengths"]:
        assert part["documents"] == ((sizes >= part["from"] - 0.01) & (sizes < part["to"] - 0.01)).sum()
    assert profile["length"]["half are at most"] == pytest.approx(
        np.quantile(sizes, 0.5, method="inverted_cdf"), rel=0.09
    )
    for source in profile["sources"]:
        own = [row["text"] for row in rows if row["source"] == source["address"]]
        assert (source["documents"], source["bytes"]) == (len(own), sum(len(text.encode()) for text in own))
        assert len(source["examples"]) == min(3, len(own)) and all(
            shown["text"][:400] in "".join(own) for shown in source["examples"]
        )
    assert sum(profile["languages"].values()) == len(rows)
    assert sum(part["documents"] for part in profile["similarity"] if part["from"] >= 0.7 - 1e-9) == 1
    for name, _, _, sha256 in table_under(readme, "Files"):
        assert sha256 == file_digest(made.path / name) == profile["shards"][name]["sha256"]
    assert set(profile["shards"]) == {path.name for path in made.path.glob("*-*.jsonl")}


def test_a_length_is_known_to_nine_per_cent_and_falls_into_its_range():
    draws = Random(1)
    sizes = [round(draws.lognormvariate(6, 1.5)) + 1 for _ in range(500)]
    counts = {place: sum(range_of(size) == place for size in sizes) for place in map(range_of, sizes)}
    assert all(start_of(range_of(size)) <= size < start_of(range_of(size) + 1) for size in sizes)
    for share in (0.05, 0.5, 0.95):
        assert quantile(counts, share) == pytest.approx(
            np.quantile(sizes, share, method="inverted_cdf"), rel=0.1, abs=1
        )


def test_what_documents_and_sources_say_is_text_and_never_markup(page: str, readme: str):
    tags = Tags(page)
    assert not {tag for tag, _ in tags.found} & {"script", "img", "iframe", "object", "form"}
    assert not [name for _, attributes in tags.found for name in attributes if name.startswith("on")]
    outside = [value for _, attributes in tags.found for name, value in attributes.items()
               if name in ("src", "href", "xlink:href") and not (value or "").startswith(("#", "data:"))]  # fmt: skip
    assert not outside
    assert HOSTILE in tags.text and "{{ 7 * 7 }}" in page
    assert "<script" not in readme and "<img" not in readme


def test_the_page_allows_its_one_stylesheet_and_nothing_else(page: str):
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    assert policy.startswith("default-src &#39;none&#39;; style-src &#39;sha256-") and " style=" not in page


def test_what_is_taken_out_for_safety_is_not_on_the_card(made: Made, page: str, readme: str):
    for card in (page, readme):
        assert "<EMAIL>" in card or "&lt;EMAIL&gt;" in card
        assert "ann@example.org" not in card
        assert text_of(902)[:40] not in card  # the blocked document; its entry stands in the settings
    steps = list(made.funnel().values())
    assert "ann@example.org" in json.dumps(steps) and "ann@example.org" not in json.dumps(for_everyone(steps))


def test_the_head_of_the_readme_is_what_the_hub_reads(readme: str):
    data = DatasetCard(readme).data.to_dict()
    assert data["license"] == ["cc-by-4.0", "unknown"] and data["size_categories"] == ["n<1K"]
    assert data["task_categories"] == ["text-generation"] and "en" in data["language"]
    assert [entry["split"] for entry in data["configs"][0]["data_files"]] == ["train", "validation"]


def test_a_source_of_which_nothing_stays_gives_the_corpus_no_licence(tmp_path):
    rows, about = [{"text": text_of(seed)} for seed in range(9)], [{"license": "mit"}, {"license": "cc-by-nc-4.0"}]
    made = Made(tmp_path, rows, [{"text": "tiny"}], validation=0, about=about)
    assert DatasetCard.load(made.path / "README.md").data.license == "mit"
    assert table_under((made.path / "README.md").read_text(), "Sources")[1][1:4] == ["cc-by-nc-4.0", "1", "0"]


@pytest.mark.parametrize(
    ("licences", "head"),
    [
        (["not stated", "not stated"], {}),
        (["mit", "mit"], {"license": "mit"}),
        (["mit", "not stated"], {"license": ["mit", "unknown"]}),
        (["psf-2.0"], {"license": "other", "license_name": "psf-2.0"}),
        (["mit, cc-by-4.0", "psf-2.0"], {"license": ["mit", "cc-by-4.0", "other"], "license_name": "psf-2.0"}),
    ],
)
def test_the_head_names_only_licences_that_the_hub_knows(licences, head):
    assert card_licence(licences) == head


def source_at(address: str, **said) -> tuple[Source, Resolved]:
    scheme, name = ("builtin", address.split(":")[1]) if address.startswith("builtin") else ("hf", "datasets/org/name")
    found = Resolved(address=address, scheme=scheme, fingerprint="", name=name, revision="f" * 40)  # type: ignore[arg-type]
    return Source(data={"path": address}, **said), found


def test_a_builtin_knows_its_licence_and_the_recipe_has_the_last_word(tmp_path):
    assert licence_of(*source_at("builtin:valley")) == "apache-2.0"
    assert licence_of(*source_at("builtin:pydocs")) == "psf-2.0"
    assert licence_of(*source_at("builtin:valley", license="mit")) == "mit"
    assert licence_of(Source(data="./a"), Resolved("./a", "path", "", path=tmp_path)) == "not stated"


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: odc-by\n---\n# x\n", "odc-by"),
        ("---\nlicense: [mit, cc0-1.0]\n---\n", "mit, cc0-1.0"),
        ("# no head\n", "not stated"),
        ("---\nlicense: [\n---\n", "not stated"),
        (None, "not stated"),
    ],
)
def test_a_data_set_on_the_hub_has_the_licence_of_its_card_if_that_can_be_read(tmp_path, monkeypatch, card, licence):
    def download(name, file, repo_type, revision):
        assert (name, file, repo_type, revision) == ("org/name", "README.md", "dataset", "f" * 40)
        if card is None:
            raise LocalEntryNotFoundError("no network")
        (tmp_path / "README.md").write_text(card)
        return str(tmp_path / "README.md")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert licence_of(*source_at("hf://datasets/org/name")) == licence


def test_a_licence_is_recorded_and_no_part_of_the_identity():
    inputs = Inputs(sources=[Inputs(data=SimpleNamespace(fingerprint="f"))], safety=Inputs(blocklist_from=None))
    plain = Config(sources=[{"data": "./a"}])
    said = Config(sources=[{"data": "./a", "license": "mit", "description": "Letters"}])
    assert identity_of(STAGE, plain, inputs, 0) == identity_of(STAGE, said, inputs, 0)
    assert identity_of(STAGE, plain, inputs, 0) != identity_of(STAGE, plain.model_copy(update={"limit": 1}), inputs, 0)
    assert said.model_dump()["sources"][0]["license"] == "mit"


def test_a_benchmark_is_named_and_what_was_found_of_it_is_not_shown(tmp_path):
    (tmp_path / "test.jsonl").write_text(json.dumps({"question": text_of(3), "answer": "short"}) + "\n")
    rows = [{"text": text_of(seed), "id": f"d{seed}"} for seed in range(8)]
    card = (Made(tmp_path, rows, against=["test"]).path / "README.md").read_text()
    assert "1 document dropped for a run of 13 words" in card
    assert table_under(card, "Benchmarks")[0][1:] == ["2", "1"]
    assert text_of(3)[:40] not in card
    assert any(text_of(seed)[:40] in card for seed in range(8) if seed != 3)


def test_a_corpus_of_which_nothing_was_dropped_has_no_empty_part(tmp_path):
    made = Made(tmp_path, [{"text": " ".join(words(1, 300)), "id": "one"}], validation=0.1, validation_from="ends",
                deduplicate={"exact": False, "near": None})  # fmt: skip
    page = (made.path / "card.html").read_text()
    assert "1 read − 0 dropped = 1 in the corpus." in page and "near ones were not looked for" in page
    assert "dropped, " not in page and "copies dropped" not in page and "Languages" not in page
