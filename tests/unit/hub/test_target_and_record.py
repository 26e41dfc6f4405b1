"""Names on the Hub, as a recipe gives them; and what a record says of its maker: nothing."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from pipeline.hub.record import public, record
from pipeline.hub.target import HubTarget
from pipeline.stages.publish.config import Config


@pytest.mark.parametrize("name", ["tiny", "org/name/more", "/name", "org/", "org/a..b", "org/a b", "org/x.git", "-o/x"])
def test_a_malformed_repository_is_refused_with_the_form_to_write(name):
    with pytest.raises(ValidationError, match="is no repository on the Hub; write org/name"):
        Config.model_validate({"hub": name})


@pytest.mark.parametrize("tag", ["", "a b", "a..b", "-a", "v1.", "a~1", "x.lock", "0" * 40])
def test_a_malformed_tag_is_refused(tag):
    with pytest.raises(ValidationError, match="is no tag"):
        HubTarget(repo="org/name", tag=tag)


def test_a_string_is_the_repository_alone():
    assert Config.model_validate({"hub": "org/name"}).hub == HubTarget(repo="org/name")
    whole = {"repo": "org/name", "private": True, "tag": "v1.0-rc_1"}
    assert Config.model_validate({"hub": whole}).hub == HubTarget(**whole)


def test_paths_of_a_machine_are_cut_to_their_last_part():
    settings = {"data": {"path": "/home/alice/chat.jsonl"}, "text": ["~/text", "./beside.jsonl", "hf://org/name"]}
    assert public(settings) == {"data": {"path": "…/chat.jsonl"}, "text": ["…/text", "./beside.jsonl", "hf://org/name"]}


def test_a_record_names_inputs_by_fingerprint_and_no_folder():
    manifest = {
        "id": "sft", "kind": "sft", "fingerprint": "f", "settings": {"data": {"path": "/home/alice/chat.jsonl"}},
        "inputs": {"model": {"address": "/home/alice/base", "fingerprint": "g", "path": "/home/alice/base"}},
        "started": 1795487114.6, "metrics": {"loss": 1.0},
    }  # fmt: skip
    content = record([manifest], {"model.safetensors": "s"})
    (stage,) = json.loads(content)["stages"]
    assert stage["inputs"] == {"model": {"address": "…/base", "fingerprint": "g"}}
    assert b"alice" not in content and "started" not in stage
    assert json.loads(content)["files"] == {"model.safetensors": "s"}
