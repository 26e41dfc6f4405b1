"""Every stage that trains, under every strategy of `recipes/accelerate/`, on two CPU processes: `make test-sharded`.

Each strategy is really taken (what the processes hold and write is looked at, beside what the project asserts itself),
gives the losses of one process, goes on exactly where it was killed, and seals a whole model.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open

from tests import chain
from tests.distributed import sharding
from tests.distributed.sharding import CHECKS, RECIPE, REFUSED, STAGES, STRATEGIES, Run

pytestmark = [pytest.mark.sharded, pytest.mark.timeout(3600)]


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The recipe on one process."""
    runs = tmp_path_factory.mktemp("one")
    chain.run(RECIPE, runs)
    return Run(runs / "sharded", runs)


@pytest.fixture(scope="session")
def made(reference: Run, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Run]:
    """Runs under a strategy, each made when it is first asked for; one that fails is not tried again."""
    kinds = {"fresh": sharding.fresh, "stopped": sharding.stopped_everywhere}
    runs: dict[tuple[str, str], Run | BaseException] = {}

    def make(kind: str, strategy: str) -> Run:
        if (kind, strategy) not in runs:
            try:
                runs[kind, strategy] = kinds[kind](reference, strategy, tmp_path_factory.mktemp(f"{strategy}-{kind}"))
            except (AssertionError, OSError) as error:
                runs[kind, strategy] = error
        found = runs[kind, strategy]
        if isinstance(found, BaseException):
            raise found
        return found

    return make


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_table(strategy: str, stage: str, check: str, reference: Run, made: Callable[[str, str], Run], tmp_path: Path):
    if reason := sharding.missing(strategy):
        pytest.skip(reason)
    if (strategy, stage) in REFUSED:
        if check != CHECKS[0]:
            pytest.skip("refused")
        refuses(reference, strategy, stage, tmp_path)
        return
    CHECK[check](strategy, stage, reference, made)


def refuses(reference: Run, strategy: str, stage: str, runs: Path) -> None:
    """A stage says why it cannot do a strategy, on one line, before it trains."""
    order = chain.order(reference.folder)
    chain.copy_run(reference.folder, runs / "sharded", order[: order.index(stage)])
    done = sharding.launch(strategy, runs, "--until", stage)
    assert done.returncode != 0 and REFUSED[strategy, stage] in done.stdout + done.stderr
    assert "Traceback" not in done.stdout


def shards(strategy: str, stage: str, reference: Run, made: Callable[[str, str], Run]) -> None:
    """Accelerate took up the strategy, and of what is sharded each process holds half."""
    for row in made("fresh", strategy).evidence(stage):
        kinds = {"ddp": "MULTI_CPU", "fsdp2": "FSDP", "zero2": "DEEPSPEED", "zero3": "DEEPSPEED", "tp": "MULTI_GPU"}
        assert row["type"] == kinds[strategy] and row["fsdp2"] == (strategy == "fsdp2")
        assert row["zero_stage"] == {"zero2": 2, "zero3": 3}.get(strategy)
        assert strategy == "ddp" or len(row["networks"]) == (2 if stage == "ppo" else 1)
        for held in row["networks"]:
            share = held["own"] / held["whole"]
            if strategy in ("ddp", "zero2"):
                assert share == 1 and not held["sharded_parameters"]
            elif strategy == "tp":  # norms, and embeddings that the head shares, are on every process
                assert 0.5 < share < 0.9 and held["sharded_parameters"]
            else:
                assert share == pytest.approx(0.5, abs=0.02) and held["sharded_parameters"]


def files(strategy: str, stage: str, reference: Run, made: Callable[[str, str], Run]) -> None:
    """Each process wrote its own part of a checkpoint."""
    names = made("fresh", strategy).evidence(stage)[0]["files"]
    endings = {"fsdp2": ("__{}_0.distcp",), "tp": ("__{}_0.distcp",), "ddp": ()}
    for ending in endings.get(strategy, ("zero_pp_rank_{}_mp_rank_00_optim_states.pt",)):
        for rank in range(2):
            assert any(name.endswith(ending.format(rank)) for name in names), names
    assert "complete.json" in names


def losses(strategy: str, stage: str, reference: Run, made: Callable[[str, str], Run]) -> None:
    """The first twenty losses are those of one process; of PPO, the first answers and the first gradients."""
    if stage == "ppo":
        one, other = reference.metrics("ppo")[0], made("fresh", strategy).metrics("ppo")[0]
        for name in ("score", "response_length", "ended"):
            assert other[name] == pytest.approx(one[name], rel=1e-6)
        for name in ("policy_grad_norm", "critic_grad_norm", "value_loss"):
            assert other[name] == pytest.approx(one[name], rel=1e-4)
        return
    one, other = reference.metrics(stage), made("fresh", strategy).metrics(stage)
    pairs = [(a["loss"], b["loss"]) for a, b in zip(one, other, strict=True)][:20]
    assert len(pairs) == 20
    for left, right in pairs:
        assert right == pytest.approx(left, rel=1e-4)


def resume(strategy: str, stage: str, reference: Run, made: Callable[[str, str], Run]) -> None:
    """Killed after a checkpoint and started again, it ends with the same weights and lines."""
    whole, stopped = made("fresh", strategy), made("stopped", strategy)
    assert (stopped.runs / f"stopped-{stage}").exists()
    assert chain.weights_digest(stopped.folder / stage) == chain.weights_digest(whole.folder / stage)
    name = "policy_loss" if stage == "ppo" else "loss"
    assert [row[name] for row in stopped.metrics(stage)] == [row[name] for row in whole.metrics(stage)]


def whole(strategy: str, stage: str, reference: Run, made: Callable[[str, str], Run]) -> None:
    """What is sealed is a model like any other, of the same tensors and nearly the same weights."""
    one, other = (run.folder / stage / "model.safetensors" for run in (reference, made("fresh", strategy)))
    with safe_open(one, "pt") as left, safe_open(other, "pt") as right:
        names = list(left.keys())
        assert names == list(right.keys())
        for name in names:
            a, b = left.get_tensor(name), right.get_tensor(name)
            assert a.shape == b.shape and a.dtype == b.dtype
            if stage != "ppo":
                assert float((a - b).abs().max()) < 0.05 * float(a.abs().max())


CHECK = {"shards": shards, "files": files, "losses": losses, "resume": resume, "whole": whole}
