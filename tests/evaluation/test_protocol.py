"""The paper's protocol beside the clean one, and rFID's network."""

import hashlib
import io

import numpy as np
import pytest
import torch
from PIL import Image
from small_models import Echo, pictures
from torch_fidelity import feature_extractor_inceptionv3 as fidelity

from arcvq_lite.evaluation import (
    FeatureExtractor,
    clean_protocol,
    evaluate_images,
    frechet,
    load_inception,
    paper_protocol,
    random_extractor,
)

# JPEG files


def test_shown_is_what_a_jpeg_file_holds():
    images = pictures(2, height=24, width=40) * 0.9
    shown = paper_protocol(quality=60).shown(images)
    for image, found in zip(images, shown, strict=True):
        levels = ((image + 1) / 2 * 255).numpy().astype(np.uint8)  # truncated
        file = io.BytesIO()
        Image.fromarray(levels.transpose(1, 2, 0)).save(file, "JPEG", quality=60)
        expected = np.array(Image.open(file)).transpose(2, 0, 1) / 127.5 - 1
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_grey_images_are_saved_as_rgb():
    shown = paper_protocol().shown(pictures(2, channels=1))
    assert shown.shape == (2, 3, 32, 32)
    assert evaluate_images(Echo(), [pictures(2, 1)], protocol="paper").images == 2


def test_the_paper_compares_with_the_image_from_its_own_jpeg():
    """A perfect model stays perfect: both sides went through a file."""
    scores = evaluate_images(Echo(), [pictures(2)], protocol="paper").scores
    assert scores["psnr"] == 100


def test_a_lower_quality_is_another_result_and_told():
    def noisy(shown):
        return shown + 0.3 * torch.sin(torch.arange(32) * 2.0)

    found = {
        quality: evaluate_images(
            Echo(noisy), [pictures(2)], protocol=paper_protocol(quality)
        )
        for quality in (5, 95)
    }
    assert found[5].protocol["jpeg_quality"] == 5
    assert abs(found[5].scores["psnr"] - found[95].scores["psnr"]) > 0.5


@pytest.mark.parametrize("quality", [0, 96])
def test_a_quality_out_of_range_is_refused(quality):
    with pytest.raises(ValueError, match=f"quality={quality} must lie in 1 … 95"):
        paper_protocol(quality)


# What the extractor is given


class Watched(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, levels):
        self.seen.append(levels)
        return levels.float().mean(dim=(2, 3))


def given_to_the_extractor(protocol, images):
    network = Watched()
    extractor = FeatureExtractor(network, 3, "watched", {})
    model = Echo(lambda shown: shown + 1.4 / 127.5)
    evaluate_images(model, [images], fid=extractor, protocol=protocol)
    return network.seen


@pytest.mark.parametrize("channels", [1, 3])
def test_the_clean_protocol_rounds_to_levels(channels):
    images = pictures(2, channels) * 0.5
    real, fake = given_to_the_extractor("clean", images)
    levels = (images.double() + 1) * 127.5
    assert real.dtype == fake.dtype == torch.uint8
    assert torch.equal(real, levels.round().expand(-1, 3, -1, -1).byte())
    assert (fake.double() - (levels + 1.4)).abs().max() <= 0.5 + 1e-4


def test_the_paper_protocol_resizes_to_229():
    real, fake = given_to_the_extractor("paper", pictures(2))
    assert real.shape == fake.shape == (2, 3, 229, 229)
    jpeg = paper_protocol().shown(pictures(1))[0]
    levels = ((jpeg + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    small = Image.fromarray(levels).resize((229, 229), Image.Resampling.BILINEAR)
    assert torch.equal(real[0].permute(1, 2, 0), torch.from_numpy(np.array(small)))


def test_the_distance_is_that_of_two_gaussians():
    """Recomputed with the square root of a matrix from its eigenvectors."""
    images = pictures(12)
    extractor = random_extractor()
    found = evaluate_images(
        Echo(lambda shown: -0.7 * shown + 0.1), [images], fid=extractor
    ).scores["random_frechet"]
    seen = clean_protocol().seen
    sides = [seen(side) for side in (images, (-0.7 * images + 0.1).clamp(-1, 1))]
    means, covariances = [], []
    for side in sides:
        features = extractor.network(side).double().numpy()
        means.append(features.mean(axis=0))
        covariances.append(np.cov(features, rowvar=False))
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ covariances[1] @ root).clip(0)
    expected = np.square(means[0] - means[1]).sum()
    expected += np.trace(covariances[0] + covariances[1]) - 2 * np.sqrt(cross).sum()
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_random_extractor_is_the_same_everywhere():
    torch.manual_seed(3)
    one = random_extractor().facts["sha256"]
    torch.manual_seed(4)
    assert random_extractor().facts["sha256"] == one


# Inception from a file


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory):
    """The right names and shapes with random weights; the real ones are not here."""
    empty = tmp_path_factory.mktemp("inception") / "empty.pth"
    torch.save({}, empty)
    network = fidelity.FeatureExtractorInceptionV3
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        patch.setattr(network, "load_state_dict", lambda self, state: None)
        # The initial weights are drawn slowly, and replaced below.
        patch.setattr(torch.nn.init, "trunc_normal_", lambda tensor, **_: tensor)
        state = network("empty", ["2048"], str(empty)).state_dict()
    generator = torch.Generator().manual_seed(0)
    for value in state.values():
        if value.dim() == 4:
            fan_in = value[0].numel()
            value.copy_(torch.randn(value.shape, generator=generator) / fan_in**0.5)
    path = empty.with_name("inception.pth")
    torch.save(state, path)
    return path


def test_inception_is_torchmetrics_own_without_antialiasing(inception_file):
    from torchmetrics.image.fid import FrechetInceptionDistance

    extractor = load_inception(inception_file)
    theirs = FrechetInceptionDistance(
        feature_extractor_weights_path=str(inception_file), antialias=False
    )
    levels = clean_protocol().seen(pictures(2, height=48, width=48))
    features = extractor.network(levels)
    assert features.shape == (2, extractor.num_features)
    torch.testing.assert_close(features, theirs.inception(levels))
    assert features.std() > 0


def test_only_the_published_weights_give_what_is_called_rfid(
    inception_file, monkeypatch
):
    digest = hashlib.sha256(inception_file.read_bytes()).hexdigest()
    other = load_inception(inception_file)
    assert other.term == "unpublished_frechet"
    assert other.facts["sha256"] == digest
    assert "antialias=False" in other.facts["resize"]
    monkeypatch.setattr(frechet, "_PUBLISHED", digest[:8])
    assert load_inception(inception_file).term == "rfid"


def test_the_published_file_is_the_one_that_the_package_downloads():
    assert fidelity.URL_INCEPTION_V3.endswith(f"-{frechet._PUBLISHED}.pth")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"fid weights=.*absent\.pth"):
        load_inception(tmp_path / "absent.pth")


@pytest.mark.parametrize("content", [{}, {"fc.weight": torch.zeros(2)}, 3])
def test_another_networks_file_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth.*weights-inception"):
        load_inception(tmp_path / "other.pth")


class Malice:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return type(self.marker).touch, (self.marker,)


def test_a_file_with_code_in_it_is_refused_and_never_executed(tmp_path):
    marker, path = tmp_path / "executed", tmp_path / "evil.pth"
    torch.save({"fc.weight": Malice(marker)}, path)
    with pytest.raises(ValueError, match="was not executed"):
        load_inception(path)
    assert not marker.exists()
