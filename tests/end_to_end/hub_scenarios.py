"""Pushes of a few bytes, each to a repository of its own, run by `test_hub` in one process that takes the double for
the Hub. What goes wrong with each was ordered before. Prints how each ended, as JSON.
"""

from __future__ import annotations

import json
import os

from pipeline.core.errors import PipelineError
from pipeline.hub.push import push
from pipeline.hub.record import RECORD, record
from pipeline.hub.retry import Patience
from pipeline.hub.target import HubTarget

PATIENCE = Patience(attempts=3, first_wait_s=0.02, longest_wait_s=0.05)


def content(name: str, *more: str) -> dict[str, bytes]:
    """A repository's content: a large file whose bytes are its own, text, and a record of what is pushed."""
    files = {"model.safetensors": b"\0" + name.encode(), "config.json": b"{}"} | {one: one.encode() for one in more}
    return files | {"README.md": b"---\ntags: []\n---\n# hi", RECORD: record([], dict.fromkeys(files, ""))}


def attempt(name: str, contents: dict[str, bytes], **target: object) -> dict[str, object]:
    """Push and say how it ended."""
    told: list[str] = []
    try:
        repo = name if "/" in name else f"alice/{name}"
        done = push(contents, HubTarget(repo=repo, **target), "model", name, told.append, PATIENCE)  # type: ignore[arg-type]
    except PipelineError as error:
        return {"error": str(error), "told": told}
    return {"commit": done.commit, "changed": done.changed, "told": told}


def main() -> None:
    ends = {}
    for name in ("busy", "lost", "cut", "dead", "raced", "tag-lost", "tag-dead"):
        ends[name] = attempt(name, content(name), tag="v1")
    ends["tag-dead, again"] = attempt("tag-dead", content("tag-dead"), tag="v1")
    ends["raced, again"] = attempt("raced", content("raced"), tag="v1")
    ends["taken"] = attempt("taken", content("taken"), tag="v1")
    ends["taken, changed"] = attempt("taken", content("taken", "new.json"), tag="v1")
    ends["secret"] = attempt("secret", content("secret"), private=True)
    ends["public"] = attempt("busy", content("busy"), private=True)
    ends["left over"] = attempt("left-over", content("left-over", "old.json"))
    ends["left over, again"] = attempt("left-over", content("left-over"))
    ends["organization"] = attempt("mill/tiny", content("mill"))
    ends["foreign"] = attempt("carol/tiny", content("foreign"))
    for token in ("hf_reader", "hf_bob", "hf_unknown"):
        os.environ["HF_TOKEN"] = token
        ends[token] = attempt("busy", content("other"))
    del os.environ["HF_TOKEN"]
    ends["no token"] = attempt("busy", content("other"))
    print(json.dumps(ends))


if __name__ == "__main__":
    main()
