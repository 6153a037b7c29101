"""EMAVQ's moving averages, and the restart of its idle codes."""

import pytest
import torch
from sklearn.cluster import KMeans

from arcvq_lite import EMAVQ

K, D = 8, 3


def with_codes(codes, **options):
    quantizer = EMAVQ(*codes.shape, **options)
    quantizer.codebook.copy_(codes)
    quantizer.sums.copy_(codes)
    return quantizer


def test_averages_equal_their_formula_over_several_steps():
    quantizer = EMAVQ(K, D, decay=0.9, restart_below=0.0)
    codes, sums = quantizer.codebook.double(), quantizer.sums.double()
    counts = torch.ones(K, dtype=torch.float64)
    for _ in range(10):
        tokens = torch.randn(60, D)
        indices = torch.cdist(tokens.double(), codes).argmin(dim=1)
        for code in range(K):
            mine = tokens[indices == code].double()
            counts[code] = 0.9 * counts[code] + 0.1 * len(mine)
            sums[code] = 0.9 * sums[code] + 0.1 * mine.sum(dim=0)
        codes = sums / counts[:, None]
        assert torch.equal(quantizer(tokens).indices, indices)
    torch.testing.assert_close(quantizer.counts, counts.float())
    torch.testing.assert_close(quantizer.sums, sums.float())
    torch.testing.assert_close(quantizer.codebook, codes.float())


def test_decay_0_is_one_step_of_k_means():
    tokens = torch.randn(400, D)
    start = tokens[:K].clone()
    quantizer = with_codes(start, decay=0.0)
    quantizer(tokens)
    k_means = KMeans(K, init=start.numpy(), n_init=1, max_iter=1).fit(tokens.numpy())
    expected = torch.from_numpy(k_means.cluster_centers_)
    torch.testing.assert_close(quantizer.codebook, expected, rtol=1e-4, atol=1e-5)


def test_a_batch_is_quantized_with_the_codes_it_has_not_moved_yet():
    quantizer = EMAVQ(K, D, decay=0.0)
    before = quantizer.codebook.clone()
    out = quantizer(torch.randn(50, D))
    assert torch.equal(out.quantized, before[out.indices])
    assert not torch.equal(quantizer.codebook, before)


def test_an_idle_code_restarts_on_a_token_of_the_batch():
    codes = torch.cat([torch.zeros(1, D), torch.full((1, D), 100.0)])
    quantizer = with_codes(codes, decay=0.0, restart_below=0.5)
    tokens = torch.randn(50, D)
    quantizer(tokens)
    torch.testing.assert_close(quantizer.codebook[0], tokens.mean(dim=0))
    assert (tokens == quantizer.codebook[1]).all(dim=1).any()
    assert quantizer.counts.tolist() == [50, 1]


def test_a_restarted_code_wins_tokens():
    codes = torch.cat([torch.zeros(1, D), torch.full((K - 1, D), 100.0)])
    quantizer = with_codes(codes, decay=0.0, restart_below=0.5)
    tokens = torch.randn(50, D)
    assert quantizer(tokens).indices.unique().tolist() == [0]
    assert len(quantizer.eval()(tokens).indices.unique()) >= K - 1


def test_idle_codes_restart_on_tokens_of_their_own_while_there_are_enough():
    codes = torch.full((64, D), 100.0)
    quantizer = with_codes(codes, decay=0.0, restart_below=0.5)
    quantizer(torch.randn(64, D))
    assert len(quantizer.codebook[1:].unique(dim=0)) == 63


def test_more_idle_codes_than_tokens_restart_too():
    quantizer = with_codes(torch.full((64, D), 100.0), decay=0.0, restart_below=0.5)
    tokens = torch.randn(5, D)
    quantizer(tokens)
    assert (quantizer.codebook[1:, None] == tokens).all(dim=2).any(dim=1).all()


def test_a_code_counts_as_idle_only_below_the_threshold():
    quantizer = with_codes(torch.eye(D), decay=0.5, restart_below=0.5)
    far = torch.tensor([[10.0, 0.0, 0.0]]).expand(20, D)
    before = quantizer.codebook.clone()
    quantizer(far)
    assert quantizer.counts.tolist() == [10.5, 0.5, 0.5]
    torch.testing.assert_close(quantizer.codebook[1:], before[1:])
    quantizer(far)
    assert torch.equal(quantizer.codebook[1:], far[:2])


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_without_restart_an_idle_code_stays_where_it_was(decay):
    codes = torch.tensor([[0.0, 0.0], [3.0, -5.0]])
    quantizer = with_codes(codes, decay=decay, restart_below=0.0)
    for _ in range(300):
        quantizer(torch.randn(20, 2) * 0.1)
    torch.testing.assert_close(quantizer.codebook[1], codes[1], rtol=1e-4, atol=1e-4)


def test_restarts_follow_the_global_seed():
    def restarted(seed):
        quantizer = with_codes(torch.full((4, D), 100.0), decay=0.0)
        torch.manual_seed(seed)
        quantizer(tokens)
        return quantizer.codebook

    tokens = torch.randn(50, D)
    assert torch.equal(restarted(1), restarted(1))
    assert not torch.equal(restarted(1), restarted(2))


def test_emavq_commits_the_latents_and_its_codebook_takes_no_gradient():
    quantizer = EMAVQ(K, D, commitment_weight=0.3)
    codes = quantizer.codebook.clone()
    latents = torch.randn(40, D, requires_grad=True)
    out = quantizer(latents)
    out.loss.backward()
    difference = latents.detach() - codes[out.indices]
    torch.testing.assert_close(out.loss, 0.3 * difference.square().mean())
    torch.testing.assert_close(latents.grad, 0.3 * 2 * difference / latents.numel())
    assert not list(quantizer.parameters())
