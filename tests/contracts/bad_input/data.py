"""Faults of data. Each row says which reader gets which file, and the line that must come out.

Readers: documents (corpus), texts (tokenizer), conversations (sft, instruct), prompts (preferences, ppo, evaluate),
pairs (reward). Places are `file:line`; `DIR` in a file's name makes a folder with that file in it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from typing import Any

import pyarrow
import pyarrow.parquet
import zstandard

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


def parquet(**columns: list[Any]) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def page(message: bytes) -> bytes:
    """A WARC file with one response."""
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\nContent-Type: application/http\r\nContent-Length: {len(message)}\r\n\r\n"
    return head.encode() + message + b"\r\n\r\n"


PAGE = page(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>rye and wheat")
GOOD = b'{"text": "rye"}\n'
PACKED = gzip.compress(GOOD * 1000)

FILES = [
    fault("no such file", documents("nowhere.jsonl", None), "nowhere.jsonl: no such file"),
    fault("a kind of file that is not read", documents("table.xlsx", b"PK"), "table.xlsx: cannot read this kind of file; give one that ends in .jsonl, .csv, .tsv, .parquet, .warc, .txt, .html, .htm, .md or a source file's, plain or with .gz, .zst, .bz2, .xz"),
    fault("an empty file", documents("a.jsonl", b""), "a.jsonl: the file is empty; remove it or put rows in it"),
    fault("blank lines alone", documents("a.jsonl", b"\n  \n\n"), "a.jsonl: the file is empty; remove it or put rows in it"),
    fault("an empty gzip file", documents("a.jsonl.gz", gzip.compress(b"")), "a.jsonl.gz: the file is empty; remove it or put rows in it"),
    fault("a gzip file cut short", documents("a.jsonl.gz", PACKED[:-12]), "a.jsonl.gz: damaged gzip file (…); fetch it again"),
    fault("a gzip file with a changed byte", documents("a.jsonl.gz", PACKED[:30] + b"\xff" + PACKED[31:]), "a.jsonl.gz: damaged gzip file (…); fetch it again"),
    fault("gzip under another name", documents("a.jsonl", PACKED), "a.jsonl:1: not UTF-8 (byte 0x8b at 1); this is gzip: name the file .jsonl.gz"),
    fault("a zstd file cut short", documents("a.jsonl.zst", zstandard.compress(GOOD * 1000)[:-5]), "a.jsonl.zst: damaged zstd file (Truncated compressed stream); fetch it again"),
    fault("no zstd file", documents("a.txt.zst", b"rye and more"), "a.txt.zst: damaged zstd file (…); fetch it again"),
    fault("a bzip2 file cut short", documents("a.jsonl.bz2", bz2.compress(GOOD * 1000)[:-5]), "a.jsonl.bz2: damaged bzip2 file (…); fetch it again"),
    fault("an xz file cut short", documents("a.csv.xz", lzma.compress(b"text\nrye\n" * 99)[:-5]), "a.csv.xz: damaged xz file (…); fetch it again"),
    fault("an empty zstd file", documents("a.jsonl.zst", b""), "a.jsonl.zst: the file is empty; remove it or put rows in it"),
    fault("no gzip file", documents("a.jsonl.gz", GOOD), "a.jsonl.gz: damaged gzip file (Not a gzipped file (b'{\"')); fetch it again"),
    fault("a byte that is not UTF-8", documents("a.jsonl", GOOD + b'{"text": "caf\xe9"}\n'), "a.jsonl:2: not UTF-8 (byte 0xe9 at 13); convert the file"),
    fault("UTF-16", documents("a.jsonl", '{"text": "rye"}\n'.encode("utf-16")), "a.jsonl:1: not UTF-8 (byte 0xff at 0); convert the file"),
    fault("a null byte", documents("a.jsonl", GOOD + b'{"text": "r\x00e"}\n'), "a.jsonl:2: no JSON at column 12 (Invalid control character at); write one JSON object a line"),
    fault("a text file that is not UTF-8", documents("a.txt", b"caf\xe9"), "a.txt: not UTF-8 (byte 0xe9 at 3); convert the file"),
    fault("a page that names no known encoding", documents("a.html", b'<meta charset="nonsense"><p>x'), "a.html: names an unknown encoding, 'nonsense'; convert it to UTF-8"),
    fault("a page in another encoding than it names", documents("a.html", b'<meta charset="ascii"><p>caf\xe9'), "a.html: not ASCII (byte 0xe9 at 28); convert the file"),
    fault("a folder without files", documents("DIR/notes.doc", b"x"), "DIR: no file here ends in .jsonl, …; put the data there"),
    fault("a folder whose files are hidden", documents("DIR/.a.jsonl", GOOD), "DIR: no file here ends in .jsonl, …; put the data there"),
    fault("an empty file among good ones", documents("DIR/b.jsonl", b"", beside=GOOD), "DIR/b.jsonl: the file is empty; remove it or put rows in it"),
    fault("a folder that links to itself", documents("DIR/loop", None, link=".", beside=GOOD), "DIR/loop: a link to a folder that it lies in; remove the link"),
    fault("a link to nothing", documents("DIR/b.jsonl", None, link="gone.jsonl", beside=GOOD), "DIR/b.jsonl: a link to nothing; mend it or remove it"),
    fault("a link to itself", documents("DIR/b.jsonl", None, link="b.jsonl", beside=GOOD), "DIR/b.jsonl: a link to nothing; mend it or remove it"),
    fault("a split that a folder lacks", documents("DIR/train.jsonl", GOOD, split="test"), "DIR: no file of the split 'test'; name one test.jsonl, or test-00000.jsonl"),
    fault("a split of a single file", documents("a.jsonl", GOOD, split="test"), "a.jsonl: a single file has no split 'test'; give a folder with test.jsonl in it"),
    fault("a column that the rows lack", documents("a.jsonl", GOOD, columns={"text": "body"}), "a.jsonl:1: no column 'body' (wanted as 'text'); the row has text"),
]  # fmt: skip

TABLES_OF_ROWS = [
    fault("CSV without the column", documents("a.csv", b"body,id\nrye,1\n"), "a.csv:2: no column 'text' or 'html'; the row has body, id. `columns: {text: …}` in the recipe names the one to read"),
    fault("CSV parted by another sign", documents("a.csv", b"text;id\nrye;1\n"), "a.csv:2: no column 'text' or 'html'; the row has text;id. …"),
    fault("a header alone", documents("a.csv", b"text,id\n"), "a.csv: the file is empty; remove it or put rows in it"),
    fault("a header with a name twice", documents("a.csv", b"text,text\na,b\n"), "a.csv:1: two columns are named 'text'; rename one"),
    fault("a row with too many cells", documents("a.csv", b'text,id\n"a\nb",1\nrye, wheat,2\n'), "a.csv:4: 3 cells in a row of 2 columns; correct the row or its quotes"),
    fault("a quote that does not end", documents("a.csv", b'text,id\nrye,1\n"wheat,2\n'), "a.csv:3: no CSV (unexpected end of data); correct the row"),
    fault("a quote that ends too early", documents("a.tsv", b'text\tid\n"rye"s\t1\n'), "a.tsv:2: no CSV ('\t' expected after '\"'); correct the row"),
    fault("CSV that is not UTF-8", documents("a.csv", b"text\nrye\ncaf\xe9\n"), "a.csv:3: not UTF-8 (byte 0xe9 at 3); convert the file"),
    fault("no Parquet file", documents("a.parquet", b"PAR1 and more"), "a.parquet: damaged Parquet file (…); fetch it again"),
    fault("a Parquet file cut short", documents("a.parquet", parquet(text=["rye"])[:-20]), "a.parquet: damaged Parquet file (…); fetch it again"),
    fault("an empty Parquet file", documents("a.parquet", parquet(text=[])), "a.parquet: the file is empty; remove it or put rows in it"),
    fault("Parquet of another shape", documents("a.parquet", parquet(body=["rye"])), "a.parquet:row 1: no column 'text' or 'html'; the row has body. …"),
    fault("numbers for text in Parquet", documents("a.parquet", parquet(text=[5])), "a.parquet:row 1: text: 5 where text is wanted"),
    fault("null for text in Parquet", documents("a.parquet", parquet(text=["rye", None])), "a.parquet:row 2: text: None where text is wanted"),
    fault("a packed Parquet file", documents("a.parquet.gz", PACKED), "a.parquet.gz: cannot read this kind of file; …"),
    fault("no WARC file", documents("a.warc", b"rye and wheat\r\n" * 20), "a.warc: damaged file (Invalid WARC header); fetch it again"),
    fault("a WARC file cut short", documents("a.warc", PAGE[:-9]), "a.warc:record 1: the record is cut short; fetch the file again"),
    fault("a packed WARC file cut short", documents("a.warc.gz", gzip.compress(PAGE)[:-9]), "a.warc.gz: damaged gzip file (…); fetch it again"),
    fault("a WARC file without pages", documents("a.warc", PAGE.replace(b"text/html", b"image/png")), "a.warc: the file is empty; remove it or put rows in it"),
    fault("code that is not UTF-8", documents("a.py", b"# caf\xe9\n"), "a.py: not UTF-8 (byte 0xe9 at 5); convert the file"),
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

TABLES: dict[str, list[Fault]] = {"files": FILES, "tables": TABLES_OF_ROWS, "lines": LINES, "turns": TURNS}
