"""Find telephone numbers: those that their form gives away, and any run of digits that the text calls a telephone.

By their form: `+49 30 123456` (a country code that there is, 8 to 15 digits: ITU-T E.164), `(202) 555-0143`,
`202-555-0143`, `202.555.0143`, `202 555 0143`, `555-0143`, `020 7946 0958`, `0171 1234567`, `030/1234567`,
`06 12 34 56 78`. Other numbers count after a word such as `Tel.:`, `phone`, `call` or `fax`. Digits that go on before
or after are a table's, a hexadecimal dump's or a date's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SPACE = " \u00a0"
_SEPARATOR = rf"(?:[{_SPACE}.\-–/]|[{_SPACE}\-]?\(|\)[{_SPACE}\-/]?)?"
"""At most one sign between digits: with `. ` a new sentence begins."""
_DIGITS = rf"(?:{_SEPARATOR}\d)"
_END = r"(?![\w%°$€£])(?![.,:\-/]\d)"
_START = r"(?<![\w+$€£])(?<!\d[.,:\-/])"
_ALONE_BEFORE = rf"(?<!\d[{_SPACE}\t.,\-])"
_ALONE_AFTER = rf"(?![{_SPACE}\t]?[.,\-]?\d)(?![{_SPACE}][0-9a-f]{{2}}\b)"

COUNTRY_CODE = (
    r"(?:1|7|2(?:[07]|1[1-3689]|[2-6]\d|9[017-9])|3(?:[0-469]|[578]\d)|4(?:[013-9]|2\d)|5(?:[1-8]|[09]\d)"
    r"|6(?:[0-6]|[7-9]\d)|8(?:[1246]|0[08]|5[02356]|7[08]|8[0-368])|9(?:[0-58]|[679]\d))"
)
"""The country codes that are assigned (ITU-T E.164)."""
_EXTENSION = rf"(?:[{_SPACE},]{{0,2}}(?:ext\.?|x)[{_SPACE}]?\d{{1,5}})?"

_INTERNATIONAL = (
    rf"(?<![\w+])(?:\((?=\+\d{{1,3}}\))\+|\+[{_SPACE}]?|{_ALONE_BEFORE}00[{_SPACE}]?(?=[1-9]\d{{0,2}}[{_SPACE}\-/.(]))"
    rf"\(?(?P<country>{COUNTRY_CODE})(?P<national>{_DIGITS}{{6,14}})"
)
_NORTH_AMERICAN = (
    rf"{_START}(?:\+?1[{_SPACE}.\-])?(?:\([1-9]\d\d\)[{_SPACE}\-]?\d{{3}}[{_SPACE}.\-]\d{{4}}"
    r"|[2-9]\d\d[-/]\d{3}-\d{4}|123-456-7890|[2-9]\d\d\.\d{3}\.\d{4}"
    rf"|{_ALONE_BEFORE}[2-9]\d\d[{_SPACE}]\d{{3}}[{_SPACE}\-]\d{{4}}{_ALONE_AFTER})"
)
_WITH_TRUNK_PREFIX = (
    rf"{_START}{_ALONE_BEFORE}(?=\(?0[1-9](?:[{_SPACE}()\-]{{0,2}}\d){{7,9}}(?!\d))"
    rf"(?:\(0\d{{1,4}}\)|0\d{{1,4}})[{_SPACE}\-](?:\d{{6,8}}|\d{{2,4}}(?:[{_SPACE}\-]\d{{2,4}}){{1,3}}){_ALONE_AFTER}"
)
"""0, then eight to ten digits in groups, as in Britain, Germany, Switzerland, Australia."""
_RUSSIAN = rf"{_START}8[{_SPACE}\-]?\(\d{{3}}\)[{_SPACE}\-]?\d{{3}}-\d\d-\d\d"
_FICTIONAL = rf"{_START}{_ALONE_BEFORE}555-\d{{4}}"
"""The exchange that no one has, and that is in every made-up text."""
_GERMAN = rf"{_START}(?:0[1-9]\d{{1,4}}[{_SPACE}]?/[{_SPACE}]?|\(0[1-9]\d{{1,4}}\)[{_SPACE}]?/?[{_SPACE}]?)\d{{4,8}}"
_FRENCH = rf"{_START}{_ALONE_BEFORE}0[1-9](?P<pair>[{_SPACE}.\-])\d\d(?:(?P=pair)\d\d){{3}}{_ALONE_AFTER}"
_BY_FORM = re.compile(
    rf"(?:{_INTERNATIONAL}|{_NORTH_AMERICAN}|{_FICTIONAL}|{_RUSSIAN}|{_GERMAN}|{_FRENCH}|{_WITH_TRUNK_PREFIX})"
    rf"{_EXTENSION}{_END}",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"(?P<word>(?<!\w)(?:tel(?:ephone|efono|éfono|efon|éphone)?|phone|call(?:[ ](?:me|us|him|her|them))?|mobile|cell|"
    r"fax|whatsapp|sms|dial|hotline|handy|mobil|ruf|numéro|contact|my[ ]number)"
    r"(?!\w)(?:[ ](?:number|no|nr|is|at|on)\b\.?){0,2}"
    rf"[.:#]{{0,2}}[{_SPACE}\t]{{0,2}}|[☎☏📞✆]\ufe0f?[{_SPACE}:]{{0,2}})"
    rf"(?P<number>[(+]?\d{_DIGITS}{{6,13}}){_EXTENSION}{_END}",
    re.IGNORECASE,
)
_NO_TELEPHONE = re.compile(r"(?:1[89]|20)\d\d[\-–/ ](?:1[89]|20)\d\d|\d{1,3}(?:\.\d{1,3}){3}|\d{4}-\d\d-\d\d|\d+\.\d+")
_DIGIT = re.compile(r"\d")
_MANY_DIGITS = re.compile(r"\d(?:[^\d\n]{0,3}\d){6,}")
_AROUND = 48
"""Characters around the digits: enough for the word that calls them a telephone, and for what forbids it."""


def without_phones(text: str) -> str:
    """Telephone numbers become `<PHONE>`."""
    parts, done = [], 0
    for start, end in _places(text):
        parts += [text[done:start], _CALLED.sub(_mark_called, _BY_FORM.sub(_mark, text[start:end]))]
        done = end
    return "".join([*parts, text[done:]])


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Where at least seven digits stand close together, with what stands around them in their line."""
    start, end = 0, -1
    for found in _MANY_DIGITS.finditer(text):
        line_start, line_end = text.rfind("\n", 0, found.start()) + 1, text.find("\n", found.end())
        first = max(line_start, found.start() - _AROUND)
        last = min(line_end if line_end >= 0 else len(text), found.end() + _AROUND)
        if end >= 0 and first <= end:
            end = last
            continue
        if end >= 0:
            yield start, end
        start, end = first, last
    if end >= 0:
        yield start, end


def _mark(found: re.Match[str]) -> str:
    country, national = found["country"], found["national"]
    return found[0] if country and not _may_be(country, national) else "<PHONE>"


def _may_be(country: str, national: str) -> bool:
    """Whether the digits after a country code are as many as there may be and begin as they may."""
    digits = "".join(_DIGIT.findall(national.replace("(0)", "", 1)))
    if country in ("1", "7"):
        return len(digits) == 10 and digits[0] > "1"
    return len(country) + len(digits) in range(8, 16) and (digits[0] != "0" or country == "39")


def _mark_called(found: re.Match[str]) -> str:
    return found[0] if _NO_TELEPHONE.fullmatch(found["number"]) else f"{found['word']}<PHONE>"
