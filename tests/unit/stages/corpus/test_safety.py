"""What identifies a person gets its mark, what merely looks like it stays; what is blocked is dropped."""

from __future__ import annotations

import pickle
import time
from functools import partial
from random import Random

import pytest

from pipeline.core.errors import DataError
from pipeline.stages.corpus.blocklist import Blocklist
from pipeline.stages.corpus.iban import LENGTHS, is_iban
from pipeline.stages.corpus.phones import without_phones
from pipeline.stages.corpus.pii import without_ips, without_pii
from pipeline.stages.corpus.safety import blocked_entries, make_safe
from tests.unit.stages.corpus.documents import Made, documents, file_of, report, text_of

ALL = ("email", "ip", "phone", "iban")

FOUND = {
    "write to ann.o'neil+x@mail.example.co.uk.": "write to <EMAIL>.",
    "<a@b.org>, mailto:j_d@x.museum; Jörg@müller.de": "<<EMAIL>>, mailto:<EMAIL>; <EMAIL>",
    "a@b.com@c.com and a@x.de:": "<EMAIL>@c.com and <EMAIL>:",
    "from 81.92.103.14, or http://81.92.103.14/x and 81.92.103.14:8080.": "from <IP>, or http://<IP>/x and <IP>:8080.",
    "seen at [2001:4860:4801:53::2a]:443 today": "seen at [<IP>]:443 today",
    "IBAN DE89 3704 0044 0532 0130 00 AND SO ON": "IBAN <IBAN> AND SO ON",
    "GB82WEST12345698765432, FR14 2004 1010 0505 0001 3M02 606.": "<IBAN>, <IBAN>.",
    "DE89 3704 0044 0532 0130 00 GB82 WEST 1234 5698 7654 32": "<IBAN> <IBAN>",
}
PHONES = [
    "+1 202-555-0143", "+1 (202) 555-0143", "+12025550143", "1-202-555-0143", "(202) 555-0143", "(202)555-0143",
    "202-555-0143", "202.555.0143", "202 555 0143", "555-123-4567", "(555) 123-4567", "+44 20 7946 0958",
    "+44 (0)20 7946 0958", "020 7946 0958", "01632 960123", "(01632) 960 123", "07700 900123", "+442079460958",
    "+49 30 1234567", "+49 (30) 1234567", "+49-171-1234567", "030/1234567", "0049 30 1234567", "+33 6 12 34 56 78",
    "06 12 34 56 78", "06.12.34.56.78", "+39 06 6982 1234", "+81 3-1234-5678", "+86 138 0013 8000", "+91 98765 43210",
    "+55 11 91234-5678", "+61 2 9374 4000", "+7 495 123-45-67", "+971 4 123 4567", "202-555-0143 ext. 12", "+420 601 123 456",
    "(+44) 20 7946 0958", "202/555-0143", "0171 1234567", "089-123456", "07700-900123", "044 123 45 67", "(02) 9374 4000", "0412 345 678",
    "8 (495) 123-45-67", "555-0143", "030 1234567",
]  # fmt: skip
CALLED = [
    "Tel.: 040 123456",
    "phone 8005550199",
    "call me at 5550143 x",
    "Contact: 98765 43210",
    "Fax: 0203 1234-567",
    "☎ 12 34 56 78",
]
STAYS = [
    "version 12.34.56.78 and Chrome/120.0.60.109, kernel 12.16.18.60, v10.20.30.40, 1.2.3.4", "12.34.56.789 12.34.56.78.9 1.12.123.1234",
    "hosts 10.11.12.13, 192.168.101.102, 127.0.0.1, 255.255.255.255, 224.100.100.100", "2001:db8::1 fe80::1 abc::def 12:30:45",
    "git@github.com:org/name and user@host.org:/srv/x.git", "https://me:secret@host.org/ logo@2x.png left-pad@1.3.0 @user a @ b",
    "@media (max-width: 12px) x@y matmul A@B.T", "DE88 3704 0044 0532 0130 00", "DE00 7791 5845 1234 5678 99", "DE00 8730 0082 1234 5678 99", "DE89370400440532013000X", "AB12 CD34 EF56",
    "2020-10-12 11:22:33.445566", "1999-2005, 1914–1918", "call 1998-2001 and phone 12.345678", "3.14159265358979", "ISBN 978-3-16-148410-0",
    "0-306-40615-2", "ISSN 0378-5955", "1,234,567,890", "123 456 789 012", "4111 1111 1111 1111 1111", "00 01 02 03 04 05 06 07 08 09 0a 0b",
    "+100 000 000 000", "x = +1234567", "5550143", "0930 1045 1200", "05-06-2019", "0123456789", "1555-0143", "123-45-6789", "$202 555 0143", "12:34:56:78:90:12", "0x2025550143",
    "202 555 0143 119", "17 202 555 0143", "01/02/2003 10:20", "2025550143", "call 192.168.1.100", "R-202-555-0143-7", "1234567890123",
]  # fmt: skip


@pytest.mark.parametrize("text", FOUND)
def test_what_identifies_gets_its_mark(text):
    assert without_pii(text, ALL) == FOUND[text]


