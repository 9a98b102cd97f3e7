import math

import numpy as np
import pytest
import torch

from dlcore.errors import ArgumentError
from dlcore.tracking import Histogram, count_histogram
from dlcore.tracking import histogram as module

COUNTERS = [module._count_on_host, module._count_on_device]


@pytest.fixture(params=COUNTERS, ids=["host", "device"])
def count(request, monkeypatch):
    """count_histogram, once with the kernels for a CPU and once with those for an accelerator."""
    monkeypatch.setattr(module, "_count_on_host", request.param)
    return lambda tensor, bins=64: count_histogram(tensor, bins).read()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bins", [1, 7, 64])
def test_float64_equals_numpy(count, seed, bins):
    values = (
        torch.randn(3000, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 10.0**seed - seed
    )
    expected, edges = np.histogram(values.numpy(), bins=bins)
    found = count(values, bins)
    assert found.counts == tuple(expected)
    np.testing.assert_allclose(found.edges, edges, rtol=1e-12, atol=1e-12 * abs(edges).max())
    assert (found.minimum, found.maximum, found.count) == (values.min().item(), values.max().item(), values.numel())
    assert found.sum == pytest.approx(values.sum().item())
    assert found.sum_of_squares == pytest.approx(values.square().sum().item())
    assert (found.nan, found.infinite) == (0, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_narrow_floats_equal_numpy_up_to_rounding_at_the_borders(count, dtype):
    values = (torch.randn(500_000, generator=torch.Generator().manual_seed(0)) * 0.03).to(dtype)
    exact = values.double().numpy()
    expected, edges = np.histogram(exact, bins=64)
    found = count(values)
    assert sum(found.counts) == 500_000
    # Only values within a float32's rounding of a border may be on its other side.
    width = edges[1] - edges[0]
    doubtful = sum(np.count_nonzero(abs(exact - edge) < 1e-5 * width) for edge in edges[1:-1])
    assert np.abs(np.cumsum(found.counts) - np.cumsum(expected)).max() <= doubtful
    assert doubtful == 0 or dtype != torch.bfloat16 or found.counts == tuple(expected)
    assert found.sum == pytest.approx(exact.sum(), abs=1e-2)
    assert found.sum_of_squares == pytest.approx((exact**2).sum(), rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.bool])
def test_integers_equal_numpy(count, dtype):
    values = torch.randint(0, 2 if dtype == torch.bool else 200, (1000,), generator=torch.Generator().manual_seed(1))
    values = values.to(dtype)
    expected, _ = np.histogram(values.to(torch.int64).numpy(), bins=64)
    assert count(values).counts == tuple(expected)


def test_maximum_belongs_to_the_last_bin(count):
    assert count(torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0]), bins=4).counts == (1, 1, 1, 2)


def test_nan_and_infinity_are_counted_apart(count):
    values = torch.tensor([math.nan, 1.0, math.inf, 2.0, -math.inf, math.nan, math.nan, 3.0])
    found = count(values, bins=2)
    assert found == Histogram(1.0, 3.0, 3, 6.0, 14.0, (1.0, 2.0, 3.0), (1, 2), nan=3, infinite=2)


@pytest.mark.parametrize(
    ("values", "nan", "infinite"),
    [([math.nan] * 3, 3, 0), ([math.inf, -math.inf], 0, 2), ([math.nan, math.inf], 1, 1), ([], 0, 0)],
)
def test_without_a_finite_value_the_histogram_is_empty(count, values, nan, infinite):
    found = count(torch.tensor(values))
    assert (found.count, found.sum, found.sum_of_squares, found.edges, found.counts) == (0, 0.0, 0.0, (), ())
    assert math.isnan(found.minimum)
    assert math.isnan(found.maximum)
    assert (found.nan, found.infinite) == (nan, infinite)


@pytest.mark.parametrize("value", [0.0, 0.5, -3.0, 1e-40, 3e38])
@pytest.mark.parametrize("size", [1, 1000])
def test_constant_tensor_is_one_narrow_peak_around_its_value(count, value, size):
    found = count(torch.full((size,), value))
    value = torch.tensor(value).item()
    assert (found.minimum, found.maximum, found.count, sum(found.counts)) == (value, value, size, size)
    peak = found.counts.index(size)
    assert found.edges[peak] <= value <= found.edges[peak + 1]
    assert 0 < found.edges[-1] - found.edges[0] <= max(abs(value) * 2.1e-3, 2.1e-6)
    assert all(math.isfinite(edge) for edge in found.edges)


def test_whole_range_of_a_float_does_not_overflow(count):
    largest = torch.finfo(torch.float32).max
    found = count(torch.tensor([-largest, 0.0, largest]), bins=2)
    assert found.counts == (1, 2)
    assert found.infinite == 0


def test_width_below_the_normal_numbers_loses_no_value(count):
    found = count(torch.tensor([1.2e-38, 1.3e-38, 1.5e-38]))
    assert found.count == 3


def test_sparse_strided_and_differentiable_tensors(count):
    dense = torch.tensor([[0.0, 2.0], [3.0, 0.0]])
    expected = count(dense, bins=3).counts
    assert expected == (2, 0, 2)
    assert count(dense.to_sparse(), bins=3).counts == expected
    assert count(dense.t()[:, [0, 1]], bins=3).counts == expected
    assert count(dense.requires_grad_() * 1, bins=3).counts == expected


def test_tensor_itself_stays_as_it_is(count):
    values = torch.tensor([1.0, math.nan, -2.0, math.inf])
    before = values.clone()
    count(values)
    assert torch.equal(values, before) or torch.equal(values.nan_to_num(), before.nan_to_num())


def test_device_kernels_never_look_at_the_data():
    # Tensors without data: whatever would have to look at a value raises an error.
    counted = module._count_on_device(torch.empty(1000, device="meta"), 64)
    assert counted.slots.shape == (67,)
    assert counted.moments.device.type == "meta"


def test_refuses_complex_numbers_and_no_bins():
    with pytest.raises(ArgumentError, match=r"tensor: expected real numbers, got 'torch\.complex64'"):
        count_histogram(torch.ones(3, dtype=torch.complex64))
    with pytest.raises(ArgumentError, match="bins: expected a number at least 1"):
        count_histogram(torch.ones(3), bins=0)
