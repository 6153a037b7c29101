"""The two ways to train on a batch: what they share, and where they differ."""

import copy
from datetime import timedelta

import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from arcvq_lite import EMAVQ, ArcVQ
from arcvq_lite.models import VQGAN, PatchCritic
from arcvq_lite.objective import VQGANObjective
from arcvq_lite.updates import fast_update, official_update

UPDATES = {"official": official_update, "fast": fast_update}
both = pytest.mark.parametrize("name", UPDATES)

STEP = 7
MIDDLE = "main.2.weight"  # of the critic
OBJECTIVE = VQGANObjective(critic_start=STEP)


def new_autoencoder(quantizer=None):
    torch.manual_seed(0)
    return VQGAN(
        3,
        quantizer or ArcVQ(8, 4),
        channels=32,
        multipliers=(1, 1),
        residual_blocks=1,
        attention_resolutions=(),
        resolution=16,
    )


def new_critic():
    torch.manual_seed(1)
    return PatchCritic(channels=8, layers=1)


def images_of(seed, count=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 16, 16, generator=generator).clamp(-1, 1)


class Seen:
    """What each optimizer would find, noted where it would step."""

    def __init__(self, autoencoder, critic):
        self.modules = {"autoencoder": autoencoder, "critic": critic}
        self.gradients = {}
        self.calls = []

    def note(self, name, *, then=lambda: None):
        def step():
            self.calls.append(name)
            for other, module in self.modules.items():
                self.gradients[name, other] = {
                    key.removeprefix("module."): None
                    if weight.grad is None
                    else weight.grad.clone()
                    for key, weight in module.named_parameters()
                }
            then()

        return step


def run(
    name,
    autoencoder,
    critic,
    images,
    *,
    step=STEP,
    objective=OBJECTIVE,
    after_autoencoder=lambda: None,
):
    """One update without optimizers: its terms, and what they would have seen."""
    inner = getattr(autoencoder, "module", autoencoder)
    seen = Seen(autoencoder, critic)
    terms = UPDATES[name](
        autoencoder,
        critic,
        objective,
        images,
        step,
        last_layer=inner.last_layer,
        step_autoencoder=seen.note("autoencoder", then=after_autoencoder),
        step_critic=seen.note("critic"),
    )
    return terms, seen


def assert_same_gradients(one, other, rtol=1e-4, atol=1e-6):
    assert one.keys() == other.keys()
    for key, gradient in one.items():
        torch.testing.assert_close(
            other[key], gradient, rtol=rtol, atol=atol, msg=lambda m, k=key: f"{k} {m}"
        )


# What is equal


def test_where_the_weight_is_equal_all_gradients_are():
    terms, fast = run("fast", new_autoencoder(), new_critic(), images_of(0))
    # The factor that gives the official update the same weight.
    plain, _ = run("official", new_autoencoder(), new_critic(), images_of(0))
    factor = 0.8 * terms["adaptive_weight"] / plain["adaptive_weight"]
    again, official = run(
        "official",
        new_autoencoder(),
        new_critic(),
        images_of(0),
        objective=VQGANObjective(critic_start=STEP, critic_weight=factor.item()),
    )
    for place in (("autoencoder", "autoencoder"), ("critic", "critic")):
        assert_same_gradients(official.gradients[place], fast.gradients[place])
    assert terms.keys() == again.keys()
    for key in terms:
        torch.testing.assert_close(terms[key], again[key], rtol=1e-5, atol=1e-6)


def test_before_the_critic_starts_all_gradients_of_the_autoencoder_are_equal():
    found = {
        name: run(name, new_autoencoder(), new_critic(), images_of(0), step=STEP - 1)
        for name in UPDATES
    }
    assert_same_gradients(
        *(seen.gradients["autoencoder", "autoencoder"] for _, seen in found.values())
    )
    (official, _), (fast, _) = found.values()
    torch.testing.assert_close(official["total"], fast["total"])


