"""Settings of ppo that count over all processes: two give the figures of one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import chain
from tests.distributed.ppo_settings import SETTINGS, figures_of


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("two") / "figures.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
               "-m", "tests.distributed.ppo_settings", str(file)]  # fmt: skip
    run = subprocess.run(command, cwd=chain.ROOT, env=chain.ENVIRONMENT, capture_output=True, text=True,
                         timeout=240)  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(Path(file).read_text())
    assert found["processes"] == 2
    return found["figures"]


@pytest.mark.parametrize("name", SETTINGS)
def test_two_processes_give_the_figures_of_one(two: dict[str, Any], name: str):
    for one, other in zip(figures_of(name), two[name], strict=True):
        assert one.keys() == other.keys()
        for figure in one.keys() - {"log_prob_mismatch", "approx_kl"}:  # rounding alone
            assert other[figure] == pytest.approx(one[figure], rel=1e-3, abs=1e-4), figure
