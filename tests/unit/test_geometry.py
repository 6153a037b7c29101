"""The ball's projection, and how a codebook lies on the sphere."""

import math

import pytest
import torch
from hypothesis import given
from strategies import codebooks, radii
from torch.nn import functional as F

from arcvq_lite import (
    codebook_geometry,
    project_to_ball,
    project_to_ball_,
    uniform_sphere,
)

HALVES = [torch.bfloat16, torch.float16]
DTYPES = [torch.float32, torch.float64, *HALVES]


def norms(codebook):
    return codebook.double().norm(dim=1)


# The projection


@given(codebooks(), radii)
def test_projecting_twice_is_projecting_once(codebook, radius):
    once = project_to_ball(codebook, radius)
    assert torch.equal(project_to_ball(once, radius), once)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [1, 3, 64, 4096])
@pytest.mark.parametrize("radius", [0.1, 1.0, 48.560543060302734, 1000.0])
def test_projecting_is_idempotent_in_every_dtype_and_dimension(dtype, dim, radius):
    spread = 2 * radius / math.sqrt(dim)
    codebook = (torch.randn(64, dim) * spread).to(dtype)
    once = project_to_ball(codebook, radius)
    assert torch.equal(project_to_ball(once, radius), once)


@given(codebooks(), radii)
def test_no_entry_and_so_no_norm_is_ever_raised(codebook, radius):
    projected = project_to_ball(codebook, radius)
    assert (projected.abs() <= codebook.abs()).all()


@given(codebooks(), radii)
def test_every_code_ends_in_the_ball(codebook, radius):
    sixteen_units = 1 + 16 * torch.finfo(torch.float32).eps
    assert norms(project_to_ball(codebook, radius)).max() <= radius * sixteen_units


@given(codebooks(), radii)
def test_codes_inside_are_left_bit_for_bit(codebook, radius):
    inside = norms(codebook) <= radius
    projected = project_to_ball(codebook, radius)
    assert torch.equal(projected[inside], codebook[inside])


@given(codebooks(), radii)
def test_projection_equals_torch_renorm(codebook, radius):
    expected = torch.renorm(codebook, p=2, dim=0, maxnorm=radius)
    projected = project_to_ball(codebook, radius)
    torch.testing.assert_close(projected, expected, rtol=1e-5, atol=1e-6)


def test_directions_are_kept():
    codebook = torch.randn(32, 8) * 5
    cosine = F.cosine_similarity(project_to_ball(codebook, 1.0), codebook)
    torch.testing.assert_close(cosine, torch.ones(32))


def test_gradient_flows_through_the_rescaling():
    codebook = torch.randn(8, 4, dtype=torch.float64, requires_grad=True)
    radius = codebook.detach().norm(dim=1).sort().values[3:5].mean().item()
    assert torch.autograd.gradcheck(lambda e: project_to_ball(e, radius), codebook)


def test_a_radius_of_0_puts_every_code_on_the_origin():
    codebook = torch.randn(4, 3, requires_grad=True)
    projected = project_to_ball(codebook, 0.0)
    projected.sum().backward()
    assert torch.equal(projected, torch.zeros(4, 3))
    assert torch.isfinite(codebook.grad).all()


@pytest.mark.parametrize("radius", [1e30, 3.4e38])
def test_a_huge_radius_changes_nothing(radius):
    codebook = torch.randn(4, 3) * 1e10
    assert torch.equal(project_to_ball(codebook, radius), codebook)


@pytest.mark.parametrize("radius", [0.0, 1.0])
def test_a_code_of_zero_norm_stays_where_it_is(radius):
    codebook = torch.zeros(2, 3, requires_grad=True)
    projected = project_to_ball(codebook, radius)
    projected.sum().backward()
    assert torch.equal(projected, torch.zeros(2, 3))
    assert torch.isfinite(codebook.grad).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_dtype_is_kept_and_its_own_rounding_is_all_the_slack(dtype):
    codebook = (torch.randn(200, 4) * 2).to(dtype)
    projected = project_to_ball(codebook, 1.0)
    assert projected.dtype == dtype
    assert norms(projected).max() <= 1 + 2 * torch.finfo(dtype).eps + 1e-5


