import gzip
import hashlib
import io
import pickle
import socket
import tarfile
import urllib.request
import warnings
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torchvision import datasets

from arcvq_lite.data import DownloadError, data_root, fetching, load_images

IMAGES = {
    "train": np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8),
    "t10k": np.random.default_rng(1).integers(0, 256, (10, 28, 28), dtype=np.uint8),
}
LABELS = {part: np.arange(len(IMAGES[part])).astype(np.uint8) % 10 for part in IMAGES}


def idx(array):
    extents = b"".join(extent.to_bytes(4, "big") for extent in array.shape)
    return bytes([0, 0, 8, array.ndim]) + extents + array.tobytes()


def mnist_files():
    """The four files of MNIST's format, unpacked, by name."""
    images = {f"{part}-images-idx3-ubyte": idx(IMAGES[part]) for part in IMAGES}
    labels = {f"{part}-labels-idx1-ubyte": idx(LABELS[part]) for part in LABELS}
    return images | labels


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def mnist_archives(monkeypatch):
    """Tiny MNIST archives, which torchvision is told to expect."""
    packed = {f"{name}.gz": gzip.compress(raw) for name, raw in mnist_files().items()}
    sums = [(name, md5(content)) for name, content in packed.items()]
    monkeypatch.setattr(datasets.MNIST, "resources", sums)
    return packed


@pytest.fixture
def cifar_archive(monkeypatch):
    """A tiny CIFAR-10 archive, which torchvision is told to expect."""
    rng = np.random.default_rng(2)
    batches = {}
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        data = rng.integers(0, 256, (4, 3072), dtype=np.uint8)
        batches[name] = pickle.dumps({"data": data, "labels": [0, 3, 5, 9]})
    meta = pickle.dumps({"label_names": list("abcdefghij")})
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in {**batches, "batches.meta": meta}.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    sums = [[name, md5(content)] for name, content in batches.items()]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", sums[5:])
    expected = {"filename": "batches.meta", "key": "label_names", "md5": md5(meta)}
    monkeypatch.setattr(datasets.CIFAR10, "meta", expected)
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(stream.getvalue()))
    return stream.getvalue()


class Response(io.BytesIO):
    """What `urlopen` returns; may break off after some bytes."""

    def __init__(self, url, content, broken_after=None):
        super().__init__(content)
        self.url, self.length, self.broken_after = url, len(content), broken_after

    def read(self, size=-1):
        if self.broken_after is not None and self.tell() >= self.broken_after:
            raise ConnectionResetError("the line broke")
        return super().read(min(size, self.broken_after or size))


@pytest.fixture
def network(monkeypatch):
    """Replace the network: `network(answer)`, an answer for each address."""
    asked = []

    def install(answer):
        def urlopen(request, *_, **__):
            asked.append(request.full_url)
            return answer(request.full_url)

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        return asked

    return install


@pytest.fixture
def offline(network):
    def unreachable(url):
        raise URLError("no route to host")

    return network(unreachable)


def found_below(root):
    return sorted(root.rglob("*"))


@pytest.mark.parametrize(
    ("name", "url", "place", "serves"),
    [
        (
            "mnist",
            "amazonaws.com/mnist/train-images-idx3-ubyte.gz",
            "MNIST/raw/train-images-idx3-ubyte.gz",
            "digits",
        ),
        (
            "fashion-mnist",
            "amazonaws.com/t10k-labels-idx1-ubyte.gz",
            "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz",
            "digits",
        ),
        (
            "cifar10",
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "cifar-10-python.tar.gz",
            "photos",
        ),
    ],
)
def test_an_unreachable_download_says_what_to_do(
    name, url, place, serves, offline, tmp_path
):
    with pytest.raises(DownloadError, match="no route to host") as caught:
        load_images(name, root=tmp_path)
    with pytest.raises(FileNotFoundError, match="download=False") as absent:
        load_images(name, root=tmp_path, download=False)
    for message in (str(caught.value), str(absent.value)):
        assert url in message
        assert str(tmp_path / place) in message
        assert f'load_images("{serves}")' in message
    assert isinstance(caught.value, RuntimeError)
    assert found_below(tmp_path) == []


def test_without_download_the_network_is_not_asked(offline, tmp_path):
    with pytest.raises(FileNotFoundError):
        load_images("mnist", root=tmp_path, download=False)
    assert offline == []


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
@pytest.mark.parametrize(
    ("broken_after", "reason"), [(4, "the line broke"), (None, "corrupted")]
)
def test_no_half_file_stays(name, broken_after, reason, network, tmp_path):
    network(lambda url: Response(url, b"a stranger's login page", broken_after))
    with pytest.raises(DownloadError, match=reason):
        load_images(name, root=tmp_path)
    assert found_below(tmp_path) == []


