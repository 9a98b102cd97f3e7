"""Figures of pictures: what is laid where, what is written, and that odd input is drawn or named."""

import numpy as np
import pytest
import torch
from drawn import picture, texts

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.convolutions import LayerMaps, feature_maps, kernels
from dlcore.tracking.figures.mosaic import Mosaic, as_rgb, fit_text
from dlcore.tracking.figures.picture_grids import captioned_pictures, image_grid, worst_predictions
from dlcore.tracking.figures.pixels import PictureFeatures, hand_made_features, pixel_values


def inside(figure):
    """Whether each text that is drawn lies within the figure."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    renderer, (width, height) = figure.canvas.get_renderer(), figure.canvas.get_width_height()
    boxes = [
        text.get_window_extent(renderer)
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible() and (text.axes is None or text in text.axes.texts)
    ]
    return all(box.x0 >= -2 and box.y0 >= -2 and box.x1 <= width + 2 and box.y1 <= height + 2 for box in boxes)


def flat(*values, channels=1, height=4, width=6):
    """Pictures of one value each."""
    return np.stack([np.full((channels, height, width), value) for value in values])


def test_bytes_are_shown_from_0_to_255_numbers_from_least_to_greatest():
    assert as_rgb(flat(0, 51, 255).astype(np.uint8))[:, 0, 0, 0] == pytest.approx([0, 0.2, 1])
    assert as_rgb(flat(-1.0, 0.0, 3.0))[:, 0, 0, 0] == pytest.approx([0, 0.25, 1])
    assert as_rgb(flat(0.2), low=0, high=1)[0, 0, 0].tolist() == pytest.approx([0.2] * 3)


def test_three_channels_are_red_green_blue_others_their_mean():
    colored = np.array([0.0, 0.5, 1.0]).reshape(1, 3, 1, 1)
    assert as_rgb(colored)[0, 0, 0].tolist() == [0, 0.5, 1]
    assert as_rgb(np.concatenate([colored, colored[:, :1]], axis=1))[0, 0, 0].tolist() == pytest.approx([0.375] * 3)


def test_what_is_not_finite_has_a_colour_of_its_own():
    values = flat(0.0, 1.0)
    values[0, 0, 0, 0] = np.nan
    assert (as_rgb(values)[0, 0, 0] * 255).round().tolist() == [0xE0, 0x21, 0x8A]
    assert as_rgb(flat(np.nan)).shape == (1, 4, 6, 3)


def test_large_pictures_are_made_smaller_by_means():
    halves = np.concatenate([flat(0.0, height=1000, width=500), flat(1.0, height=1000, width=500)], axis=3)
    small = as_rgb(halves)
    assert max(small.shape[1:3]) <= 320
    assert small[0, :, 0].mean() == 0
    assert small[0, :, -1].mean() == 1
    assert as_rgb(flat(1.0, height=2, width=2000), low=0, high=1).mean() == 1


@pytest.mark.parametrize("shape", [(3, 4, 4), (0, 1, 4, 4)])
def test_what_is_no_pictures_is_refused(shape):
    with pytest.raises(ArgumentError, match=r"pictures: expected shape \(N, C, H, W\), not empty"):
        as_rgb(np.zeros(shape))


def test_a_mosaic_has_each_picture_at_its_place_and_white_between():
    mosaic = Mosaic(4, 6, rows=2, columns=3, gap=0.2)
    for number in range(6):
        mosaic.put(*divmod(number, 3), np.full((4, 6, 3), number / 10))
    assert mosaic.canvas.shape == (9, 20, 3)
    for number in range(6):
        top, left = mosaic.corner(*divmod(number, 3))
        assert (mosaic.canvas[top : top + 4, left : left + 6] == np.float32(number / 10)).all()
    assert (mosaic.canvas[4] == 1).all()
    assert (mosaic.canvas[:, 6] == 1).all()


def test_long_texts_are_cut_to_the_room_that_there_is():
    assert fit_text("short", 1.0, 10) == "short"
    assert fit_text("a very long name of a class", 1.0, 10).endswith("…")
    assert len(fit_text("很长的中文类名", 0.5, 10)) < len(fit_text("longlatinname", 0.5, 10))


def test_a_grid_has_a_row_a_class():
    rows = [flat(0.0, 0.0), flat(1.0, 1.0, 1.0), flat(0.5)]
    figure = image_grid(
        rows, ["圆形", "square", "a name that is much too long to be written beside a row"], "all", limits=(0, 1)
    )
    (image,) = figure.axes[0].images
    canvas = np.asarray(image.get_array())
    step, across = 4 + 1, 6 + 1
    values = [[canvas[row * step, column * across, 0] for column in range(3)] for row in range(3)]
    assert values == [[0, 0, 1], [1, 1, 1], [0.5, 1, 1]]  # white where a row has no more pictures
    assert {"圆形", "square", "all"} <= texts(figure)
    assert inside(figure)
    picture(figure)


def test_a_grid_has_headings_and_rows_without_pictures():
    figure = image_grid([flat(1, 2).astype(np.uint8), []], ["a", "b"], "t", headings=["as stored", "epoch 1"])
    assert {"as stored", "epoch 1", "b"} <= texts(figure)
    assert inside(figure)


def test_a_grid_without_pictures_or_names_is_refused():
    with pytest.raises(ArgumentError, match="labels: expected 1 names"):
        image_grid([flat(1.0)], [], "t")
    with pytest.raises(ArgumentError, match="rows: expected at least one picture"):
        image_grid([[]], ["a"], "t")


def test_captions_stand_below_each_picture():
    figure = captioned_pictures(torch.rand(10, 1, 4, 6), [[f"p{number}", "second"] for number in range(10)], "title")
    axes = figure.axes[0]
    mosaic_text = {text.get_text(): text.get_position() for text in axes.texts}
    assert len(mosaic_text) == 10
    assert mosaic_text["p0\nsecond"][0] < mosaic_text["p1\nsecond"][0]
    assert mosaic_text["p0\nsecond"][1] < mosaic_text["p8\nsecond"][1]
    assert inside(figure)


def test_captions_must_be_as_many_as_pictures():
    with pytest.raises(ArgumentError, match="captions: expected 2 captions, one a picture, got 1"):
        captioned_pictures(flat(1, 2), [["a"]], "t")


def test_worst_predictions_say_what_was_taken_for_what_and_how_surely():
    figure = worst_predictions(
        flat(0.0, 0.5, 1.0),
        ["圆形", "a", "b"],
        ["b", "圆形", "b"],
        [1e-9, float("nan"), 0.6],
        [0.9999, 0.5, 0.6],
        "worst",
    )
    captions = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert captions == {
        "taken for b\n> 99.9%\nis 圆形\n< 0.1%": style.VERMILION,
        "taken for 圆形\n50.0%\nis a\nNaN": style.VERMILION,
        "rightly b\n60.0%": style.GREEN,
    }
    assert inside(figure)


def test_few_small_kernels_have_their_numbers_on_them():
    weights = np.array([[-1.0, 0, 1], [-2, 0.001, 2], [-1, 0, 1]]).reshape(1, 1, 3, 3)
    figure = kernels(weights, "conv_1")
    assert {"−1.00", "0.00", "2.00", "weight", "conv_1"} <= texts(figure)
    assert "-0.00" not in texts(figure)


def test_kernels_over_colours_are_coloured_and_many_are_not_all_drawn():
    figure = kernels(torch.randn(96, 3, 7, 7), "conv_1")
    assert "conv_1, 64 of 96" in texts(figure)
    assert len(figure.axes) == 1  # no bar: each has a scale of its own
    assert "mean weight of 5 channels" in texts(kernels(torch.randn(40, 5, 3, 3), "k"))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 3e38])
def test_kernels_all_of_one_odd_value_are_drawn(value):
    picture(kernels(np.full((4, 1, 3, 3), value), "k"))


def test_kernels_of_another_shape_are_refused():
    with pytest.raises(ArgumentError, match=r"weights: expected shape \(N, C, H, W\)"):
        kernels(np.zeros((3, 3)), "k")


def test_feature_maps_have_a_row_a_layer():
    layers = [
        LayerMaps("conv_1", np.random.default_rng(0).random((16, 6, 8)), 16),
        LayerMaps("池化", np.zeros((3, 1, 1)), 40),
    ]
    figure = feature_maps(np.zeros((3, 6, 8)), "圆形\npredicted: square, 90.0%", layers, "maps")
    assert {"conv_1: 6 × 8, 16 channels", "池化: 1 × 1, 3 of 40 channels", "maps"} <= texts(figure)
    assert len(figure.axes) == 3
    picture(figure)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 3e38])
def test_feature_maps_all_of_one_odd_value_are_drawn(value):
    picture(feature_maps(np.full((1, 4, 4), value), "c", [LayerMaps("l", np.full((2, 4, 4), value), 2)], "t"))


def test_feature_maps_that_are_none_are_refused():
    with pytest.raises(ArgumentError, match="layers: expected at least one layer"):
        feature_maps(np.zeros((1, 4, 4)), "c", [], "t")
    with pytest.raises(ArgumentError, match=r"maps: expected shape \(M, H, W\) of layer fc"):
        feature_maps(np.zeros((1, 4, 4)), "c", [LayerMaps("fc", np.zeros(10), 10)], "t")


def test_each_value_stands_on_its_pixel():
    values = np.arange(12).reshape(3, 4) * 20
    figure = pixel_values(values, values[None].astype(np.uint8), "array", "3 × 4")
    written = {(text.get_position(), text.get_text(), text.get_color()) for text in figure.axes[1].texts}
    assert ((0, 0), "0", style.PAPER) in written
    assert ((3, 2), "220", style.INK) in written
    assert len(written) == 12
    picture(figure)


@pytest.mark.parametrize("shape", [(33, 4), (0, 3), (2, 2, 2)])
def test_an_array_that_cannot_be_read_is_refused(shape):
    with pytest.raises(ArgumentError, match="values: expected rows and columns, 1 to 32 of each"):
        pixel_values(np.zeros(shape), np.zeros((1, 2, 2)), "t", "c")


@pytest.mark.parametrize(("channels", "panels"), [(1, 7), (3, 11)])
def test_hand_made_features_have_a_panel_each(channels, panels):
    image = np.random.default_rng(0).integers(0, 256, (channels, 5, 9), dtype=np.uint8)
    plane = np.zeros((5, 9))
    features = PictureFeatures(image, plane, np.ones((channels, 256)), plane, plane, plane, image)
    figure = hand_made_features(features, "圆形")
    assert len(figure.axes) == panels
    assert ("its red channel" in texts(figure)) == (channels == 3)
    picture(figure)
