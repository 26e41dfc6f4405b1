"""Take out characters that no reader sees: zero-width ones, marks of direction, hidden tags; where a script needs one
it stays.

| characters | stay |
|---|---|
| U+200D joiner | between the parts of an emoji; after letters of scripts that join (Arabic, Indic, Mongolian …) |
| U+200C non-joiner | after letters of scripts that join |
| U+200B zero-width space | beside Thai, Lao, Burmese or Khmer, which write no spaces between words |
| U+200E, U+200F, U+061C direction marks | in lines with right-to-left letters |
| U+E0020 to U+E007F tags | in the flags of England, Scotland and the like |
| U+202A to U+202E, U+2066 to U+2069 embeddings, overrides, isolates | nowhere: they turn only what is shown |
| U+2060 word joiner, U+FEFF, U+00AD soft hyphen | nowhere: they say where a line may break |
"""

from __future__ import annotations

import re

# Arabic, Syriac, N'Ko and their like; the scripts of India and Ceylon; Tibetan, Burmese, Khmer, Mongolian, Phags-pa.
_JOINING = "\u0600-\u061b\u061d-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ua840-\ua87f\ufb50-\ufdff\ufe70-\ufefc"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_RIGHT_TO_LEFT = re.compile(
    r"[\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_EMOJI = "\u2194-\u21aa\u231a-\u23ff\u25aa-\u27bf\u2b05-\u2b55\U0001f000-\U0001faff"

_INVISIBLE = re.compile(
    "(?:"
    # An emoji's joiner has a picture before it (with its colour, hair or style) and another after it.
    f"(?<![{_JOINING}{_EMOJI}\ufe0f])\u200d|(?<=[{_EMOJI}\ufe0f])\u200d(?![{_EMOJI}])"
    f"|(?<![{_JOINING}])\u200c"
    f"|(?<![{_UNSPACED}])\u200b(?![{_UNSPACED}])"
    "|[\u00ad\u2060\ufeff\u202a-\u202e\u2066-\u2069]"
    ")+"
)
_FLAG_OR_TAGS = re.compile("(\U0001f3f4[\U000e0030-\U000e007a]{3,6}\U000e007f)|[\U000e0000-\U000e007f]+")
_MARK = re.compile("[\u200e\u200f\u061c]+")
_ANY = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\U000e0000-\U000e007f]")


def without_invisible(text: str) -> str:
    """The text without invisible characters but where its script needs them."""
    if not _ANY.search(text):
        return text
    text = _INVISIBLE.sub("", _FLAG_OR_TAGS.sub(lambda found: found[1] or "", text))
    if _MARK.search(text):
        return "".join(
            line if _RIGHT_TO_LEFT.search(line) else _MARK.sub("", line) for line in text.splitlines(keepends=True)
        )
    return text
