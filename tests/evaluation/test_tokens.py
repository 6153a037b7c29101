"""Images to token files and back, and pictures beside their reconstructions."""

import numpy as np
import pytest
import torch
from PIL import Image
from small_models import pictures, save_image, vqgan, vqvae

from arcvq_lite.data import token_file
from arcvq_lite.data.source import open_source
from arcvq_lite.evaluation import (
    TokenSet,
    decode,
    encode,
    encode_batches,
    load_tokens,
    reconstruct,
)


def levels_of(path):
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


@pytest.fixture
def source(tmp_path):
    """Two classes of three images."""
    images = pictures(6)
    for number, image in enumerate(images):
        folder = tmp_path / "images" / f"class {number // 3}"
        folder.mkdir(parents=True, exist_ok=True)
        save_image(image, folder / f"picture {number}.png")
    return open_source(tmp_path / "images")


def token_set(indices=None, **changes):
    fields = {
        "indices": np.zeros((2, 3, 4), np.uint16) if indices is None else indices,
        "labels": np.array([0, 1]),
        "names": ("a.png", "b.png"),
        "class_names": ("cat", "dog"),
        "num_codes": 16,
        "codebook_sha256": "0" * 64,
    }
    return TokenSet(**{**fields, **changes})


# There and back


@pytest.mark.parametrize("make", [vqvae, vqgan])
def test_decoded_tokens_are_the_models_reconstructions(make, source, tmp_path):
    model, images = make(), pictures(6)
    written = encode(model, source, tmp_path / "t.npz", size=32, batch_size=4)
    assert written.grid == tuple(model.encode(images).shape[1:])
    assert np.array_equal(written.indices, model.encode(images).numpy())
    paths = decode(model, tmp_path / "t.npz", tmp_path / "out", batch_size=4)
    expected = model.eval()(images).reconstruction.clamp(-1, 1)
    for path, image in zip(paths, expected, strict=True):
        error = levels_of(path).float() - (image + 1) * 127.5
        assert error.abs().max() <= 0.51
    assert len(np.unique(written.indices)) > 4


def test_the_file_says_what_the_images_were(source, tmp_path):
    encode(vqvae(), source, tmp_path / "t.npz", size=32)
    tokens = load_tokens(tmp_path / "t.npz")
    assert tokens.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert tokens.class_names == ("class 0", "class 1")
    assert tokens.names == tuple(source.name(index) for index in range(6))
    assert len(tokens) == 6


def test_numpy_alone_can_read_the_file(tmp_path):
    token_set().save(tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz", allow_pickle=False) as stored:
        assert stored["indices"].dtype == np.uint16
        assert stored["grid"].tolist() == [3, 4]
        assert int(stored["num_codes"]) == 16


@pytest.mark.parametrize("num_codes", [2, 65_536, 65_537])
def test_the_last_code_survives(num_codes, tmp_path):
    kind = np.uint16 if num_codes <= 65_536 else np.int32
    indices = np.full((2, 1, 1), num_codes - 1, kind)
    token_set(indices, num_codes=num_codes).save(tmp_path / "t.npz")
    loaded = load_tokens(tmp_path / "t.npz")
    assert loaded.indices.dtype == kind
    assert (loaded.indices.astype(np.int64) == num_codes - 1).all()


def test_odd_names_survive(tmp_path):
    names = ("ключ\n.png", "b\udcff.png")
    token_set(names=names).save(tmp_path / "t.npz")
    assert load_tokens(tmp_path / "t.npz").names == names


def test_grey_models_take_coloured_files(source, tmp_path):
    model = vqvae(in_channels=1)
    encode(model, source, tmp_path / "t.npz", size=32)
    (first, *_) = decode(model, tmp_path / "t.npz", tmp_path / "out")
    found = levels_of(first)
    assert torch.equal(found[0], found[2])


def test_encoding_leaves_the_mode_of_the_model(source, tmp_path):
    model = vqgan()
    model.encoder.eval()
    encode(model, source, tmp_path / "t.npz", size=32)
    assert model.training
    assert not model.encoder.training


# Refusals


@pytest.mark.parametrize("size", [0, 2, 30, -4])
def test_a_size_that_no_grid_has_is_refused(size, source, tmp_path):
    with pytest.raises(ValueError, match=f"size={size} must be a multiple of 4"):
        encode(vqvae(), source, tmp_path / "t.npz", size=size)
    assert not (tmp_path / "t.npz").exists()


def test_another_models_tokens_are_refused_by_name(source, tmp_path):
    encode(vqvae(), source, tmp_path / "t.npz", size=32)
    other = vqvae()
    with torch.no_grad():
        other.quantizer.codebook[3, 2] += 1e-6
    with pytest.raises(ValueError, match=r"t\.npz.* another codebook \(K = 16"):
        decode(other, tmp_path / "t.npz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": np.full((2, 3, 4), 16, np.uint16)}, "indices must lie in 0 … 15"),
        ({"indices": np.zeros((2, 3, 4), np.int64)}, "indices must be .* uint16"),
        ({"indices": np.zeros((2, 3), np.uint16)}, "indices must be"),
        ({"labels": np.array([0])}, "labels must be"),
        ({"labels": np.array([0, 2])}, "labels must lie in 0 … 1"),
        ({"names": ("a",)}, "names must be 2"),
    ],
)
def test_parts_that_do_not_fit_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        token_set(**changes)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no archive",
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"indices", b"indexes"),
        lambda content: content.replace(bytes([0, 7, 0]), bytes([0, 6, 0]), 1),
    ],
)
def test_a_damaged_file_is_named(damage, tmp_path):
    path = tmp_path / "t.npz"
    token_set(np.full((2, 3, 4), 7, np.uint16)).save(path)
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert path.read_bytes() != content
    with pytest.raises(ValueError, match=r"t\.npz.* damaged or no token file"):
        load_tokens(path)


