"""Find what identifies a person, and put the same mark in its place each time: email and IP addresses, IBANs.

A mark is constant, so that the text does not depend on which documents a process saw before; datatrove's formatter
takes its marks in turn, and has no word boundaries, so that it finds addresses in `1.2.3.456`, in versions and in
`git@github.com:`. Telephone numbers are `phones`' matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address

from pipeline.stages.corpus.iban import without_ibans
from pipeline.stages.corpus.phones import without_phones

_LOCAL_CHARACTERS = re.compile(r"[A-Za-z0-9À-ɏ_.!#$%&'*+=?^`{|}~-]*\Z")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?P<top>[^\W\d_]{2,24}|xn--[a-z0-9-]{1,59})(?![\w-])(?!:[\w/~.])"
)
_FILE_ENDINGS = frozenset(["png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "css", "html", "py", "json", "xml"])
_LONGEST_LOCAL_PART = 64

_NUMBERS = re.compile(r"\d{1,3}(?:\.\d{1,3})+")
_GROUPS = re.compile(r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:.]{2,40}(?<![:.])")
_FEWEST_DIGITS = 7
"""Of an address; 2 in a thousand public ones have fewer, and most versions."""
_VERSION_BEFORE = re.compile(
    r"\b(?:v|vers?|versions?|releases?|builds?|firmware|drivers?|revisions?|rev|kernel|sections?|chapters?|figures?|tables?)"
    r"[\s.:=#(]*\Z|§\s*\Z",
    re.IGNORECASE,
)


def without_pii(text: str, kinds: Iterable[str]) -> str:
    """The text with a mark in place of each `email`, `ip`, `phone` and `iban`, of those `kinds` that are wanted."""
    for kind in KINDS:  # an IBAN before telephone numbers: it has as many digits
        if kind in kinds:
            text = KINDS[kind](text)
    return text


def without_emails(text: str) -> str:
    """Addresses become `<EMAIL>`; not `git@host:path`, nor `me:secret@host` in a URL, `picture@2x.png`, `name@1.2`."""
    if "@" not in text:
        return text
    parts = text.split("@")
    written = [parts[0]]
    for after in parts[1:]:
        before = written[-1]
        length, end = _local_part(before), _domain(after)
        if length and end:
            written[-1] = before[: len(before) - length] + "<EMAIL>"
            written.append(after[end:])
        else:
            written[-1] = f"{before}@"
            written.append(after)
    return "".join(written)


def _local_part(before: str) -> int:
    """How many characters before an `@` are the name of a mailbox."""
    near = before[-2 * _LONGEST_LOCAL_PART :]
    found = _LOCAL_CHARACTERS.search(near)
    start = found.start() if found else len(near)
    name = near[start:].lstrip(".!#$%&'*+=?^`{|}~-")
    stands_in_url = near[:start].endswith(("://", "://@")) or re.search(r"://[^\s/@]*:\Z", near[:start]) is not None
    if not name or len(name) > _LONGEST_LOCAL_PART or name[-1] == "." or name.lower() == "git" or stands_in_url:
        return 0
    return len(name)


def _domain(after: str) -> int:
    """How many characters after an `@` are a host's name, 0 if they are none."""
    found = _DOMAIN.match(after)
    return found.end() if found and found["top"].lower() not in _FILE_ENDINGS else 0


def without_ips(text: str) -> str:
    """Public addresses become `<IP>`. Private and reserved ones name no one; `1.2.3.4` is a version or a section."""
    return _GROUPS.sub(_mark_public, _NUMBERS.sub(_mark_public, text))


def _mark_public(found: re.Match[str]) -> str:
    if found[0].count(".") not in (0, 3) or not _stands_alone(found):
        return found[0]
    try:
        address = ip_address(found[0])
    except ValueError:
        return found[0]
    is_public = address.is_global and not address.is_multicast
    return found[0] if not is_public or (address.version == 4 and _is_version(found)) else "<IP>"


def _stands_alone(found: re.Match[str]) -> bool:
    """Whether it is no part of a word, a longer number, or a product's version (`Chrome/120.0.6099.109`)."""
    before, after = found.string[max(0, found.start() - 2) : found.start()], found.string[found.end() : found.end() + 2]
    inside = r"[\w.-]\Z|[A-Za-z]/\Z" + (r"|[0-9A-Fa-f:]:\Z" if ":" in found[0] else "")
    return not re.search(inside, before) and not re.match(r"[\w-]|\.\w", after)


def _is_version(found: re.Match[str]) -> bool:
    """Whether four numbers with dots count something: they are short, or a word before them says so."""
    return len(found[0]) - 3 < _FEWEST_DIGITS or bool(
        _VERSION_BEFORE.search(found.string, max(0, found.start() - 20), found.start())
    )


KINDS: dict[str, Callable[[str], str]] = {
    "iban": without_ibans,
    "email": without_emails,
    "ip": without_ips,
    "phone": without_phones,
}
"""What is looked for, in this order."""
