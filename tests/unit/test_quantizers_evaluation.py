"""Every quantizer: evaluation is pure, and nothing switches off in silence."""

import pytest
import torch
from zoo import (
    D,
    every_quantizer,
    made,
    obeying,
    over,
    same_state,
    spread_out,
    state_of,
)

# 1. Evaluation is pure


@every_quantizer
@pytest.mark.parametrize("step", [None, 0, 10**9])
def test_evaluation_changes_nothing_and_warns_of_nothing(name, step):
    quantizer, latents = spread_out(name), torch.randn(2, D, 3, 4)
    quantizer(latents, step=7)
    quantizer.eval()
    before, random_state = state_of(quantizer), torch.get_rng_state()
    out = quantizer(latents, step=step)
    quantizer.embed(quantizer.assign(latents))
    assert not out.terms.keys() & {"radius", "margin", "margin_weight"}
    assert same_state(state_of(quantizer), before)
    assert torch.equal(torch.get_rng_state(), random_state)


@over(obeying("formula"))
def test_the_evaluation_loss_is_the_true_one_without_the_margin(name):
    quantizer = spread_out(name).eval()
    latents = torch.randn(40, D)
    out = quantizer(latents, step=10)
    squared = (quantizer.embed(out.indices) - latents).square().mean()
    weight = quantizer.commitment_weight + getattr(quantizer, "codebook_weight", 0.0)
    torch.testing.assert_close(out.loss, weight * squared)
    assert out.loss > 0


# 2. Nothing switches off in silence


@over(obeying(step=True))
def test_training_without_a_step_raises_and_names_it(name):
    quantizer = made(name)
    before = state_of(quantizer)
    with pytest.raises(ValueError, match=r"step is missing.*step=t"):
        quantizer(torch.randn(20, D))
    assert same_state(state_of(quantizer), before)


@over(obeying(step=False))
def test_quantizers_without_schedules_need_no_step(name):
    assert torch.isfinite(made(name)(torch.randn(20, D)).loss)


@over(obeying(step=True))
@pytest.mark.parametrize(
    ("step", "error"), [(-1, ValueError), (2.5, TypeError), ("3", TypeError)]
)
def test_a_step_that_is_none_is_refused_before_it_changes_anything(name, step, error):
    quantizer = made(name)
    before = state_of(quantizer)
    with pytest.raises(error, match=f"step={step!r}"):
        quantizer(torch.randn(20, D), step=step)
    assert same_state(state_of(quantizer), before)


# Saving


@every_quantizer
def test_a_loaded_state_goes_on_as_the_saved_one_would(name, tmp_path):
    quantizer, loaded = made(name), made(name)
    batches = [torch.randn(50, D) for _ in range(4)]
    quantizer(batches[0], step=0)
    torch.save(quantizer.state_dict(), tmp_path / "state.pt")
    loaded.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for step, batch in enumerate(batches[1:], start=1):
        torch.manual_seed(step)
        one = quantizer(batch, step=step)
        torch.manual_seed(step)
        other = loaded(batch, step=step)
        assert torch.equal(one.loss, other.loss)
    assert same_state(state_of(loaded), state_of(quantizer))