def test_a_later_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(token_file, "_FORMAT", "arcvq tokens 2")
    token_set().save(tmp_path / "t.npz")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="format is arcvq tokens 2, wanted"):
        load_tokens(tmp_path / "t.npz")


def test_a_file_with_code_in_it_is_refused_and_never_executed(tmp_path):
    class Malice:
        def __reduce__(self):
            return (tmp_path / "executed").touch, ()

    array = np.array([Malice()], dtype=object)
    np.savez(tmp_path / "t.npz", format=array, indices=array, allow_pickle=True)
    with pytest.raises(ValueError, match="damaged or no token file"):
        load_tokens(tmp_path / "t.npz")
    assert not (tmp_path / "executed").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"tokens_file=.*absent\.npz"):
        decode(vqvae(), tmp_path / "absent.npz", tmp_path)


def test_no_name_in_a_token_file_leads_out_of_the_folder(tmp_path):
    from arcvq_lite.evaluation.fingerprint import digest_codebook

    model = vqvae()
    token_set(
        names=("../../escape.png", "shard.tar!..\\..\\escape.png"),
        codebook_sha256=digest_codebook(model.quantizer.codebook),
    ).save(tmp_path / "t.npz")
    paths = decode(model, tmp_path / "t.npz", tmp_path / "out")
    assert [path.name for path in paths] == ["0-escape.png", "1-escape.png"]
    assert {path.parent for path in paths} == {tmp_path / "out"}
    assert sorted(tmp_path.rglob("*.png")) == paths


def test_a_failed_save_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "t.npz"
    token_set().save(path)
    before = path.read_bytes()

    def half_a_file(file, **_):
        file.write(b"half a")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", half_a_file)
    with pytest.raises(OSError, match="disk full"):
        token_set(num_codes=20).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_no_batches_are_refused():
    with pytest.raises(ValueError, match="no image"):
        encode_batches(vqvae(), [])


# Side by side


@pytest.mark.parametrize(("make", "factor"), [(vqvae, 4), (vqgan, 8)])
def test_a_picture_stands_beside_its_tokens_and_reconstruction(make, factor, tmp_path):
    model = make()
    image = pictures(1, height=32, width=48)
    path = save_image(image[0], tmp_path / "picture.png")
    told = reconstruct(model, path, tmp_path / "out.png")
    assert told.stored == told.used == (48, 32)
    assert told.grid == (32 // factor, 48 // factor)
    found = levels_of(told.out)
    assert found.shape == (3, 32, 3 * 48 + 8)
    original, tokens, back = found[..., :48], found[..., 52:100], found[..., 104:]
    assert torch.equal(original, levels_of(path))
    expected = model.eval()(image).reconstruction[0].clamp(-1, 1)
    assert (back.float() - (expected + 1) * 127.5).abs().max() <= 0.51
    indices = model.encode(image)[0]
    squares = tokens[:, ::factor, ::factor]
    assert torch.equal(
        tokens, squares.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    )
    shades = squares.flatten(1).T
    for one, shade in zip(indices.flatten(), shades, strict=True):
        same = (shades == shade).all(dim=1)
        assert torch.equal(same, indices.flatten() == one)
    error = (image - expected).div(2).square().mean()
    assert told.psnr == pytest.approx(-10 * error.log10().item(), abs=1e-4)


def test_sides_that_no_grid_has_are_cut_and_told(tmp_path):
    image = pictures(1, height=30, width=45)
    path = save_image(image[0], tmp_path / "picture.png")
    told = reconstruct(vqgan(), path, tmp_path / "out.png")
    assert told.stored == (45, 30)
    assert told.used == (40, 24)
    original = levels_of(told.out)[..., :40]
    assert torch.equal(original, levels_of(path)[:, 3:27, 2:42])


def test_a_picture_smaller_than_a_token_is_refused(tmp_path):
    path = save_image(pictures(1, height=40, width=6)[0], tmp_path / "thin.png")
    with pytest.raises(ValueError, match="6×40 pixels is smaller than one token"):
        reconstruct(vqgan(), path, tmp_path / "out.png")


def test_a_missing_folder_is_named(tmp_path):
    path = save_image(pictures(1)[0], tmp_path / "picture.png")
    with pytest.raises(FileNotFoundError, match=r"nowhere.*does not exist"):
        reconstruct(vqvae(), path, tmp_path / "nowhere" / "out.png")
