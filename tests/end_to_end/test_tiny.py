"""The shipped recipe, whole: ten stages, each as good as it must be, then all of it skipped."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import chain


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Path:
    """The folder of a whole run of `recipes/tiny.yaml`."""
    return tiny_folder / "runs/tiny"


def figures(tiny: Path, stage: str) -> dict[str, Any]:
    return json.loads((tiny / stage / "manifest.json").read_text())["metrics"]


def test_every_stage_is_made_and_no_check_fails(tiny: Path):
    order = chain.order(tiny)
    assert len(order) == 10
    verdicts = {stage: json.loads((tiny / stage / "checks.json").read_text()) for stage in order}
    assert all(verdicts.values())
    assert not [(stage, check) for stage, checks in verdicts.items() for check in checks if check["verdict"] == "fail"]


def test_again_everything_is_skipped_in_seconds(tiny: Path):
    started = time.monotonic()
    output = chain.gristmill(tiny.parents[1], "run", "tiny.yaml")
    assert output.count("unchanged, skipped") == 10
    assert time.monotonic() - started < 20


def test_sealed_artifacts_verify(tiny: Path):
    subprocess.run([sys.executable, "-m", "pipeline", "verify", str(tiny)], check=True, cwd=chain.ROOT)


def test_pretraining_comes_within_two_hundredths_of_the_floor(tiny: Path):
    excess = figures(tiny, "pretrain")["excess_nats_per_char"]
    assert -0.002 <= excess <= 0.02


def test_the_published_model_generates_where_pipeline_is_not(tiny: Path, tmp_path: Path):
    script = (
        "import importlib.util as u; assert u.find_spec('pipeline') is None\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        f"d={str(tiny / 'publish')!r}\n"
        "t=AutoTokenizer.from_pretrained(d); m=AutoModelForCausalLM.from_pretrained(d, trust_remote_code=True)\n"
        "x=t.apply_chat_template([{'role':'user','content':'hello'}], add_generation_prompt=True, return_tensors='pt')\n"
        "print(t.decode(m.generate(**x, max_new_tokens=16)[0]))\n"
    )
    environment = {key: value for key, value in chain.ENVIRONMENT.items() if key != "PYTHONPATH"}
    finder = "import sys; sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]; "
    finder += f"sys.path = [p for p in sys.path if p not in ('', {str(chain.ROOT)!r})]\n"
    answer = subprocess.run(
        [sys.executable, "-c", finder + script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert "<|assistant|>" in answer.stdout


def test_dpo_beside_it_takes_over_everything_up_to_the_pairs(tiny: Path):
    folder = tiny.parents[1]
    chain.gristmill(folder, "init", "tiny-dpo")
    plan = json.loads(chain.gristmill(folder, "plan", "tiny-dpo.yaml", "--json"))
    does = {stage["id"]: stage["action"] for stage in plan}
    made = ("dpo", "evaluate", "publish")
    assert does == {stage: "run" if stage in made else "reuse" for stage in does} and does.keys() >= set(made)
