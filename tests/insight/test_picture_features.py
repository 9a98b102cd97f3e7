"""Features whose values are known without computing them."""

import pytest
import torch

from dlcore.insight.picture_features import picture_features, shrunk, sobel, to_grey, value_counts


def test_sobel_of_a_step_is_four_times_its_height_on_both_sides_of_it():
    step = torch.zeros(5, 6)
    step[:, 3:] = 10
    right, down = sobel(step)
    assert right.tolist() == [[0, 0, 40, 40, 0, 0]] * 5
    assert not down.any()
    right, down = sobel(step.T)
    assert not right.any()
    assert down.T.tolist() == [[0, 0, 40, 40, 0, 0]] * 5


def test_sobel_of_a_slope_is_eight_times_the_slope_and_a_flat_picture_has_none():
    right, down = sobel(torch.arange(6.0).expand(4, 6))
    assert right[:, 1:-1].tolist() == [[8] * 4] * 4
    assert not down.any()
    assert not any(gradient.any() for gradient in sobel(torch.full((3, 3), 7.0)))


def test_the_histogram_counts_each_value_of_each_channel():
    picture = torch.tensor([[[0, 0], [255, 7]], [[7, 7], [7, 7]]], dtype=torch.uint8)
    counts = value_counts(picture)
    assert counts.shape == (2, 256)
    assert {value: int(counts[0, value]) for value in (0, 7, 255)} == {0: 2, 7: 1, 255: 1}
    assert counts[1, 7] == 4
    assert counts.sum() == 8


def test_grey_is_the_weighted_sum_of_red_green_and_blue():
    colors = torch.tensor([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]).view(4, 3).T.reshape(3, 2, 2)
    assert to_grey(colors).flatten().tolist() == pytest.approx([76.245, 149.685, 29.07, 255.0])
    assert to_grey(torch.full((1, 2, 2), 9)).tolist() == [[9, 9], [9, 9]]


def test_a_shrunk_picture_keeps_its_shape_and_its_mean():
    grey = torch.rand(100, 50)
    small = shrunk(grey, 25)
    assert small.shape == (25, 12)
    assert float(small.mean()) == pytest.approx(float(grey.mean()), abs=0.01)
    assert shrunk(grey[:20, :25], 25).shape == (20, 25)
    assert shrunk(torch.rand(2, 500), 25).shape == (1, 25)


def test_shuffled_pixels_have_the_same_histogram_and_stay_together_over_channels():
    picture = torch.arange(3 * 4 * 5, dtype=torch.uint8).view(3, 4, 5)
    features = picture_features(picture)
    shuffled = torch.from_numpy(features.shuffled)
    assert not torch.equal(shuffled, picture)
    assert torch.equal(value_counts(shuffled), torch.from_numpy(features.histogram))
    assert {tuple(pixel) for pixel in shuffled.flatten(1).T.tolist()} == {
        tuple(pixel) for pixel in picture.flatten(1).T.tolist()
    }


def test_edges_are_the_length_of_the_gradient():
    features = picture_features(torch.randint(0, 256, (1, 6, 6), dtype=torch.uint8))
    assert features.edges**2 == pytest.approx(features.gradient_x**2 + features.gradient_y**2, rel=1e-5)
