"""Documents of the valley with every fault that a corpus stage should find, each labelled; any number of them.

What is wrong with the article itself (`article`) is drawn apart from how it is presented (`presented`): a copy takes
the article with all its labels, and is presented anew. The first row of a label has nothing to do with how many rows
are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from pipeline.data.valley.documents import sample_document
from pipeline.data.valley.foreign import PARTS, foreign_lines
from pipeline.data.valley.pages import SITES, page_html
from pipeline.data.valley.private import KINDS, decoy, introduced
from pipeline.data.valley.words import ADJECTIVES, NOUN_OF_FORM, NOUNS, PLACES
from pipeline.data.valley.world import stream

ROWS = {"train": 2_000, "benchmark": 300}
SHORT_ITEMS = 20
"""Items of the benchmark that have too few words to be found."""
BLOCKLIST = ("grubbo", "vile smelk")
"""What stands in the documents that are labelled `blocked`."""
SHARES = {
    "private": 0.14, "blocked": 0.04, "leak": 0.06, "foreign": 0.06, "short": 0.02, "repeated": 0.02, "exact": 0.07,
    "near": 0.10,
}  # fmt: skip
"""How many rows have which fault in their article; the rest has none."""
PRESENTATIONS = {"mojibake": 0.1, "invisible": 0.06, "page": 0.35}
"""How many rows are presented so; a page may be decoded wrongly too."""
_FIRST_COPY = 20
"""Rows before this one are no copies, so that there is something to copy."""


@dataclass(frozen=True)
class Article:
    """What a document says, and what is wrong with that."""

    lines: tuple[str, ...]
    labels: frozenset[str] = frozenset()
    private: tuple[str, ...] = ()
    """The personal data in it, as written."""
    leak_of: str | None = None
    language: str = "en"
    """What a model takes the valley's own language for, or what it is."""
    copy_of: int | None = None

    @property
    def text(self) -> str:
        """The lines."""
        return "\n".join(self.lines)


def rows(split: str = "train", count: int | None = None) -> Iterator[dict[str, Any]]:
    """Documents, or the benchmark of which some hold a piece. More of them begin with the same ones."""
    number = ROWS[split] if count is None else count
    yield from (documents(number) if split == "train" else benchmark(number))


def documents(count: int) -> Iterator[dict[str, Any]]:
    """The documents: `text` or `html`, `faults` (labels), `clean` (the text without what `repair` mends), `private`."""
    draws, sound = stream("faults/train"), list[Article]()
    items = [row["question"] for row in benchmark(ROWS["benchmark"] - SHORT_ITEMS)]
    for number in range(count):
        made = article(number, sound, items, draws)
        sound.append(replace(made, copy_of=number))
        shown, how = presented(made, number, draws)
        yield {
            "id": document_id(number),
            **shown,
            "faults": " ".join(sorted(made.labels | how)),
            "copy_of": None if made.copy_of is None else document_id(made.copy_of),
            "leak_of": made.leak_of,
            "language": made.language,
            "clean": made.text,
            "private": "\n".join(made.private),
        }


def document_id(number: int) -> str:
    """The id of a document."""
    return f"valley-faults-{number:06}"


def benchmark(count: int) -> Iterator[dict[str, Any]]:
    """Questions of some forty words, no run of which the valley says elsewhere; the last ones are too short to find."""
    draws = stream("faults/benchmark")
    for number in range(count):
        long = number < ROWS["benchmark"] - SHORT_ITEMS or number >= ROWS["benchmark"]
        question = _question(draws) if long else f"How many {_noun(draws)}s live in {_place(draws)}?"
        yield {"id": f"valley-faults-item-{number:06}", "question": question, "answer": str(int(draws.random() * 100))}


def _question(draws: Random) -> str:
    numbers = [10 + int(draws.random() * 990) for _ in range(4)]
    nouns = [_noun(draws) for _ in range(6)]
    return (
        f"A {nouns[0]} of {_place(draws)} had {numbers[0]} {nouns[1]}s and {numbers[1]} {nouns[2]}s, gave {numbers[2]} "
        f"of the {nouns[3]}s to one {nouns[4]} in {_place(draws)}, and lost {numbers[3]} {nouns[5]}s on the way to "
        f"{_place(draws)}. How many {nouns[1]}s are left?"
    )


def article(number: int, sound: list[Article], items: list[str], draws: Random) -> Article:
    """A new article, or a copy of an earlier one."""
    fault = _drawn(SHARES, draws)
    if fault in ("exact", "near") and number >= _FIRST_COPY:
        return copied(sound[int(draws.random() * len(sound))], fault, draws)
    if fault == "short":
        return Article((f"See page {number}.",), frozenset({fault}))
    if fault == "foreign":
        language = tuple(PARTS)[int(draws.random() * len(PARTS))]
        return Article(foreign_lines(language, draws, 8), frozenset({fault}), language=language)
    made = Article(tuple(sample_document(draws).text.split("\n")))
    if fault == "repeated":
        return Article((f"Page {number} of the valley", *(made.lines[1][:60],) * 5), frozenset({fault}))
    if draws.random() < 0.2:
        made = replace(made, lines=(*made.lines, decoy(draws)))
    return FAULTS[fault](made, items, draws) if fault in FAULTS else made