def test_the_official_gradients_are_those_of_the_objective_written_out():
    autoencoder, critic, images = new_autoencoder(), new_critic(), images_of(0)
    _, seen = run("official", copy.deepcopy(autoencoder), copy.deepcopy(critic), images)
    out = autoencoder(images, step=STEP)
    nll = (images - out.reconstruction).abs().mean()
    gan = -critic(out.reconstruction).mean()
    pulls = [
        torch.autograd.grad(term, autoencoder.last_layer, retain_graph=True)[0].norm()
        for term in (nll, gan)
    ]
    (nll + 0.8 * pulls[0] / (pulls[1] + 1e-4) * gan + out.quantized.loss).backward()
    expected = {key: w.grad for key, w in autoencoder.named_parameters()}
    assert_same_gradients(expected, seen.gradients["autoencoder", "autoencoder"])

    critic.zero_grad()
    real, fake = critic(images), critic(out.reconstruction.detach())
    ((F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2).backward()
    expected = {key: w.grad for key, w in critic.named_parameters()}
    assert_same_gradients(expected, seen.gradients["critic", "critic"])


@both
def test_the_critic_collects_nothing_of_the_autoencoders_loss(name):
    critic = new_critic()
    _, seen = run(name, new_autoencoder(), critic, images_of(0))
    assert seen.calls == ["autoencoder", "critic"]
    assert not any(seen.gradients["autoencoder", "critic"].values())
    before = seen.gradients["autoencoder", "autoencoder"]
    after = seen.gradients["critic", "autoencoder"]
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(weight.requires_grad for weight in critic.parameters())


def test_the_critic_can_be_trained_again_after_an_error():
    critic = new_critic()
    critic.main[0].weight.requires_grad_(False)  # by the user's own wish
    with pytest.raises(ValueError, match="at least 6×6"):
        run("official", new_autoencoder(), critic, images_of(0)[..., :4, :4])
    wanted = [weight.requires_grad for weight in critic.parameters()]
    assert wanted == [False] + [True] * (len(wanted) - 1)


@both
def test_gradients_accumulate_while_nobody_steps(name):
    autoencoder, critic = new_autoencoder(), new_critic()
    _, one = run(name, autoencoder, critic, images_of(0))
    _, two = run(name, autoencoder, critic, images_of(0))
    for part in ("autoencoder", "critic"):
        once, twice = (seen.gradients[part, part] for seen in (one, two))
        assert_same_gradients({key: 2 * once[key] for key in once}, twice, atol=1e-5)


@both
def test_recomputed_activations_change_no_gradient(name):
    autoencoder = new_autoencoder()
    _, expected = run(name, autoencoder, new_critic(), images_of(0))
    again = new_autoencoder()
    again.recompute_activations()
    _, found = run(name, again, new_critic(), images_of(0))
    place = ("autoencoder", "autoencoder")
    assert_same_gradients(expected.gradients[place], found.gradients[place])


# What differs


def test_the_fast_weight_is_the_ratio_of_the_pulls_at_the_image():
    autoencoder, critic, images = new_autoencoder(), new_critic(), images_of(0)
    terms, _ = run("fast", copy.deepcopy(autoencoder), copy.deepcopy(critic), images)
    image = autoencoder(images, step=STEP).reconstruction.detach().requires_grad_()
    nll, gan = (images - image).abs().mean(), -critic(image).mean()
    pulls = [
        torch.autograd.grad(term, image)[0].norm() * images.numel() ** 0.5
        for term in (nll, gan)
    ]
    assert pulls[0].item() == pytest.approx(1.0, rel=1e-5)  # as of any absolute error
    expected = 0.8 * pulls[0] / (pulls[1] + 1e-4)
    torch.testing.assert_close(terms["adaptive_weight"], expected)


def test_the_fast_weight_does_not_depend_on_the_batchs_size():
    critic = new_critic().eval()
    weights = [
        run("fast", new_autoencoder(), critic, images_of(0).repeat(n, 1, 1, 1))[0]
        for n in (1, 3)
    ]
    torch.testing.assert_close(*(terms["adaptive_weight"] for terms in weights))


def test_the_official_critic_sees_the_weights_after_the_step_the_fast_one_before():
    for name, expected in (("official", 0.25), ("fast", None)):
        autoencoder, critic = new_autoencoder(), new_critic().eval()

        def paint_grey(autoencoder=autoencoder):
            with torch.no_grad():
                autoencoder.decoder.conv_out.weight.zero_()
                autoencoder.decoder.conv_out.bias.fill_(0.25)

        images = images_of(0)
        before = copy.deepcopy(autoencoder)(images, step=STEP).reconstruction.detach()
        seen = before if expected is None else torch.full_like(images, expected)
        terms, _ = run(name, autoencoder, critic, images, after_autoencoder=paint_grey)
        torch.testing.assert_close(terms["score_fake"], critic(seen).mean().detach())


@pytest.mark.parametrize(("name", "times"), [("official", 2), ("fast", 1)])
def test_how_often_a_quantizers_averages_move(name, times):
    autoencoder = new_autoencoder(EMAVQ(8, 4, decay=0.5))
    expected = copy.deepcopy(autoencoder)
    for _ in range(times):
        expected(images_of(0), step=STEP)
    run(name, autoencoder, new_critic(), images_of(0))
    found = autoencoder.quantizer.state_dict()
    for key, value in expected.quantizer.state_dict().items():
        torch.testing.assert_close(found[key], value)


def test_before_it_starts_the_fast_critic_rests_and_the_official_one_idles():
    critic = new_critic()
    before = copy.deepcopy(critic.state_dict())
    terms, seen = run("fast", new_autoencoder(), critic, images_of(0), step=STEP - 1)
    assert seen.calls == ["autoencoder"]
    assert all(torch.equal(critic.state_dict()[key], before[key]) for key in before)
    assert terms.keys() == {
        *("total", "nll", "l1", "quantizer", "codebook", "commitment"),
        *("margin", "margin_weight", "radius"),
    }

    terms, seen = run(
        "official", new_autoencoder(), critic, images_of(0), step=STEP - 1
    )
    assert seen.calls == ["autoencoder", "critic"]
    assert not any(g.any() for g in seen.gradients["critic", "critic"].values())
    assert int(critic.main[3].num_batches_tracked) == 3
    assert terms["critic"] == 0
    assert terms["adaptive_weight"] > 0


# Under autocast


@both
def test_the_way_back_runs_outside_autocast(name):
    """Else the float32 products of matching and margin go back in bfloat16."""
    autoencoder, images = new_autoencoder(), images_of(0)
    objective = VQGANObjective(critic_start=STEP + 1)
    expected = copy.deepcopy(autoencoder)
    with torch.autocast("cpu", torch.bfloat16):
        _, seen = run(name, autoencoder, new_critic(), images, objective=objective)
        out = expected(images, step=STEP)
    image = out.reconstruction.float()
    ((images - image).abs().mean() + out.quantized.loss).backward()
    assert_same_gradients(
        {key: weight.grad for key, weight in expected.named_parameters()},
        seen.gradients["autoencoder", "autoencoder"],
    )


def test_the_second_run_under_autocast_uses_the_new_weights():
    """Autocast keeps its bfloat16 copies of the weights until it ends."""
    autoencoder, critic, images = new_autoencoder(), new_critic().eval(), images_of(0)
    with torch.no_grad():
        critic.main[0].weight.mul_(100)  # else all scores are near the last bias

    def paint_grey():
        with torch.no_grad():
            autoencoder.decoder.conv_out.weight.zero_()
            autoencoder.decoder.conv_out.bias.fill_(0.25)

    old = critic(copy.deepcopy(autoencoder)(images, step=STEP).reconstruction).mean()
    with torch.autocast("cpu", torch.bfloat16):
        terms, _ = run(
            "official", autoencoder, critic, images, after_autoencoder=paint_grey
        )
    grey = critic(torch.full_like(images, 0.25)).mean()
    assert terms["score_fake"].item() == pytest.approx(grey.item(), rel=0.03)
    assert old.item() != pytest.approx(grey.item(), rel=0.2)


@both
def test_a_step_in_bfloat16_has_finite_float32_gradients(name):
    with torch.autocast("cpu", torch.bfloat16):
        terms, seen = run(name, new_autoencoder(), new_critic(), images_of(0))
    for part in ("autoencoder", "critic"):
        for gradient in seen.gradients[part, part].values():
            assert gradient.dtype == torch.float32
            assert gradient.isfinite().all()
    assert terms["adaptive_weight"] > 0


# In two processes


def plain_parts():
    """Parts of which a half's gradient is a part of the whole batch's.

    The margin's softmax sees the latents of one process alone, and so do batch
    norms, but for statistics that are fixed.
    """
    torch.manual_seed(2)
    return new_autoencoder(ArcVQ(8, 4, margin=None)), new_critic().eval()


def gradients_in(seen):
    return {part: seen.gradients[part, part] for part in ("autoencoder", "critic")}


def one_update(rank, name, *, accumulate=1):
    autoencoder, critic = map(DistributedDataParallel, plain_parts())
    for part in range(accumulate - 1):
        with autoencoder.no_sync(), critic.no_sync():
            run(name, autoencoder, critic, images_of(10 * part + 10 + rank))
    return gradients_in(run(name, autoencoder, critic, images_of(rank))[1])


def trained(rank, name):
    """The weights after steps on both sides of the critic's first one."""
    torch.manual_seed(rank)
    autoencoder = DistributedDataParallel(new_autoencoder())
    critic = DistributedDataParallel(new_critic())
    optimizers = [
        torch.optim.Adam(module.parameters(), lr=1e-3, betas=(0.5, 0.9))
        for module in (autoencoder, critic)
    ]

    def stepping(optimizer):
        def step():
            optimizer.step()
            optimizer.zero_grad()

        return step

    for step in range(STEP - 2, STEP + 2):
        UPDATES[name](
            autoencoder,
            critic,
            OBJECTIVE,
            images_of(10 * step + rank),
            step,
            last_layer=autoencoder.module.last_layer,
            step_autoencoder=stepping(optimizers[0]),
            step_critic=stepping(optimizers[1]),
        )
    return {
        **dict(autoencoder.module.named_parameters(prefix="autoencoder")),
        **dict(critic.module.named_parameters(prefix="critic")),
    }


def work(rank, folder):
    """What each process does; it leaves its results in a file of its own."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=(folder / "meeting").as_uri(),
        timeout=timedelta(seconds=120),
        rank=rank,
        world_size=2,
    )
    results = {
        name: {
            "once": one_update(rank, name),
            "accumulated": one_update(rank, name, accumulate=2),
            "trained": trained(rank, name),
        }
        for name in UPDATES
    }
    dist.destroy_process_group()
    torch.save(results, folder / f"rank{rank}.pt")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(work, (folder,), nprocs=2)
    return [torch.load(folder / f"rank{n}.pt", weights_only=True) for n in (0, 1)]


@pytest.mark.slow
def test_fast_gradients_of_two_ranks_are_those_of_the_whole_batch(ranks):
    whole = torch.cat([images_of(0), images_of(1)])
    expected = gradients_in(run("fast", *plain_parts(), whole)[1])
    for rank in ranks:
        for part in expected:
            assert_same_gradients(expected[part], rank["fast"]["once"][part])


@pytest.mark.slow
def test_official_gradients_of_two_ranks_are_the_mean_of_each_ones_own(ranks):
    """Each rank has a weight of its own, so no whole batch has these gradients."""
    halves = [
        gradients_in(run("official", *plain_parts(), images_of(rank))[1])
        for rank in (0, 1)
    ]
    for rank in ranks:
        for part, found in rank["official"]["once"].items():
            mean = {k: (halves[0][part][k] + halves[1][part][k]) / 2 for k in found}
            assert_same_gradients(mean, found)


@pytest.mark.slow
@both
def test_accumulated_gradients_are_reduced_once_for_all(name, ranks):
    one, other = (rank[name]["accumulated"] for rank in ranks)
    once = ranks[0][name]["once"]
    for part, key in (("autoencoder", "quantizer.codebook"), ("critic", MIDDLE)):
        assert not torch.equal(one[part][key], once[part][key])
    for part, found in one.items():
        assert all(torch.equal(found[key], other[part][key]) for key in found)


@pytest.mark.slow
@both
def test_both_ranks_end_with_the_same_weights_bit_for_bit(name, ranks):
    one, other = (rank[name]["trained"] for rank in ranks)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert not torch.equal(one[f"critic.{MIDDLE}"], new_critic().state_dict()[MIDDLE])
    last = "decoder.conv_out.weight"
    assert not torch.equal(one[f"autoencoder.{last}"], new_autoencoder().last_layer)