def test_a_transposed_view_is_projected_by_its_rows():
    view = (torch.randn(3, 5) * 4).T
    expected = project_to_ball(view.contiguous(), 1.0)
    assert torch.equal(project_to_ball(view, 1.0), expected)
    assert torch.equal(project_to_ball_(view, 1.0), expected)


def test_projection_makes_a_new_tensor():
    codebook = torch.randn(4, 3) * 5
    before = codebook.clone()
    assert project_to_ball(codebook, 1.0).data_ptr() != codebook.data_ptr()
    assert torch.equal(codebook, before)


@given(codebooks(), radii)
def test_in_place_projection_equals_the_other(codebook, radius):
    expected = project_to_ball(codebook, radius)
    assert torch.equal(project_to_ball_(codebook, radius), expected)
    assert torch.equal(codebook, expected)


def test_in_place_projection_keeps_the_parameter_and_stays_outside_the_graph():
    codebook = torch.nn.Parameter(torch.randn(4, 3) * 5)
    storage = codebook.data_ptr()
    assert project_to_ball_(codebook, 1.0) is codebook
    assert codebook.data_ptr() == storage
    assert codebook.is_leaf
    assert codebook.requires_grad
    codebook.sum().backward()
    assert torch.equal(codebook.grad, torch.ones(4, 3))


@pytest.mark.parametrize("project", [project_to_ball, project_to_ball_])
class TestProjectionRefuses:
    def test_an_integer_codebook(self, project):
        with pytest.raises(TypeError, match=r"codebook must be floating.*torch\.int64"):
            project(torch.ones(2, 3, dtype=torch.int64), 1.0)

    @pytest.mark.parametrize("shape", [(3,), (2, 3, 4)])
    def test_another_rank(self, project, shape):
        with pytest.raises(ValueError, match=r"codebook must be \(K, D\), got \("):
            project(torch.ones(shape), 1.0)

    @pytest.mark.parametrize("radius", [-1.0, math.nan, math.inf, 1e39])
    def test_a_radius_that_is_none(self, project, radius):
        with pytest.raises(ValueError, match=f"radius={radius}".replace("+", r"\+")):
            project(torch.ones(2, 3), radius)


# The codebook's geometry


def brute_force_nearest_angles(codebook):
    directions = F.normalize(codebook.double(), dim=1)
    cosine = (directions @ directions.T).clamp(-1, 1).fill_diagonal_(-1)
    return cosine.acos().min(dim=1).values


def test_four_corners_of_a_square_are_90_degrees_apart():
    geometry = codebook_geometry(torch.tensor([[1.0, 0], [0, 2], [-3, 0], [0, -4]]))
    torch.testing.assert_close(geometry.norms, torch.tensor([1.0, 2, 3, 4]))
    assert geometry.mean_nearest_angle == pytest.approx(90, abs=1e-4)


@pytest.mark.parametrize("num_codes", [2, 50, 1100])
def test_nearest_angles_equal_brute_force(num_codes):
    codebook = torch.randn(num_codes, 4)
    angles = codebook_geometry(codebook).nearest_angles
    expected = brute_force_nearest_angles(codebook).float()
    torch.testing.assert_close(angles, expected, rtol=1e-3, atol=1e-4)


def test_angles_do_not_depend_on_lengths():
    codebook = torch.randn(20, 5)
    lengths = torch.rand(20, 1) * 9 + 0.1
    torch.testing.assert_close(
        codebook_geometry(codebook * lengths).nearest_angles,
        codebook_geometry(codebook).nearest_angles,
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("angle", [0.0, 1e-5, 1e-3, math.pi])
def test_small_and_opposite_angles_are_resolved(angle):
    pair = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]])
    nearest = codebook_geometry(pair).nearest_angles
    torch.testing.assert_close(nearest, torch.full((2,), angle), rtol=1e-3, atol=0)


