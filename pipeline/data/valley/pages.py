"""Documents of the valley as web pages, with faults planted that a corpus stage should find, and a note of each.

The page's article is the document; around it stand a menu, a side column and a footer. Planted are copies of earlier
pages, copies with a word put in, and text that was decoded wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from random import Random
from typing import NamedTuple

from pipeline.data.valley.documents import Document, sample_document
from pipeline.data.valley.words import ADJECTIVES, NOUN_OF_FORM, TOPICS
from pipeline.data.valley.world import shuffled

PLANTED = {"nothing": 460, "exact": 40, "near": 40, "mojibake": 60}
"""How many pages have which fault."""
FIRST_FAULT = 40
"""Pages before this one have none, so that there is something to copy."""


class Page(NamedTuple):
    """A page and what was planted in it."""

    html: str
    planted: str
    """`nothing`, `exact` (the article of an earlier page), `near` (one with a word put in), `mojibake`."""
    copy_of: int | None
    """The number of the page that was copied."""
    surprisal: float | None
    """-log probability of the article as it stands, in nats; None where the fault changed it."""
    text: str
    """The article as it stands."""


@dataclass(frozen=True)
class Site:
    """What is the same on every page of a site."""

    name: str
    menu: tuple[str, ...]
    side: str
    footer: str


SITES = (
    Site("The Valley Post", ("Home", "News", "Weather", "Letters"), "Most read this week", "All rights reserved."),
    Site("Notes from the Hills", ("Start", "Archive", "About me"), "Subscribe by email", "Written by hand since 1998."),
    Site("Dunmar Gazette", ("Front page", "Sports", "Jobs", "Contact"), "We use cookies", "Printed in Dunmar."),
)


def sample_pages(draws: Random) -> Iterator[Page]:
    """All pages, in order."""
    faults = ["nothing"] * FIRST_FAULT + list(_shuffled_faults(draws))
    sound: list[tuple[int, Document]] = []
    for number, planted in enumerate(faults):
        if planted in ("exact", "near"):
            original, document = sound[int(draws.random() * len(sound))]
        else:
            original, document = None, fresh_document(planted, draws)
        if planted == "nothing":
            sound.append((number, document))
        text, surprisal = planted_text(document, planted, draws)
        site = SITES[int(draws.random() * len(SITES))]
        yield Page(page_html(text, site, number), planted, original, surprisal, text)


def _shuffled_faults(draws: Random) -> tuple[str, ...]:
    faults = [name for name, count in PLANTED.items() for _ in range(count)][FIRST_FAULT:]
    return shuffled(tuple(faults), draws)


def fresh_document(planted: str, draws: Random) -> Document:
    """A new document; one with accents in it where they are to be damaged."""
    document = sample_document(draws)
    while planted == "mojibake" and document.text.isascii():
        document = sample_document(draws)
    return document


def planted_text(document: Document, planted: str, draws: Random) -> tuple[str, float | None]:
    """The article with the fault in it, and its surprisal if that is still known."""
    if planted == "near":
        return changed_a_little(document.text, draws), None
    if planted == "mojibake":
        return decoded_wrongly(document.text), None
    return document.text, document.surprisal


def changed_a_little(text: str, draws: Random) -> str:
    """`text` with an adjective put before one of its nouns, as an editor might."""
    words = text.split(" ")
    nouns = [index for index, word in enumerate(words) if word.rstrip(".") in NOUN_OF_FORM]
    noun = nouns[int(draws.random() * len(nouns))]
    adjective = ADJECTIVES[int(draws.random() * len(ADJECTIVES))]
    return " ".join([*words[:noun], adjective, *words[noun:]])


def decoded_wrongly(text: str) -> str:
    """UTF-8 read as Windows-1252: `fené` becomes `fenÃ©`."""
    return text.encode("utf-8").decode("cp1252")


def page_html(text: str, site: Site, number: int) -> str:
    """A page whose article has the text's first line as its heading and every other as a paragraph."""
    title, *paragraphs = text.split("\n")
    menu = "".join(f'<li><a href="/{index}">{item}</a></li>' for index, item in enumerate(site.menu))
    links = "".join(f'<li><a href="/topic/{topic}">More: {topic}</a></li>' for topic in TOPICS)
    article = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(title)} | {site.name}</title></head>
<body>
<header><nav><a href="/">{site.name}</a><ul>{menu}</ul></nav></header>
<main><article>
<h1>{escape(title)}</h1>
{article}
</article></main>
<aside><p>{site.side}</p><ul>{links}</ul></aside>
<footer><p>Page {number}. {site.footer}</p></footer>
</body>
</html>
"""
