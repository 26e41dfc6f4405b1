from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.chat import subject
from pipeline.chat.subject import find_subject
from pipeline.core.errors import RunError
from pipeline.stages import stage_table

OUTPUTS = {kind: stage.output for kind, stage in stage_table().items()}
MADE = ("corpus", "pretrain", "sft", "reward", "ppo")


def model_files(folder: Path, architecture: str = "DecoderForCausalLM") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    (folder / "tokenizer_config.json").write_text("{}")
    return folder


@pytest.fixture
def run(tmp_path):
    """A run whose folders are shells: evaluate is not finished, publish not begun."""
    folder = tmp_path / "tiny"
    for kind in MADE:
        model_files(folder / kind)
        (folder / kind / "manifest.json").write_text(json.dumps({"kind": kind}))
    (folder / "evaluate").mkdir()
    (folder / "run.json").write_text(json.dumps({"order": [*MADE, "evaluate", "publish"]}))
    return folder


def test_a_run_speaks_by_its_last_model(run):
    found = find_subject(str(run), OUTPUTS)
    assert (found.name, found.path, found.run, found.completes) == ("ppo", run / "ppo", run, False)


def test_a_stage_is_named_by_option_or_by_folder(run):
    by_option = find_subject(str(run), OUTPUTS, stage="sft")
    assert by_option == find_subject(str(run / "sft"), OUTPUTS) == find_subject("sft", OUTPUTS, run=run)
    assert by_option.name == "sft"


def test_what_was_pretrained_completes(run):
    assert find_subject(str(run / "pretrain"), OUTPUTS).completes


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("corpus", "stage 'corpus' made a Corpus; chat needs a Model: pretrain, sft, ppo"),
        ("reward", "stage 'reward' made a RewardModel; chat needs a Model: pretrain, sft, ppo"),
        ("sftt", "there is no stage 'sftt'; did you mean 'sft'?"),
        ("evaluate", "not finished; `gristmill run` goes on with it; there are pretrain, sft, ppo"),
    ],
)
def test_a_stage_that_is_no_model_is_answered_with_those_that_are(run, stage, message):
    with pytest.raises(RunError) as caught:
        find_subject(str(run), OUTPUTS, stage=stage)
    assert message in str(caught.value)
    if (run / stage).exists():
        with pytest.raises(RunError) as caught:
            find_subject(str(run / stage), OUTPUTS)
        assert message in str(caught.value)


def test_a_run_without_a_model_says_so(run):
    (run / "run.json").write_text(json.dumps({"order": ["corpus"]}))
    with pytest.raises(RunError, match="no stage has made a Model yet"):
        find_subject(str(run), OUTPUTS)


def test_any_folder_of_save_pretrained_will_do(tmp_path):
    folder = model_files(tmp_path / "somebodys", "LlamaForCausalLM")
    assert find_subject(str(folder), OUTPUTS) == subject.Subject("somebodys", folder)


def test_folders_that_cannot_speak_are_told_apart(tmp_path, run):
    model_files(tmp_path / "scorer", "LlamaForSequenceClassification")
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("nowhere", "no such run or folder"),
        ("empty", "holds no config.json"),
        ("scorer", "LlamaForSequenceClassification, which scores and does not speak"),
    ):
        with pytest.raises(RunError, match=message):
            find_subject(str(tmp_path / name), OUTPUTS)
    with pytest.raises(RunError, match=r"--stage sft: .* is no run"):
        find_subject(str(run / "sft"), OUTPUTS, stage="sft")


def test_the_hubs_code_is_trusted_at_a_commit_only(tmp_path, monkeypatch):
    folder = model_files(tmp_path / "snapshot")
    monkeypatch.setattr(subject, "hub_commit", lambda repository, kind, revision, lock: revision or "c" * 40)
    monkeypatch.setattr(subject, "hub_folder", lambda repository, commit: folder)
    for address in ("hf://org/name", "hf://org/name@main", "hf://org/name@" + "a" * 39):
        assert not find_subject(address, OUTPUTS).remote_code
        with pytest.raises(RunError, match=r"pin it: hf://org/name@ and the 40 digits of a commit"):
            find_subject(address, OUTPUTS, trust_remote_code=True)
    pinned = "hf://org/name@" + "a" * 40
    assert find_subject(pinned, OUTPUTS, trust_remote_code=True) == subject.Subject(pinned, folder, remote_code=True)


def test_a_wrong_name_is_answered_without_torch(tmp_path):
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom pipeline.cli import app\n"
        f"answer = CliRunner().invoke(app, ['chat', {str(tmp_path / 'nowhere')!r}])\n"
        "assert answer.exit_code == 3, answer.output\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
