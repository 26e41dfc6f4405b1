from collections import Counter
from html import unescape
from html.parser import HTMLParser

import pytest

from pipeline.data.valley import rows
from pipeline.data.valley.documents import surprisal
from pipeline.data.valley.pages import PLANTED


class Article(HTMLParser):
    """The headings and paragraphs of the article, a line each."""

    def __init__(self, html):
        super().__init__()
        self.lines, self.inside, self.open = [], False, False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.inside = self.inside or tag == "article"
        self.open = self.inside and tag in ("h1", "p")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "article"
        self.open = False

    def handle_data(self, data):
        if self.open:
            self.lines.append(unescape(data))


@pytest.fixture(scope="module")
def found():
    return {row["id"]: {**row, "text": "\n".join(Article(row["html"]).lines)} for row in rows.pages()}


def of_kind(found, planted):
    rows_of_kind = [row for row in found.values() if row["planted"] == planted]
    assert rows_of_kind
    return rows_of_kind


def test_as_much_is_planted_as_is_said(found):
    assert Counter(row["planted"] for row in found.values()) == PLANTED


def test_untouched_articles_have_the_surprisal_they_say(found):
    assert all(row["surprisal"] == surprisal(row["text"]) for row in of_kind(found, "nothing"))


def test_exact_copies_are_of_earlier_pages_and_have_other_surroundings(found):
    for row in of_kind(found, "exact"):
        original = found[row["copy_of"]]
        assert original["id"] < row["id"]
        assert row["text"] == original["text"]
        assert row["html"] != original["html"]
        assert row["surprisal"] == original["surprisal"]


def shingles(text, length=5):
    words = text.split()
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def test_near_copies_share_most_of_their_shingles(found):
    for row in of_kind(found, "near"):
        mine, theirs = shingles(row["text"]), shingles(found[row["copy_of"]]["text"])
        assert 0.75 < len(mine & theirs) / len(mine | theirs) < 1
        assert row["surprisal"] is None


def test_mojibake_can_be_undone(found):
    for row in of_kind(found, "mojibake"):
        assert surprisal(row["text"]) is None
        assert surprisal(row["text"].encode("cp1252").decode()) is not None
        assert row["surprisal"] is None


def test_no_other_page_repeats_one(found):
    texts = [row["text"] for row in found.values() if row["planted"] != "exact"]
    assert len(set(texts)) == len(texts)


def test_extraction_gives_back_the_generated_bytes(found):
    trafilatura = pytest.importorskip("trafilatura")
    for row in of_kind(found, "nothing")[::10]:
        assert trafilatura.extract(row["html"]) == row["text"]
