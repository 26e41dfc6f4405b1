"""What goes into a repository: files, and texts written for it, each under its name. Only what is known as harmless."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.core.artifact import artifact_files
from pipeline.core.errors import StageError

Contents = Mapping[str, Path | bytes]

ENDINGS = (
    ".safetensors", ".gguf", ".json", ".jsonl", ".jsonl.gz", ".parquet", ".jinja", ".py", ".md", ".txt", ".yaml",
    ".png", ".svg", "card.html",
)  # fmt: skip
"""What may be pushed. Opening any of these runs nothing: a corpus's `card.html` has a policy that forbids scripts. A
pickle (.bin, .pt, .pkl, .ckpt) does run something."""
UNREAD = (".safetensors", ".gguf", ".parquet", ".png", ".jsonl.gz")
"""Not searched for secrets: numbers and packed bytes."""
BLOCK = 1 << 20


@dataclass(frozen=True)
class Digests:
    """What identifies a file: the Hub tells the first of large files, the second of small ones."""

    sha256: str
    git: str
    size: int


def folder_contents(folder: Path) -> dict[str, Path]:
    """The files of an artifact by their names."""
    return {file.relative_to(folder).as_posix(): file for file in artifact_files(folder)}


def digests_of(contents: Contents) -> dict[str, Digests]:
    """The digests of everything that is to be pushed."""
    return {name: _digests(content) for name, content in contents.items()}


def _digests(content: Path | bytes) -> Digests:
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for block in _blocks(content):
        sha256.update(block)
        git.update(block)
    return Digests(sha256.hexdigest(), git.hexdigest(), size)


def _blocks(content: Path | bytes) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with open(content, "rb") as file:
        while block := file.read(BLOCK):
            yield block


def demand_harmless(contents: Contents, token: str | None, home: Path) -> None:
    """Refuse what must not leave this machine.

    Raises:
        StageError: for files of unknown kinds (a pickle runs code when it is opened), hidden ones, and ones that hold
            the user's token, another's, or a path below the user's `home`.
    """
    unknown = [name for name in contents if not name.endswith(ENDINGS) or _hidden(name)]
    if unknown:
        raise StageError(
            f"{', '.join(unknown)}: not pushed: neither weights in safetensors nor data nor text; a pickle runs code "
            "when it is opened. Take them out of the folder, or save the model by save_pretrained"
        )
    for name, content in contents.items():
        if not name.endswith(UNREAD):
            _demand_no_secret(name, content, token, home)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def _demand_no_secret(name: str, content: Path | bytes, token: str | None, home: Path) -> None:
    secret = _secrets(token, rows=name.endswith(".jsonl"))
    # In an image that runs as root every text about Unix would be suspect, and nobody's name is in "/root".
    path = re.compile(re.escape(f"{home}/".encode())) if home.parent != Path("/") else None
    for text in _overlapping(content):
        if secret.search(text):
            raise StageError(f"{name}: not pushed: it holds an access token; take it out, and revoke the token")
        if path is not None and path.search(text):
            raise StageError(
                f"{name}: not pushed: it names {home}/…, a path of this machine; write paths relative to the recipe "
                "and make the artifact again"
            )


def _secrets(token: str | None, rows: bool) -> re.Pattern[bytes]:
    # A crawled page may show a token of nobody's; settings and cards may not.
    shapes = [re.escape(token.encode())] if token else []
    shapes += [] if rows else [rb"hf_[A-Za-z]{34}", rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"]
    return re.compile(b"|".join(shapes or [rb"(?!)"]))


def _overlapping(content: Path | bytes, overlap: int = 256) -> Iterator[bytes]:
    """Blocks that begin with the end of the one before, so that nothing is missed between two."""
    end = b""
    for block in _blocks(content):
        yield end + block
        end = block[-overlap:]