def test_a_code_of_zero_norm_has_no_angle_and_spoils_no_other():
    geometry = codebook_geometry(torch.tensor([[1.0, 0], [0, 0], [0, 1]]))
    assert geometry.nearest_angles.isnan().tolist() == [False, True, False]
    assert geometry.mean_nearest_angle == pytest.approx(90, abs=1e-4)
    assert math.isfinite(geometry.uniformity)


def test_a_codebook_without_two_directions_has_no_angles():
    geometry = codebook_geometry(torch.tensor([[1.0, 0], [0, 0]]))
    assert geometry.nearest_angles.isnan().all()
    assert math.isnan(geometry.uniformity)


@pytest.mark.parametrize("num_codes", [30, 1100])
def test_uniformity_is_the_log_of_the_mean_over_all_pairs(num_codes):
    codebook = torch.randn(num_codes, 4)
    squared = torch.pdist(F.normalize(codebook.double(), dim=1)).square()
    expected = (-2 * squared).exp().mean().log().item()
    assert codebook_geometry(codebook).uniformity == pytest.approx(expected, rel=1e-4)


def test_uniformity_is_0_in_one_place_and_lower_when_spread():
    one_place = codebook_geometry(torch.ones(16, 4)).uniformity
    crowded = codebook_geometry(torch.randn(16, 4) * 0.1 + 1).uniformity
    spread = codebook_geometry(torch.randn(16, 4)).uniformity
    assert one_place == pytest.approx(0, abs=1e-5)
    assert spread < crowded < one_place


@pytest.mark.parametrize(("dim", "degrees"), [(4, 8.5), (16, 44), (64, 67)])
def test_a_uniform_sphere_has_the_known_mean_nearest_angle(dim, degrees):
    sphere = uniform_sphere(1024, dim)
    assert sphere.mean_nearest_angle == pytest.approx(degrees, abs=0.6)
    torch.testing.assert_close(sphere.norms, torch.ones(1024))


def test_a_uniform_sphere_follows_its_seed_and_no_other():
    before = torch.get_rng_state()
    first, again, other = (uniform_sphere(16, 3, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.nearest_angles, again.nearest_angles)
    assert not torch.equal(first.nearest_angles, other.nearest_angles)


@pytest.mark.parametrize(("num_codes", "dim"), [(1, 4), (8, 0)])
def test_a_uniform_sphere_of_a_size_that_is_none_is_refused(num_codes, dim):
    with pytest.raises(ValueError, match=f"num_codes={num_codes} .*dim={dim} "):
        uniform_sphere(num_codes, dim)


def test_geometry_leaves_no_graph():
    geometry = codebook_geometry(torch.randn(4, 3, requires_grad=True))
    assert not geometry.norms.requires_grad
    assert not geometry.nearest_angles.requires_grad


@pytest.mark.parametrize("dtype", [torch.float64, *HALVES])
def test_geometry_in_other_dtypes(dtype):
    codebook = torch.randn(20, 4).to(dtype)
    angles = codebook_geometry(codebook).nearest_angles
    expected = brute_force_nearest_angles(codebook).to(angles.dtype)
    torch.testing.assert_close(angles, expected, rtol=1e-3, atol=1e-4)


class TestGeometryRefuses:
    def test_a_single_code(self):
        with pytest.raises(ValueError, match=r"codebook.*at least 2 codes.*got 1"):
            codebook_geometry(torch.ones(1, 3))

    def test_another_rank(self):
        with pytest.raises(ValueError, match=r"codebook must be \(K, D\), got \(3,\)"):
            codebook_geometry(torch.ones(3))

    def test_an_integer_codebook(self):
        with pytest.raises(TypeError, match=r"codebook must be floating.*torch\.int32"):
            codebook_geometry(torch.ones(4, 3, dtype=torch.int32))
