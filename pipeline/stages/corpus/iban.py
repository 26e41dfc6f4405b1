"""Find IBANs: right length for their country and right check digits (ISO 13616, ISO 7064 MOD 97-10)."""

from __future__ import annotations

import re

LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
"""Characters of an IBAN by country (SWIFT's IBAN registry)."""

_START = re.compile(r"[A-Z]{2}\d{2}(?<![A-Za-z0-9].{4})(?=[ \u00a0-]?[A-Z0-9])")
_NEXT = r"(?:[ \u00a0-]?[A-Z0-9])"
_WHOLE = {country: re.compile(rf"\S{{4}}{_NEXT}{{{length - 4}}}(?![A-Za-z0-9])") for country, length in LENGTHS.items()}


def without_ibans(text: str) -> str:
    """IBANs, plain or in groups, become `<IBAN>`."""
    parts, done = [], 0
    for start in _START.finditer(text):
        whole = _WHOLE.get(start[0][:2])
        found = whole.match(text, start.start()) if whole and start.start() >= done else None
        if found and is_iban(re.sub(r"[ \u00a0-]", "", found[0])):
            parts += [text[done : found.start()], "<IBAN>"]
            done = found.end()
    return "".join([*parts, text[done:]])


def is_iban(characters: str) -> bool:
    """Whether country, length and check digits (02 to 98) agree."""
    if characters[2:4] in ("00", "01", "99"):  # what leaves the same remainder as 97, 98 and 02
        return False
    turned = characters[4:] + characters[:4]
    return LENGTHS.get(characters[:2]) == len(characters) and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1
