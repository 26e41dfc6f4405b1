"""Which weights are whose, and what Muon does to a matrix."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from pipeline.stages.pretrain import muon
from pipeline.stages.pretrain.config import PretrainTrain
from pipeline.stages.pretrain.muon import Muon, orthogonalized
from pipeline.stages.pretrain.optimizers import make_optimizers, parameter_groups
from tests.unit.models.tiny import tiny_decoder


@pytest.mark.parametrize("tied", [True, False])
def test_every_weight_is_in_one_group(tied):
    model = tiny_decoder(tie_word_embeddings=tied, position_encoding="learned", mlp_bias=True)
    groups = parameter_groups(model)
    found = [*groups.matrices, *groups.embeddings, *groups.vectors]
    assert sorted(map(id, found)) == sorted(map(id, model.parameters()))
    assert len(groups.embeddings) == (2 if tied else 3)
    assert all(weights.ndim == 2 for weights in groups.matrices)
    assert all(weights.ndim == 1 for weights in groups.vectors)


def test_norms_and_biases_do_not_decay():
    for optimizer in ("adamw", "muon"):
        model = tiny_decoder(mlp_bias=True)
        made = make_optimizers(model, PretrainTrain(optimizer=optimizer, weight_decay=0.3))
        decays = {
            id(weights): group["weight_decay"]
            for each in made
            for group in each.param_groups
            for weights in group["params"]
        }
        assert all(decays[id(weights)] == (0.3 if weights.ndim == 2 else 0.0) for weights in model.parameters())


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-3), (torch.bfloat16, 5e-2)])
@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 40, 12), (2, 12, 40)])
def test_orthogonalized_matrices_have_singular_values_near_one_and_the_same_vectors(shape, dtype, error):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    values = torch.linalg.svdvals(found := orthogonalized(matrices, dtype))
    assert (values > 0.4).all() and (values < 1.3).all()
    projected = (left.mT @ found @ right.mT).diagonal(dim1=-2, dim2=-1)
    assert_close(projected.sort().values, values.sort().values, rtol=error, atol=error)


def test_matrices_step_alike_alone_and_together(monkeypatch):
    monkeypatch.setattr(muon, "has_bf16", lambda weights: False)  # its kernels round by how many there are

    def stepped(count: int) -> torch.Tensor:
        weights = [
            torch.nn.Parameter(torch.randn(8, 6, generator=torch.Generator().manual_seed(seed)))
            for seed in range(count)
        ]
        for seed, matrix in enumerate(weights):
            matrix.grad = torch.randn(8, 6, generator=torch.Generator().manual_seed(100 + seed))
        optimizer = Muon(weights, learning_rate=0.1, weight_decay=0.1)
        for _ in range(3):
            optimizer.step()
        return weights[0].detach()

    assert_close(stepped(1), stepped(4))


def test_a_step_is_of_the_size_of_adamws():
    weight = torch.nn.Parameter(torch.zeros(48, 64))
    weight.grad = torch.randn(48, 64, generator=torch.Generator().manual_seed(1))
    Muon([weight], learning_rate=1.0).step()
    assert weight.detach().square().mean().sqrt().item() == pytest.approx(0.2, rel=0.25)
