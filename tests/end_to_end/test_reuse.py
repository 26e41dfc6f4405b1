"""Another KL coefficient under another name makes ppo alone; everything before it is the first run's."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.core.seal import damage
from tests import chain


def test_only_ppo_is_made_for_another_kl_coefficient(small_run: Path):
    chain.run(chain.SMALL, small_run.parent, "--name", "looser", "--set", "ppo.kl_coefficient=0.3")
    looser = small_run.parent / "looser"
    earlier = [stage for stage in chain.order(looser) if stage != "ppo"]
    manifests = {stage: json.loads((looser / stage / "manifest.json").read_text()) for stage in chain.order(looser)}
    assert all(manifests[stage]["reused_from"] == str(small_run / stage) for stage in earlier)
    assert "reused_from" not in manifests["ppo"]
    assert all(
        (looser / stage / "manifest.json").parent.joinpath(name).stat().st_ino
        == (small_run / stage / name).stat().st_ino
        for stage in earlier
        for name in manifests[stage]["files"]
    )
    assert not [fault for stage in chain.order(looser) for fault in damage(looser / stage)]
    assert chain.weights_digest(looser / "ppo") != chain.weights_digest(small_run / "ppo")
