"""The card as a web page, in the look of the report: one file, in light and in dark."""

from __future__ import annotations

from pipeline.figures.page import page
from pipeline.hub.markdown import legible
from pipeline.stages.corpus.card.parts import Card


def card_page(card: Card) -> str:
    """The whole page; what documents, sources and users say is escaped."""
    return page("pipeline.stages.corpus.card", "card.html.jinja", card=card, legible=legible)
