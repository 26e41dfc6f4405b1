"""Faults of data. Each row says which reader gets which file, and the line that must come out.

Readers: documents (corpus), texts (tokenizer), conversations (sft, instruct), prompts (preferences, ppo, evaluate),
pairs (reward). Places are `file:line`; `DIR` in a file's name makes a folder with that file in it.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.contracts.bad_input.fault import Fault, fault

USER = {"role": "user", "content": "What is rye?"}
ANSWER = {"role": "assistant", "content": "A grain."}
OTHER = {"role": "assistant", "content": "A river."}
SYSTEM = {"role": "system", "content": "Be short."}


def lines(*rows: Any) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def documents(name: str, content: bytes, **options: Any) -> tuple[str, str, bytes, dict[str, Any]]:
    return "documents", name, content, options


def texts(content: Any) -> tuple[str, str, bytes, dict[str, Any]]:
    return "texts", "a.jsonl", lines(content), {}


def chat(*messages: Any) -> tuple[str, str, bytes, dict[str, Any]]:
    """A good row, then one of these messages."""
    return "conversations", "chat.jsonl", lines({"messages": [USER, ANSWER]}, {"messages": list(messages)}), {}


def row(reader: str, content: Any) -> tuple[str, str, bytes, dict[str, Any]]:
    return reader, f"{reader}.jsonl", lines(content), {}


GOOD = b'{"text": "rye"}\n'
PACKED = gzip.compress(GOOD * 1000)

FILES = [
    fault("no such file", documents("nowhere.jsonl", None), "nowhere.jsonl: no such file"),
    fault("a kind of file that is not read", documents("table.parquet", b"PAR1"), "table.parquet: cannot read this kind of file; give one that ends in .jsonl, .jsonl.gz, .txt, .html, .htm"),
    fault("CSV", documents("table.csv", b"text\nrye\n"), "table.csv: cannot read this kind of file; give one that ends in .jsonl, …"),
    fault("an empty file", documents("a.jsonl", b""), "a.jsonl: the file is empty; remove it or put rows in it"),
    fault("blank lines alone", documents("a.jsonl", b"\n  \n\n"), "a.jsonl: the file is empty; remove it or put rows in it"),
    fault("an empty gzip file", documents("a.jsonl.gz", gzip.compress(b"")), "a.jsonl.gz: the file is empty; remove it or put rows in it"),
    fault("a gzip file cut short", documents("a.jsonl.gz", PACKED[:-12]), "a.jsonl.gz: damaged gzip file (…); fetch it again"),
    fault("a gzip file with a changed byte", documents("a.jsonl.gz", PACKED[:30] + b"\xff" + PACKED[31:]), "a.jsonl.gz: damaged gzip file (…); fetch it again"),
    fault("gzip under another name", documents("a.jsonl", PACKED), "a.jsonl:1: not UTF-8 (byte 0x8b at 1); this is gzip: name the file .jsonl.gz"),
    fault("no gzip file", documents("a.jsonl.gz", GOOD), "a.jsonl.gz: damaged gzip file (Not a gzipped file (b'{\"')); fetch it again"),
    fault("a byte that is not UTF-8", documents("a.jsonl", GOOD + b'{"text": "caf\xe9"}\n'), "a.jsonl:2: not UTF-8 (byte 0xe9 at 13); convert the file"),
    fault("UTF-16", documents("a.jsonl", '{"text": "rye"}\n'.encode("utf-16")), "a.jsonl:1: not UTF-8 (byte 0xff at 0); convert the file"),
    fault("a null byte", documents("a.jsonl", GOOD + b'{"text": "r\x00e"}\n'), "a.jsonl:2: no JSON at column 12 (Invalid control character at); write one JSON object a line"),
    fault("a text file that is not UTF-8", documents("a.txt", b"caf\xe9"), "a.txt: not UTF-8 (byte 0xe9 at 3); convert the file"),
    fault("a page that names no known encoding", documents("a.html", b'<meta charset="nonsense"><p>x'), "a.html: names an unknown encoding, 'nonsense'; convert it to UTF-8"),
    fault("a page in another encoding than it names", documents("a.html", b'<meta charset="ascii"><p>caf\xe9'), "a.html: not ASCII (byte 0xe9 at 28); convert the file"),
    fault("a folder without files", documents("DIR/notes.md", b"x"), "DIR: no file here ends in .jsonl, .jsonl.gz, .txt, .html, .htm; put the data there"),
    fault("a folder whose files are hidden", documents("DIR/.a.jsonl", GOOD), "DIR: no file here ends in .jsonl, …; put the data there"),
    fault("an empty file among good ones", documents("DIR/b.jsonl", b"", beside=GOOD), "DIR/b.jsonl: the file is empty; remove it or put rows in it"),
    fault("a link to nothing", documents("DIR/b.jsonl", None, link="gone.jsonl", beside=GOOD), "DIR/b.jsonl: a link to nothing; mend it or remove it"),
    fault("a link to itself", documents("DIR/b.jsonl", None, link="b.jsonl", beside=GOOD), "DIR/b.jsonl: a link to nothing; mend it or remove it"),
    fault("a split that a folder lacks", documents("DIR/train.jsonl", GOOD, split="test"), "DIR: no file of the split 'test'; name one test.jsonl, or test-00000.jsonl"),
    fault("a split of a single file", documents("a.jsonl", GOOD, split="test"), "a.jsonl: a single file has no split 'test'; give a folder with test.jsonl in it"),
    fault("a column that the rows lack", documents("a.jsonl", GOOD, columns={"text": "body"}), "a.jsonl:1: no column 'body' (wanted as 'text'); the row has text"),
]  # fmt: skip

LINES = [
    fault("a JSON array over the whole file", documents("a.jsonl", b'[\n{"text": "rye"}\n]\n'), "a.jsonl:1: no JSON at column 2 (Expecting value); write one JSON object a line, without [ and ] around all of them"),
    fault("a JSON array in one line", documents("a.jsonl", b'[{"text": "rye"}]\n'), "a.jsonl:1: a list where a JSON object is wanted; write {\"text\": …} or the like"),
    fault("a last line that is cut short", documents("a.jsonl", GOOD + b'{"text": "ry'), "a.jsonl:2: no JSON at column 10 (Unterminated string starting at); write one JSON object a line"),
    fault("two objects in a line", documents("a.jsonl", GOOD + b'{"text": "a"} {"text": "b"}\n'), "a.jsonl:2: no JSON at column 15 (Extra data); write one JSON object a line"),
    fault("NaN", documents("a.jsonl", b'{"text": "a", "x": NaN}\n'), "a.jsonl:1: NaN is no JSON number; write null or a finite number"),
    fault("a number beyond all bounds", documents("a.jsonl", b'{"text": "a", "x": -1e999}\n'), "a.jsonl:1: -1e999 is no JSON number; write null or a finite number"),
    fault("a number of 5,000 digits", documents("a.jsonl", b'{"text": "a", "x": ' + b"9" * 5000 + b"}\n"), "a.jsonl:1: a number of more than 4,300 digits; correct the row"),
    fault("brackets without end", documents("a.jsonl", b'{"text": ' + b"[" * 200_000), "a.jsonl:1: brackets in brackets, too deep to be read; correct the row"),
    fault("no text", documents("a.jsonl", lines({"body": "a"})), "a.jsonl:1: no column 'text' or 'html'; the row has body. `columns: {text: …}` in the recipe names the one to read"),
    fault("an empty object", documents("a.jsonl", b"{}\n"), "a.jsonl:1: no column 'text' or 'html'; the row has none. …"),
    fault("text and page at once", documents("a.jsonl", lines({"text": "a", "html": "b"})), "a.jsonl:1: both 'text' and 'html'; `columns: {text: text}` in the recipe says which to read"),
    fault("a number for text", documents("a.jsonl", lines({"text": 5})), "a.jsonl:1: text: 5 where text is wanted"),
    fault("null for text", documents("a.jsonl", lines({"text": "a"}, {"text": None})), "a.jsonl:2: text: None where text is wanted"),
    fault("an empty text for the tokenizer", texts({"text": " "}), "a.jsonl:1: text: is empty; remove the row or fill it"),
    fault("a page for the tokenizer", texts({"html": "<p>"}), "a.jsonl:1: no column 'text', 'messages' or 'prompt'; the row has html. …web pages go through a corpus stage first"),
]  # fmt: skip

TURNS = [
    fault("messages that are text", row("conversations", {"messages": "hi"}), "conversations.jsonl:1: messages: 'hi' where a list of messages is wanted"),
    fault("an empty conversation", chat(), "chat.jsonl:2: messages: no message in it; remove the row or fill it"),
    fault("a message that is text", chat("hi"), "chat.jsonl:2: messages[0]: 'hi' where {role, content} is wanted"),
    fault("a message without content", chat({"role": "user"}), "chat.jsonl:2: messages[0]: no 'content'; the message has role"),
    fault("an unknown role", chat(USER, {"role": "bot", "content": "x"}), "chat.jsonl:2: messages[1].role: 'bot' is not one of system, user, assistant, tool"),
    fault("a role that is a number", chat({"role": 1, "content": "x"}), "chat.jsonl:2: messages[0].role: 1 is not one of system, user, assistant, tool"),
    fault("a role that is a list", chat({"role": ["user"], "content": "x"}), "chat.jsonl:2: messages[0].role: ['user'] is not one of system, user, assistant, tool"),
    fault("an empty turn", chat(USER, {"role": "assistant", "content": " \n"}), "chat.jsonl:2: messages[1].content: is empty; remove the row or fill it"),
    fault("content in parts", chat({"role": "user", "content": [{"type": "text", "text": "a"}]}), "chat.jsonl:2: messages[0].content: [{'type': 'text', 'text': 'a'}] where text is wanted"),
    fault("a number for content", chat({"role": "user", "content": 3}), "chat.jsonl:2: messages[0].content: 3 where text is wanted"),
    fault("half a surrogate pair", chat({"role": "user", "content": "a\ud800"}), "chat.jsonl:2: messages[0].content: half of a surrogate pair ('\\ud800'); correct the row"),
    fault("no answer", chat(USER), "chat.jsonl:2: messages: no assistant turn, so there is nothing to learn; remove the row"),
    fault("two answers in a row", chat(USER, ANSWER, OTHER), "chat.jsonl:2: messages[2].role: two assistant turns in a row; join them, or put the user's turn between them"),
    fault("an answer before any question", chat(ANSWER, USER, OTHER), "chat.jsonl:2: messages[0].role: the assistant speaks before any user; put the user's turn before it"),
    fault("an answer to the system", chat(SYSTEM, ANSWER), "chat.jsonl:2: messages[1].role: the assistant speaks before any user; put the user's turn before it"),
    fault("a system message in the middle", chat(USER, SYSTEM, ANSWER), "chat.jsonl:2: messages[1].role: 'system' after the first message; put it first, or join it to the user's turn"),
    fault("a prompt without completion", row("conversations", {"prompt": "a"}), "conversations.jsonl:1: no column 'completion'; the row has prompt; wanted: 'messages', or 'prompt' and 'completion'"),
    fault("documents where conversations are due", row("conversations", {"text": "a"}), "conversations.jsonl:1: no column 'prompt'; the row has text; wanted: 'messages', or 'prompt' and 'completion'"),
    fault("a prompt that is answered", row("prompts", {"prompt": [USER, ANSWER]}), "prompts.jsonl:1: prompt: ends with the assistant's turn, so it awaits no answer; leave that turn out"),
    fault("an empty prompt", row("prompts", {"prompt": ""}), "prompts.jsonl:1: prompt: is empty; remove the row or fill it"),
    fault("chosen and rejected alike", row("pairs", {"prompt": "q", "chosen": "a", "rejected": "a"}), "pairs.jsonl:1: chosen and rejected are the same text; remove the row or correct it"),
    fault("a pair without prompt", row("pairs", {"chosen": "a", "rejected": "b"}), "pairs.jsonl:1: no column 'prompt', and chosen and rejected do not share all messages but the last; add 'prompt'"),
    fault("a pair without rejected", row("pairs", {"prompt": "q", "chosen": "a"}), "pairs.jsonl:1: no column 'rejected'; the row has prompt, chosen; wanted: 'chosen' and 'rejected'"),
    fault("a pair whose answer is a question", row("pairs", {"prompt": "q", "chosen": [USER], "rejected": [ANSWER]}), "pairs.jsonl:1: chosen: must be one assistant message after the prompt"),
    fault("a pair whose prompt is answered", row("pairs", {"prompt": [USER, ANSWER], "chosen": "a", "rejected": "b"}), "pairs.jsonl:1: messages[2].role: two assistant turns in a row; …"),
]  # fmt: skip

TABLES: dict[str, list[Fault]] = {"files": FILES, "lines": LINES, "turns": TURNS}
