"""The perceptual distance, and where its weights may come from."""

import pickle
import warnings
from urllib.error import URLError

import lpips
import pytest
import torch
import torchvision

from arcvq_lite.perceptual import PerceptualDistance


@pytest.fixture(scope="module")
def random():
    return PerceptualDistance("random")


@pytest.fixture
def pair():
    return torch.rand(2, 2, 3, 32, 32).mul(2).sub(1).unbind()


def new_network(**options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it names an old argument of torchvision's
        return lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False, **options)


def vgg_file(network, path):
    """The network's VGG-16 under torchvision's names, its classifier beside it."""
    state = {
        "features." + key.split(".", 2)[2]: value
        for key, value in network.state_dict().items()
        if key.startswith("net.")
    }
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, path)
    return path


# The distance


def test_it_is_the_packages_distance(random, pair):
    distance = random(*pair)
    assert distance.shape == (2, 1, 1, 1)
    torch.testing.assert_close(distance, random.network.eval()(*pair))
    random.train()


def test_images_are_at_no_distance_from_themselves(random, pair):
    assert not random(pair[0], pair[0]).any()
    assert (random(*pair) > 0).all()


def test_grey_images_count_as_three_equal_channels(random, pair):
    one, other = (images[:, :1] for images in pair)
    expected = random(one.expand(-1, 3, -1, -1), other.expand(-1, 3, -1, -1))
    torch.testing.assert_close(random(one, other), expected)


def test_autocast_changes_nothing(random, pair):
    with torch.autocast("cpu", torch.bfloat16):
        found = random(pair[0], pair[1].bfloat16())
    assert found.dtype == torch.float32
    assert torch.equal(found, random(pair[0], pair[1].bfloat16().float()))


def test_the_gradient_reaches_the_images_and_no_weight(random, pair):
    images = pair[0].requires_grad_()
    random(images, pair[1]).sum().backward()
    assert images.grad.any()
    assert not any(weight.requires_grad for weight in random.parameters())


def test_where_no_feature_answers_the_gradient_is_finite(pair):
    distance = PerceptualDistance("random")
    with torch.no_grad():
        last = dict(distance.network.net.named_parameters())["slice5.28.bias"]
        last.fill_(-1e6)
    images = pair[0].requires_grad_()
    distance(images, pair[1]).sum().backward()
    assert images.grad.isfinite().all()
    assert images.grad.any()


# Dropout


def test_without_dropout_training_mode_is_evaluation_mode(random, pair):
    one = random.train()(*pair)
    assert torch.equal(one, random.eval()(*pair))
    random.train()


def test_with_dropout_a_training_distance_is_random_and_right_on_average(pair):
    distance = PerceptualDistance("random", dropout=True)
    draws = torch.stack([distance(*pair) for _ in range(20)])
    assert draws.std(dim=0).min() > 0
    exact = distance.eval()(*pair)
    assert torch.equal(exact, distance(*pair))
    torch.testing.assert_close(draws.mean(dim=0), exact, rtol=0.05, atol=0)


# Where the weights come from


def test_random_weights_are_the_same_everywhere_and_draw_nothing(random):
    before = torch.get_rng_state()
    torch.manual_seed(5)
    again = PerceptualDistance("random")
    for key, value in random.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    torch.set_rng_state(before)
    PerceptualDistance("random")
    assert torch.equal(torch.get_rng_state(), before)


def test_random_weights_are_never_called_lpips(random, tmp_path):
    assert random.term == "random_perceptual"
    path = vgg_file(random.network, tmp_path / "vgg16.pth")
    assert PerceptualDistance(path).term == "lpips"


def test_torchvisions_file_and_a_whole_lpips_are_told_apart(random, pair, tmp_path):
    network = new_network(pretrained=False)
    network.load_state_dict(random.network.state_dict())
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(1.1)
    torch.save(network.state_dict(), tmp_path / "whole.pth")
    whole = PerceptualDistance(tmp_path / "whole.pth")
    torch.testing.assert_close(whole(*pair), network.eval()(*pair))

    parts = PerceptualDistance(vgg_file(network, tmp_path / "vgg16.pth"))
    for key, value in parts.network.net.state_dict().items():
        assert torch.equal(value, whole.network.net.state_dict()[key])
    for layer, calibrated in enumerate(random.network.lins):
        assert torch.equal(
            parts.network.lins[layer].model[1].weight, calibrated.model[1].weight
        )


def test_the_five_layers_weights_are_the_packages(random):
    packaged = new_network(pretrained=True)
    for ours, theirs in zip(random.network.lins, packaged.lins, strict=True):
        assert torch.equal(ours.model[1].weight, theirs.model[1].weight)


def test_download_asks_torchvision_and_nothing_else_does(monkeypatch, tmp_path):
    asked = []

    def refuse(url, *args, **options):
        asked.append(url)
        raise OSError("no network here")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    PerceptualDistance("random")
    assert asked == []
    with pytest.raises(OSError, match="no network here"):
        PerceptualDistance("download")
    assert len(asked) == 1
    assert "vgg16" in asked[0]


def test_what_is_no_vgg_is_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(ValueError, match=r"other\.pth.*no net\.slice1\.0\.bias"):
        PerceptualDistance(path)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match="must hold a state dict, got list"):
        PerceptualDistance(path)


def test_a_missing_file_is_named_with_the_choices():
    with pytest.raises(FileNotFoundError, match=r"weights='vgg\.pth'.*random"):
        PerceptualDistance("vgg.pth")


class Malice:
    """Unpickled, it would raise."""

    def __reduce__(self):
        return exec, ("raise SystemError('executed')",)


def test_a_malicious_file_is_not_executed(tmp_path):
    path = tmp_path / "vgg.pth"
    path.write_bytes(pickle.dumps(Malice(), protocol=2))
    with pytest.raises(ValueError, match="was not executed"):
        PerceptualDistance(path)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ((1, 3, 32, 32), (1, 3, 32, 16), r"images are \(1, 3, 32, 32\), the others"),
        ((1, 3, 8, 32), (1, 3, 8, 32), "at least 16×16"),
        ((1, 2, 32, 32), (1, 2, 32, 32), r"\(B, 1 or 3, H, W\)"),
        ((3, 32, 32), (3, 32, 32), r"\(B, 1 or 3, H, W\)"),
    ],
)
def test_shapes_that_cannot_be_compared_are_refused(one, other, message, random):
    with pytest.raises(ValueError, match=message):
        random(torch.zeros(one), torch.zeros(other))


def test_weights_that_cannot_be_fetched_have_an_address(monkeypatch):
    def refuse(*arguments, **options):
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", refuse)
    with pytest.raises(ConnectionError, match=r"no route.*https://.*vgg16.*as weights"):
        PerceptualDistance("download")


def test_downloaded_weights_are_those_of_a_file(monkeypatch, tmp_path):
    torch.manual_seed(0)
    vgg = {
        f"features.{n}.{kind}": torch.randn(shape)
        for n, layer in enumerate(torchvision.models.vgg16().features)
        for kind, shape in ((k, v.shape) for k, v in layer.state_dict().items())
    }
    torch.save(vgg, tmp_path / "vgg.pth")
    published = torchvision.models.VGG16_Weights
    monkeypatch.setattr(published, "get_state_dict", lambda self, **options: vgg)
    fetched = PerceptualDistance("download").state_dict()
    read = PerceptualDistance(tmp_path / "vgg.pth").state_dict()
    assert fetched.keys() == read.keys()
    assert all(torch.equal(fetched[key], read[key]) for key in read)