def test_an_interrupt_leaves_nothing_either(network, tmp_path):
    def interrupt(url):
        raise KeyboardInterrupt

    network(interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_images("mnist", root=tmp_path)
    assert found_below(tmp_path) == []


def test_a_root_that_cannot_be_made_is_a_download_error(offline, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="mnist could not be fetched"):
        load_images("mnist", root=tmp_path / "file")


def test_a_download_is_unpacked_and_fetched_once(mnist_archives, network, tmp_path):
    asked = network(lambda url: Response(url, mnist_archives[url.rpartition("/")[2]]))
    train = load_images("mnist", root=tmp_path)
    count = len(asked)
    test = load_images("mnist", root=tmp_path, split="test")
    assert count > 0
    assert len(asked) == count
    assert train.images.shape == (20, 1, 28, 28)
    assert test.images.shape == (10, 1, 28, 28)
    expected = torch.from_numpy(IMAGES["train"]).float() / 127.5 - 1
    torch.testing.assert_close(train.images[:, 0], expected)
    assert train.labels.tolist() == LABELS["train"].tolist()
    assert train.class_names == tuple("0123456789")
    assert not list(tmp_path.glob(".partial*"))


def test_a_limit_to_waiting_holds_only_while_fetching(network, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "SILENCE_LIMIT", 7.0)
    socket.setdefaulttimeout(None)
    during = []
    network(lambda url: during.append(socket.getdefaulttimeout()) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load_images("mnist", root=tmp_path)
    assert during == [7.0]
    assert socket.getdefaulttimeout() is None


def test_files_laid_unpacked_by_hand_serve(offline, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in mnist_files().items():
        (raw / name).write_bytes(content)
    few = load_images("mnist", root=tmp_path, split="test", limit=5, size=32)
    assert few.images.shape == (5, 1, 32, 32)
    assert few.images.abs().max() <= 1
    assert offline == []


@pytest.mark.parametrize("download", [True, False])
def test_archives_laid_where_the_message_says_serve(
    download, mnist_archives, offline, tmp_path
):
    with pytest.raises(FileNotFoundError) as caught:
        load_images("mnist", root=tmp_path, download=False)
    for line in str(caught.value).splitlines():
        if line.startswith("  as "):
            place = tmp_path / line.removeprefix("  as ")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(mnist_archives[place.name])
    assert len(load_images("mnist", root=tmp_path, download=download)) == 20
    assert offline == []


def test_only_the_archives_that_are_absent_or_damaged_are_asked_for(
    mnist_archives, offline, tmp_path
):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    whole, damaged, *absent = mnist_archives
    (raw / whole).write_bytes(mnist_archives[whole])
    (raw / damaged).write_bytes(mnist_archives[damaged][:-9])
    with pytest.raises(DownloadError) as caught:
        load_images("mnist", root=tmp_path)
    assert str(raw / whole) not in str(caught.value)
    for name in (damaged, *absent):
        assert str(raw / name) in str(caught.value)


def test_a_damaged_unpacked_file_is_fetched_again(mnist_archives, network, tmp_path):
    network(lambda url: Response(url, mnist_archives[url.rpartition("/")[2]]))
    load_images("mnist", root=tmp_path)
    images = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    for length in (0, 2, 10, 500):
        images.write_bytes(images.read_bytes()[:length])
        assert len(load_images("mnist", root=tmp_path)) == 20


def test_cifar10_from_a_hand_laid_archive(cifar_archive, offline, tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(cifar_archive)
    train = load_images("cifar10", root=tmp_path)
    test = load_images("cifar10", root=tmp_path, split="test")
    assert train.images.shape == (20, 3, 32, 32)
    assert train.images.is_contiguous()
    assert test.labels.tolist() == [0, 3, 5, 9]
    assert test.class_names[3] == "cat"
    stored = datasets.CIFAR10(tmp_path, train=False).data  # (4, 32, 32, 3)
    expected = torch.from_numpy(stored).permute(0, 3, 1, 2).float() / 127.5 - 1
    torch.testing.assert_close(test.images, expected)


def test_a_numpy_that_warns_about_old_pickles_is_no_obstacle(
    cifar_archive, offline, tmp_path, monkeypatch
):
    def warning_load(stream, **options):
        warnings.warn("align=0", np.exceptions.VisibleDeprecationWarning, stacklevel=2)
        return pickle.load(stream, **options)

    reader = SimpleNamespace(load=warning_load)
    monkeypatch.setattr("torchvision.datasets.cifar.pickle", reader)
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(cifar_archive)
    assert len(load_images("cifar10", root=tmp_path)) == 20


def test_the_root_is_the_argument_then_the_environment_then_the_cache(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("ARCVQ_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert data_root() == tmp_path / ".cache" / "arcvq_lite"
    monkeypatch.setenv("ARCVQ_DATA", str(tmp_path / "shelf"))
    assert data_root() == tmp_path / "shelf"
    assert data_root(tmp_path / "own") == tmp_path / "own"