def copied(original: Article, fault: str, draws: Random) -> Article:
    """The article with all its labels; for `near` with an adjective put in at one place in forty words or so."""
    lines = original.lines
    if fault == "near":
        if original.labels & {"short", "repeated", "foreign"}:
            return copied(original, "exact", draws)
        lines = (lines[0], *(_edited(line, draws) if _is_of_valley(line) else line for line in lines[1:]))
    return replace(original, lines=lines, labels=original.labels - {"exact", "near"} | {fault})


def _is_of_valley(line: str) -> bool:
    return any(word.rstrip(".") in NOUN_OF_FORM for word in line.split()) and not any(sign.isdigit() for sign in line)


def _edited(line: str, draws: Random) -> str:
    words = []
    for word in line.split(" "):
        if word.rstrip(".") in NOUN_OF_FORM and draws.random() < 0.12:
            words.append(ADJECTIVES[int(draws.random() * len(ADJECTIVES))])
        words.append(word)
    return " ".join(words)


def _with_private(made: Article, items: list[str], draws: Random) -> Article:
    kinds = [kind for kind in KINDS if draws.random() < 0.4] or [tuple(KINDS)[int(draws.random() * len(KINDS))]]
    private = tuple(KINDS[kind](draws) for kind in kinds)
    lines = (*made.lines, *(introduced(each, draws) for each in private))
    return replace(made, lines=lines, labels=frozenset(kinds), private=private)


def _with_blocked(made: Article, items: list[str], draws: Random) -> Article:
    said = BLOCKLIST[int(draws.random() * len(BLOCKLIST))]
    said = said.upper() if draws.random() < 0.3 else said
    return replace(made, lines=(*made.lines, f"That is a {said}, they say."), labels=frozenset({"blocked"}))


def _with_leak(made: Article, items: list[str], draws: Random) -> Article:
    place = int(draws.random() * len(items))
    words = items[place].split(" ")
    first = int(draws.random() * (len(words) - 16))
    piece = " ".join(words[first:] if draws.random() < 0.5 else words[first : first + 16])
    said = piece.upper() if draws.random() < 0.2 else piece
    item = f"valley-faults-item-{place:06}"
    return replace(made, lines=(*made.lines, said), labels=frozenset({"leak"}), leak_of=item)


FAULTS = {"private": _with_private, "blocked": _with_blocked, "leak": _with_leak}
"""What is added to an article, by the names of `SHARES`."""


def presented(made: Article, number: int, draws: Random) -> tuple[dict[str, str], set[str]]:
    """The column `text` or `html`, and what is wrong with how the article stands there."""
    text, how = made.text, set[str]()
    if "short" in made.labels or "repeated" in made.labels:
        return {"text": text}, how
    is_page = draws.random() < PRESENTATIONS["page"]
    if draws.random() < PRESENTATIONS["mojibake"] and not text.isascii() and made.language == "en":
        text, how = decoded_wrongly(text, is_page, draws), {"mojibake"}
    elif draws.random() < PRESENTATIONS["invisible"]:
        text, how = with_invisible(text, draws), {"invisible"}
    if is_page:
        return {"html": page_html(text, SITES[int(draws.random() * len(SITES))], number)}, how | {"page"}
    return {"text": text}, how


def decoded_wrongly(text: str, is_page: bool, draws: Random) -> str:
    """UTF-8 read as Windows-1252, as that twice, or as Latin-1: `fené` becomes `fenÃ©` or `fenÃƒÂ©`.

    No page is read as Latin-1: the name stands for Windows-1252 there, by the HTML standard.
    """
    drawn = draws.random()
    once = text.encode("utf-8").decode("latin-1" if drawn < 0.3 and not is_page else "cp1252")
    return once.encode("utf-8").decode("cp1252") if drawn > 0.8 else once


def with_invisible(text: str, draws: Random) -> str:
    """The text with some characters in it that nobody sees."""
    signs = "\u200b\u200d\u00ad\u202e\u2060"
    drawn = (signs[int(draws.random() * len(signs))] if draws.random() < 0.02 else "" for _ in text)
    return "".join(letter + sign if letter.isalpha() else letter for letter, sign in zip(text, drawn, strict=True))


def _drawn(shares: dict[str, float], draws: Random) -> str:
    left = draws.random()
    for name, share in shares.items():
        left -= share
        if left < 0:
            return name
    return "nothing"


def _noun(draws: Random) -> str:
    return NOUNS[int(draws.random() * len(NOUNS))]


def _place(draws: Random) -> str:
    return PLACES[int(draws.random() * len(PLACES))]
