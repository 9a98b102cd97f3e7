"""Random numbers belong to the sample, whatever the batch; mixed pictures' shares are distributed as they claim."""

import numpy as np
import pytest
import torch

from dlcore.data.images.counter_random import SampleDraws
from dlcore.data.images.mixing import beta_quantile


def test_the_draws_of_a_sample_do_not_depend_on_its_batch():
    together = SampleDraws(3, 7, torch.arange(100)).uniform("flip")
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    apart = torch.cat([SampleDraws(3, 7, few).uniform("flip") for few in order.split(7)])
    assert torch.equal(apart, together[order])


def test_seed_epoch_and_quantity_each_give_others():
    samples = torch.arange(1000)
    draws = [
        SampleDraws(seed, epoch, samples).uniform(quantity)
        for seed in (0, 1)
        for epoch in (0, 1)
        for quantity in ("flip", "crop area")
    ]
    correlations = torch.corrcoef(torch.stack(draws)) - torch.eye(8)
    assert correlations.abs().max() < 0.15


def test_the_draws_are_uniform_and_samples_independent():
    draws = SampleDraws(0, 0, torch.arange(200_000)).uniform("x")
    assert draws.min() >= 0
    assert draws.max() < 1
    counts = torch.histc(draws, 50, 0, 1)
    assert ((counts - 4000) ** 2 / 4000).sum() < 90  # chi squared with 49 degrees of freedom: 1 in 3,000
    assert torch.corrcoef(torch.stack([draws[1:], draws[:-1]]))[0, 1].abs() < 0.01
    wide = SampleDraws(0, 0, torch.arange(1000)).uniform("x", -3, 5)
    assert -3 <= wide.min() < -2.9
    assert 4.9 < wide.max() < 5


def test_the_mixing_function_is_splitmix64():
    from dlcore.data.images.counter_random import _mixed

    # The first outputs of SplitMix64 from state 0 (Vigna's reference program).
    golden = 0x9E3779B97F4A7C15
    assert [_mixed(golden * step) for step in (1, 2)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0, 4.0])
def test_shares_are_beta_distributed(alpha):
    share = torch.linspace(0, 1, 100_001)[:-1] + 5e-6
    found = beta_quantile(share, alpha)
    assert (found.diff() >= -1e-6).all()
    # Mean ½ and variance 1/(4(2α+1)) are those of Beta(α, α).
    assert found.mean() == pytest.approx(0.5, abs=1e-3)
    assert found.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.01)
    places = np.linspace(0.005, 0.995, 199)  # of a hundred thousand, the outermost are few
    drawn = np.quantile(np.random.default_rng(0).beta(alpha, alpha, 100_000), places)
    assert np.abs(drawn - np.quantile(found.numpy(), places)).max() < 0.01
