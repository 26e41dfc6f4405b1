"""The dictionary of the valley, and how its words are inflected. How often each is said is the world's affair."""

from __future__ import annotations

TOPICS = ("sea", "hill", "wood", "town")
NOUNS = (
    *("dola", "dovin", "tavin", "tabo", "lorin", "loka", "merin", "mela", "mibo", "mika", "fené", "fela"),
    *("norin", "noka", "bela", "berin", "tika", "tibo", "pené", "pevin", "ruka", "runé", "sarin", "sabo"),
)
VERBS = (
    *("tanden", "dosken", "mellen", "runden", "besken", "londen"),
    *("nollen", "tisken", "monden", "pesken", "sallen", "rullen"),
)
PARTICLES = ("", "with", "", "after", "around", "", "with", "around", "", "after", "", "around")
"""What must follow each verb: the dovin `doskens with` somebody. A verb without one may also stand alone."""
ADJECTIVES = ("mery", "lory", "tary", "nory", "sary", "bery", "besh", "dosh", "fesh", "tish", "pesh", "tré")
PLACES = (
    *("Linmar", "Lindor", "Dunmar", "Dundor", "Tolmar", "Toldor", "Selmar", "Seldor"),
    *("Ranmar", "Randor", "Vénmar", "Véndor", "Balmar", "Baldor", "Östmar", "Östdor"),
)
OPENERS = ("The", "Many", "One", "In")
"""The words a sentence may begin with."""

SINGULAR, PLURAL = 0, 1


def noun_form(noun: int, number: int) -> str:
    """The noun of that index: `dovin`, `dovins`."""
    return NOUNS[noun] + ("s" if number == PLURAL else "")


def verb_form(verb: str, number: int) -> str:
    """The form of `verb` that agrees with its subject: one dovin `tandens`, many dovins `tanden`."""
    return verb + ("s" if number == SINGULAR else "")


NOUN_OF_FORM = {noun_form(noun, number): noun for noun in range(len(NOUNS)) for number in (SINGULAR, PLURAL)}
VERB_OF_FORM = {verb_form(verb, number): index for index, verb in enumerate(VERBS) for number in (SINGULAR, PLURAL)}
