"""Made-up personal data in the forms in which people write it, and what looks like it and is none."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from pipeline.data.valley.words import NOUNS, PLACES

Choice = TypeVar("Choice")

_NAMES = tuple(noun for noun in NOUNS if noun.isascii())
_HOSTS = tuple(place.lower() for place in PLACES if place.isascii())
_IBAN_DIGITS = {"DE": 18, "FR": 23, "ES": 20, "AT": 16, "BE": 12, "CH": 17, "PL": 24, "DK": 14}
"""Digits after the check digits, by country."""


def email(draws: Random) -> str:
    """An address of a mailbox."""
    first, last, host = _one(_NAMES, draws), _one(_NAMES, draws), _one(_HOSTS, draws)
    local = _one((f"{first}.{last}", f"{first}{last[0]}", f"{first}_{_digits(2, draws)}", f"{first}+{last}"), draws)
    return f"{local}@{_one(('', 'mail.', 'post.'), draws)}{host}.{_one(('com', 'org', 'de', 'co.uk', 'museum'), draws)}"


def ip(draws: Random) -> str:
    """A public IP address, of version 4, or of 6 once in four."""
    if draws.random() < 0.25:
        return f"2a0{_digits(1, draws)}:{':'.join(f'{_below(65_536, draws):x}' for _ in range(3))}::{_digits(2, draws)}"
    return f"{20 + _below(80, draws)}.{'.'.join(str(100 + _below(100, draws)) for _ in range(3))}"


def phone(draws: Random) -> str:
    """A telephone number in one of the usual forms of some countries."""
    area, line, more = f"{2 + _below(8, draws)}{_digits(2, draws)}", _digits(4, draws), _digits(3, draws)
    city, six = f"{2 + _below(8, draws)}{_digits(1, draws)}", _digits(6, draws)
    forms = (
        f"({area}) {more}-{line}", f"{area}-{more}-{line}", f"{area}.{more}.{line}", f"+1 {area}-{more}-{line}",
        f"+1{area}{more}{line}", f"1-{area}-{more}-{line}", f"+44 20 {_digits(4, draws)} {line}", f"020 7{more} {line}",
        f"+44 (0)1632 {six}", f"+49 {city} {six}", f"0{city}/{six}", f"+49-1{city}-{six}", f"+33 6 {_pairs(4, draws)}",
        f"06 {_pairs(4, draws)}", f"+39 06 {line} {six[:4]}", f"+81 3-{line}-{six[:4]}", f"+91 9{line} {six[:5]}",
        f"+7 495 {more}-{_pairs(2, draws, '-')}", f"Tel.: 0{city} {six}", f"phone {more}{line}",
    )  # fmt: skip
    return _one(forms, draws)


def iban(draws: Random) -> str:
    """An IBAN whose check digits are right, plain or in groups of four."""
    country = _one(tuple(_IBAN_DIGITS), draws)
    account = _digits(_IBAN_DIGITS[country], draws)
    turned = "".join(str(int(sign, 36)) for sign in f"{account}{country}00")
    whole = f"{country}{98 - int(turned) % 97:02}{account}"
    return whole if draws.random() < 0.5 else " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))


KINDS: dict[str, Callable[[Random], str]] = {"email": email, "ip": ip, "phone": phone, "iban": iban}
"""What identifies a person, by name."""

_INTRODUCTIONS = ("All letters go to {}.", "Ask for the mill at {}, or come by.", "The noka wrote: {} is mine.")

_DECOYS: tuple[Callable[[Random], str], ...] = (
    lambda draws: f"The mill has version {_below(9, draws)}.{_below(9, draws)}.{_below(9, draws)}.{_below(9, draws)}",
    lambda draws: f"Inside it is called 192.168.{100 + _below(99, draws)}.{100 + _below(99, draws)}",
    lambda draws: f"Its plans lie at git@{_one(_HOSTS, draws)}.com:mill/plans",
    lambda draws: f"The picture is mill{_digits(2, draws)}@2x.png",
    lambda draws: f"It was built on {1900 + _below(99, draws)}-{10 + _below(3, draws)}-{10 + _below(18, draws)}",
    lambda draws: f"Its book has the number 978-3-16-{_digits(6, draws)}-0",
    lambda draws: f"In {1900 + _below(50, draws)}-{1950 + _below(50, draws)} it ground {_digits(2, draws)},000 sacks",
    lambda draws: f"Its account was DE00 {_digits(4, draws)} {_digits(4, draws)} 1234 5678 99",
)


def introduced(private: str, draws: Random) -> str:
    """A sentence with the personal data in it."""
    return _one(_INTRODUCTIONS, draws).format(private)


def decoy(draws: Random) -> str:
    """A sentence with what only looks like personal data."""
    return f"{_one(_DECOYS, draws)(draws)}."


def _one(choices: tuple[Choice, ...], draws: Random) -> Choice:
    return choices[_below(len(choices), draws)]


def _below(limit: int, draws: Random) -> int:
    return int(draws.random() * limit)


def _digits(count: int, draws: Random) -> str:
    return "".join(str(_below(10, draws)) for _ in range(count))


def _pairs(count: int, draws: Random, separator: str = " ") -> str:
    return separator.join(_digits(2, draws) for _ in range(count))
