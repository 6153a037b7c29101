"""The training steps that are timed: what they compute, and what is compared."""

import pickle

import pytest
import torch

from arcvq_lite import ArcVQ
from arcvq_lite.bench import vqgan_step, vqvae_step
from arcvq_lite.bench.agreement import agreed
from arcvq_lite.bench.benchmark import DisagreementError
from arcvq_lite.bench.first_gradients import FirstGradients
from arcvq_lite.bench.plain_quantizers import PlainArcVQ, Unquantized
from arcvq_lite.updates import fast_update, official_update

BENCHMARKS = (*vqvae_step.BENCHMARKS, *vqgan_step.BENCHMARKS)
SMALL = {"batch": 4, "steps": 2, "hidden": 16}
QUANTIZERS = {
    "plain way": vqvae_step.plain_quantizer,
    "official way": vqvae_step.official_quantizer,
}


def plainly(quantizer):
    return vqvae_step.plain(quantizer=quantizer, **SMALL)()


def weaker_margin():
    return PlainArcVQ(vqvae_step.arcvq(), scale=4.0)


@pytest.mark.parametrize("way", QUANTIZERS)
def test_the_vqvae_step_is_the_formulas(way):
    ours = vqvae_step.ours(**SMALL)()
    assert agreed({way: plainly(QUANTIZERS[way]), "ours": ours}, 1e-4)["ours"] > 0


def test_losses_and_the_gradients_of_all_weights_are_compared():
    model = vqvae_step.build(vqvae_step.arcvq, hidden=16)
    weights = {name for name, _ in model.named_parameters()}
    found = vqvae_step.ours(**SMALL)()
    assert found.keys() == {"losses", *weights}
    assert all(found[name].abs().max() > 0 for name in weights)


def test_another_margin_does_not_count():
    results = {"ours": vqvae_step.ours(**SMALL)(), "other": plainly(weaker_margin)}
    with pytest.raises(DisagreementError, match="of other differs"):
        agreed(results, 1e-3)


def test_every_call_goes_on_where_the_last_one_ended():
    call = vqvae_step.ours(**SMALL)
    in_two = torch.cat([call()["losses"], call()["losses"]])
    assert torch.equal(in_two, vqvae_step.ours(**{**SMALL, "steps": 4})()["losses"])
    assert len(in_two.unique()) == 4


@pytest.mark.parametrize("quantizer", QUANTIZERS.values(), ids=QUANTIZERS)
def test_the_written_down_quantizers_bring_codes_back_to_the_ball(quantizer):
    module = quantizer()
    with torch.no_grad():
        module.codebook.mul_(3)
    module(torch.randn(1, vqvae_step.DIM, 2, 2), step=0)
    norms = module.codebook.detach().norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(vqvae_step.CODES))


def test_the_floor_has_nothing_between_its_halves():
    latents = torch.randn(2, 8, 4, 4)
    out = Unquantized(8)(latents, step=0)
    assert out.quantized is latents
    assert out.loss == 0
    assert vqvae_step.floor(**SMALL)() is None


def test_the_parts_are_those_of_a_step():
    found = vqvae_step.parts(batch=2, hidden=16)
    assert list(found) == [
        *("encoder", "quantizer", "margin", "decoder"),
        *("backward", "optimiser"),
    ]
    assert all(seconds > 0 for seconds in found.values())


def test_gradients_are_copied_at_the_first_step_alone():
    network = torch.nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    gradients = FirstGradients(network, optimizer)
    assert gradients.found == {}
    for factor in (1.0, 5.0):
        optimizer.zero_grad()
        (factor * network(torch.ones(1, 2))).sum().backward()
        optimizer.step()
    assert gradients.found["weight"].tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda one: one.name)
def test_targets_and_contestants_fit_each_other(benchmark):
    names = [contestant.name for contestant in benchmark.contestants]
    assert len(names) == len(set(names))
    for target in benchmark.targets:
        assert {target.of, target.against} <= set(names)
    for contestant in benchmark.contestants:
        assert callable(pickle.loads(pickle.dumps(contestant.prepare)))
    assert [c.compared for c in benchmark.contestants].count(True) >= 2


SMALL_GAME = {"batch": 2, "side": 32, "steps": 2}


def test_the_official_mode_has_the_gradients_of_the_official_order():
    pytest.importorskip("lpips")
    results = {
        "order": vqgan_step.official_order(**SMALL_GAME)(),
        "ours": vqgan_step.ours(official_update, **SMALL_GAME)(),
    }
    assert len(results["order"]["gradients of the critic"]) > 1_000
    assert len(results["order"]["gradients of the autoencoder"]) > 100_000
    agreed(results, 1e-3)


def test_the_fast_mode_takes_another_weight_of_the_critic():
    pytest.importorskip("lpips")
    official, fast = (
        vqgan_step.ours(order, **SMALL_GAME)()
        for order in (official_update, fast_update)
    )
    assert official.keys() == fast.keys()
    with pytest.raises(DisagreementError):
        agreed({"official": official, "fast": fast}, 1e-3)


def test_the_game_is_the_shipped_trial_run():
    game = vqgan_step.build(batch=2, side=64, dropout=False, official=False)
    quantizer = game.autoencoder.quantizer
    assert isinstance(quantizer, ArcVQ)
    assert (quantizer.num_codes, quantizer.dim) == (64, 16)
    assert (quantizer.codebook_weight, quantizer.commitment_weight) == (0.25, 1.0)
