import pytest
import torch

from dlcore.errors import DataError
from dlcore.tracking import count_histogram
from dlcore.tracking.histogram import KeptHistograms, read_distributions


def look(*values):
    return {"weights/00_a": count_histogram(torch.tensor(values), bins=4)}


def test_the_first_and_the_latest_histograms_are_kept(tmp_path):
    kept = KeptHistograms(tmp_path)
    for step in (0, 10, 20):
        kept.keep(look(0.0, float(step + 4)), step)
    first, last = read_distributions(tmp_path)
    assert (first.step, last.step) == (0, 20)
    assert first.histograms["weights/00_a"] == look(0.0, 4.0)["weights/00_a"].read()
    assert last.histograms["weights/00_a"].edges == (0, 6, 12, 18, 24)


def test_a_run_that_goes_on_keeps_its_first_ones(tmp_path):
    KeptHistograms(tmp_path).keep(look(0.0, 4.0), 0)
    again = KeptHistograms(tmp_path)
    again.keep(look(0.0, 8.0), 30)
    first, last = read_distributions(tmp_path)
    assert (first.step, last.step) == (0, 30)


def test_numbers_that_are_not_finite_come_back(tmp_path):
    KeptHistograms(tmp_path).keep(look(float("nan"), float("inf")), 0)
    histogram = read_distributions(tmp_path)[0].histograms["weights/00_a"]
    assert (histogram.nan, histogram.infinite, histogram.count, histogram.counts) == (1, 1, 0, ())


@pytest.mark.parametrize("content", ["", "{}", '{"first": 3, "last": null}'])
def test_another_file_is_refused(content, tmp_path):
    (tmp_path / "distributions.json").write_text(content)
    with pytest.raises(DataError, match=r"distributions\.json: cannot be read"):
        read_distributions(tmp_path)