@pytest.mark.parametrize("number", PHONES)
def test_telephone_numbers_are_found_by_their_form(number):
    for before, after in (
        ("Ring ", ", or write."),
        ("", ""),
        ("(", ")"),
        ("at:\n", "\n5 days"),
        ("It is ", ". 5 of us"),
    ):
        assert without_phones(before + number + after) == f"{before}<PHONE>{after}"


@pytest.mark.parametrize("text", CALLED)
def test_and_by_being_called_so(text):
    assert without_phones(text).count("<PHONE>") == 1
    assert not any(sign.isdigit() for sign in without_phones(text))


@pytest.mark.parametrize("text", STAYS)
def test_what_merely_looks_like_it_stays(text):
    assert without_pii(text, ALL) == text
    assert without_pii(f"on 3 of them: {text}, as we know.", ALL) == f"on 3 of them: {text}, as we know."


def test_addresses_drawn_at_random_are_found():
    draws = Random(3)
    public = [
        f"{draws.randrange(11, 100)}.{'.'.join(str(draws.randrange(256)) for _ in range(3))}" for _ in range(3_000)
    ]
    missed = [address for address in public if without_ips(f"from {address}:") == f"from {address}:"]
    assert len(missed) < 0.01 * len(public)


def test_check_digits_make_an_iban():
    assert is_iban("NL91ABNA0417164300") and not is_iban("NL92ABNA0417164300") and not is_iban("NL91ABNA041716430")
    draws = Random(5)
    for country, length in LENGTHS.items():
        rest = "".join(draws.choice("0123456789") for _ in range(length - 4))
        check = 98 - int("".join(str(int(c, 36)) for c in f"{rest}{country}00")) % 97
        iban = f"{country}{check:02}{rest}"
        grouped = " ".join(iban[at : at + 4] for at in range(0, length, 4))
        assert without_pii(f"to {iban}, to {grouped} now", ["iban"]) == "to <IBAN>, to <IBAN> now"


def test_a_kind_that_is_not_asked_for_stays_and_a_second_time_changes_nothing():
    text = "a@b.org 81.92.103.14 +49 30 1234567 DE89370400440532013000"
    marks = {"email": "<EMAIL>", "ip": "<IP>", "phone": "<PHONE>", "iban": "<IBAN>"}
    for kind, mark in marks.items():
        assert [other for other in marks.values() if other in without_pii(text, [kind])] == [mark]
    assert without_pii(text, ALL) == "<EMAIL> <IP> <PHONE> <IBAN>" == without_pii(without_pii(text, ALL), ALL)


@pytest.mark.parametrize("text", ["1 " * 100_000, "1" * 200_000, "a@" * 50_000, "." * 200_000, "+1" * 100_000, "1.2.3.4." * 30_000,
                                  "tel " * 50_000, "DE89 " * 50_000, "2001:" * 40_000, "a" * 200_000 + "@x.org", "(0)" * 70_000])  # fmt: skip
def test_time_grows_with_the_text_alone(text):
    begun = time.process_time()
    without_pii(text, ALL)
    assert time.process_time() - begun < 5  # quadratic ones take minutes


BLOCKLIST = ["Grubbo", "vile  smelk", "c++", "悪い"]


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("A GRUBBO!", "Grubbo"), ("grubbos and agrubbo", None), ("so vile\nsmelk.", "vile  smelk"), ("vile, smelk", "vile  smelk"),
        ("vile old smelk", None), ("smelk vile", None), ("in C++, yes", "c++"), ("a c or c+", None), ("とても悪い人", "悪い"),
    ],
)  # fmt: skip
def test_whole_words_and_phrases_are_blocked(text, entry):
    assert Blocklist(BLOCKLIST).find(text) == entry


def test_the_step_drops_marks_and_accounts(tmp_path):
    account = report(tmp_path)
    step = pickle.loads(pickle.dumps(partial(make_safe, blocked=("grubbo",), pii=["email"])))
    kept = list(step(documents("a Grubbo", "write to a@b.org", "nothing"), report=account))
    assert [document.text for document in kept] == ["write to <EMAIL>", "nothing"]
    assert account.dropped == {"blocked": {"./a": 1}} and account.changed == {"./a": 1}
    assert account.as_json()["examples"]["blocked"][0]["entry"] == "grubbo"


def test_a_recipe_names_words_and_a_file_of_them(tmp_path):
    (tmp_path / "blocklist.txt").write_text("grubbo\n\nvile smelk\n")
    rows = [
        {"text": f"{text_of(seed)} {end}"}
        for seed, end in enumerate(["grubbo", "frink", "+49 30 1234567", "vile Smelk"])
    ]
    settings = {"blocklist": ["frink"], "blocklist_from": "./blocklist.txt", "pii": ["phone"]}
    made = Made(tmp_path, rows, validation=0, safety=settings)
    assert [row["text"].split()[-1] for row in made.rows()] == ["<PHONE>"]
    assert [row["entry"] for row in made.dropped("blocked")] == ["grubbo", "frink", "vile smelk"]
    assert "safety" not in Made(tmp_path, rows, validation=0).funnel()
    (tmp_path / "blocklist.txt").write_text("\n \n.")
    (tmp_path / "spaces.jsonl").write_text('{"text": " "}')
    with pytest.raises(DataError, match="no word in it to be blocked"):
        blocked_entries([], file_of(tmp_path / "spaces.jsonl"))
