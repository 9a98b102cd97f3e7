"""Each change does what it says, by the known answer; all come from (seed, epoch, sample)."""

import pytest
import torch
from torch.nn import functional

from dlcore.data.images.augmentation import Augmentation, normalized, rectangles
from dlcore.data.images.counter_random import SampleDraws
from dlcore.data.images.mixing import Mixing
from dlcore.errors import ArgumentError

ZERO, ONE = torch.zeros(3), torch.ones(3)


def pictures(n=64, channels=3, height=12, width=16):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, channels, height, width), generator=generator, dtype=torch.uint8)


def changed(pixels, epoch=0, samples=None, **amounts):
    """Pixels after the changes, 0 to 255."""
    draws = SampleDraws(0, epoch, torch.arange(len(pixels)) if samples is None else samples)
    channels = pixels.shape[1]
    return Augmentation(**amounts)(pixels, draws, ZERO[:channels], ONE[:channels]) * 255


def test_nothing_is_changed_by_default():
    pixels = pictures()
    torch.testing.assert_close(changed(pixels), pixels.float())


def test_normalisation_takes_the_mean_and_divides_by_the_deviation():
    pixels = pictures()
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.1, 0.2, 0.3])
    expected = (pixels / 255 - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(normalized(pixels.float(), mean, std), expected)


def test_flip_mirrors_left_to_right_with_its_probability():
    pixels = pictures(400)
    found = changed(pixels, flip=0.3)
    mirrored = ((found - pixels.flip(-1)).abs() < 0.01).flatten(1).all(1)
    same = ((found - pixels).abs() < 0.01).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert 90 <= mirrored.sum() <= 150
    torch.testing.assert_close(changed(pixels, flip=1.0), pixels.flip(-1).float())


def test_what_moves_pixels_leaves_them_alone_where_it_draws_nothing():
    pixels = pictures()
    # A turn by nearly nothing goes through the sampling, and a mirrored one too.
    torch.testing.assert_close(changed(pixels, rotate=1e-6), pixels.float(), atol=0.05, rtol=0)
    torch.testing.assert_close(changed(pixels, rotate=1e-6, flip=1.0), pixels.flip(-1).float(), atol=0.05, rtol=0)


def test_crop_keeps_a_piece_within_the_picture_of_the_share_that_it_says():
    # Of a ramp across and one down, the corners tell which piece it is.
    across = torch.arange(0, 256, 4, dtype=torch.uint8).expand(64, 64)
    pixels = torch.stack([across, across.T, across]).expand(300, 3, 64, 64)
    found = changed(pixels, crop=0.25)
    wide = (found[:, 0, 32, 60] - found[:, 0, 32, 3]) / (57 * 4)
    high = (found[:, 1, 60, 32] - found[:, 1, 3, 32]) / (57 * 4)
    assert wide.max() <= 1.001
    assert high.max() <= 1.001
    area = wide * high
    assert 0.24 < area.min() < 0.3
    assert 0.85 < area.max() <= 1.001
    assert ((wide / high) < 1.34).all()
    assert ((wide / high) > 0.74).all()
    assert found.min() >= 0  # nothing from outside, which would be black: the ramps begin at 0 too
    assert (found[:, 0].diff(dim=2) > -0.01).all()
    assert (found[:, 1].diff(dim=1) > -0.01).all()


def test_shift_moves_by_its_share_at_most_and_leaves_black():
    pixels = torch.full((300, 1, 20, 20), 255, dtype=torch.uint8)
    found = changed(pixels, shift=0.25) > 127
    columns, rows = found[:, 0].any(1).sum(1), found[:, 0].any(2).sum(1)
    assert columns.min() == rows.min() == 15
    assert columns.max() == rows.max() == 20


def test_rotation_turns_about_the_middle_by_its_degrees_at_most():
    # A bar upwards from the middle of a picture that is not square: its end tells the angle.
    pixels = torch.zeros(200, 1, 65, 97, dtype=torch.uint8)
    pixels[:, :, :12, 47:50] = 255
    found = changed(pixels, rotate=30)[:, 0]
    steps_y, steps_x = torch.arange(65) - 32.0, torch.arange(97) - 48.0
    mass = found.sum((1, 2))
    y, x = (found.sum(2) @ steps_y) / mass, (found.sum(1) @ steps_x) / mass
    angle = torch.rad2deg(torch.atan2(x, -y))
    assert 28 < angle.abs().max() < 30.5
    assert angle.min() < -28
    torch.testing.assert_close((x**2 + y**2).sqrt(), torch.full((200,), 26.5), atol=0.7, rtol=0)


def test_colour_changes_brightness_contrast_and_saturation_and_nothing_else():
    grey = torch.full((200, 3, 4, 4), 100, dtype=torch.uint8)
    found = changed(grey, color=0.2)
    assert (found - found[:, :1, :1, :1]).abs().max() < 0.01  # grey stays grey, a plain picture plain
    factors = found[:, 0, 0, 0] / 100
    assert 0.8 <= factors.min() < 0.81
    assert 1.19 < factors.max() <= 1.2001
    assert changed(pictures(), color=1.0).max() <= 255.01
    assert changed(pictures(), color=1.0).min() >= -0.01
    # The channels of a pixel stay in their order, and so do the levels of a channel in a grey picture.
    one = pictures(8, channels=1)
    for before, after in zip(one.flatten(1), changed(one, color=0.3).flatten(1), strict=True):
        assert (after[before.argsort(stable=True)].diff() >= -0.01).all()


def test_colour_is_what_three_steps_are():
    pixels = pictures(1).float()
    draws = SampleDraws(0, 0, torch.arange(1))
    b, c, s = (draws.uniform(name, 0.9, 1.1) for name in ("brightness", "contrast", "saturation"))
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    contrasted = c * pixels + (1 - c) * (pixels * luma).sum(1).mean()
    saturated = s * contrasted + (1 - s) * (contrasted * luma).sum(1, keepdim=True)
    found = changed(pixels.byte(), color=0.1)
    torch.testing.assert_close(found, (b * saturated).clamp(0, 255), atol=0.01, rtol=0)


def test_erase_blots_out_one_rectangle_by_the_mean():
    pixels = torch.full((400, 3, 50, 40), 255, dtype=torch.uint8)
    mean = torch.tensor([0.2, 0.3, 0.4])
    found = Augmentation(erase=0.5)(pixels, SampleDraws(0, 0, torch.arange(400)), mean, ONE)
    blotted = (found == 0).all(1)
    shares = blotted.flatten(1).float().mean(1)
    assert 160 < (shares > 0).sum() < 240
    assert shares.max() < 0.21
    assert shares[shares > 0].min() > 0.015
    for mask in blotted[shares > 0]:
        assert mask.any(1).sum() * mask.any(0).sum() == mask.sum()


def test_rectangles_lie_inside_and_have_their_sides():
    masks = rectangles(torch.tensor([0.5, 0.0]), torch.tensor([2.0, 0.5]), torch.ones(2), torch.zeros(2), (4, 6))
    assert masks[0, 0].int().tolist() == [[0] * 6, [0] * 6, [1] * 6, [1] * 6]
    assert not masks[1].any()


EVERYTHING = {"flip": 0.5, "crop": 0.5, "shift": 0.1, "rotate": 20, "color": 0.3, "erase": 0.5}


def test_a_picture_is_changed_alike_whatever_its_batch_and_otherwise_in_another_epoch():
    pixels = pictures(30)
    together = changed(pixels, **EVERYTHING)
    for few in torch.randperm(30).split(7):
        torch.testing.assert_close(changed(pixels[few], samples=few, **EVERYTHING), together[few], atol=0.01, rtol=0)
    other = changed(pixels, epoch=1, **EVERYTHING)
    assert ((other - together).abs().flatten(1).max(1).values > 5).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_an_empty_batch_stays_empty(channels):
    empty = torch.empty(0, channels, 4, 4, dtype=torch.uint8)
    assert changed(empty, **EVERYTHING).shape == empty.shape
    inputs, targets = Mixing(0.2, 1.0)(
        empty.float(), torch.empty(0).long(), SampleDraws(0, 0, torch.empty(0).long()), 3
    )
    assert (inputs.shape, targets.shape) == (empty.shape, (0, 3))


@pytest.mark.parametrize(
    ("name", "value"),
    [("flip", 1.1), ("crop", 0.0), ("shift", 1.0), ("rotate", 181), ("color", -0.1), ("erase", float("nan"))],
)
def test_amounts_out_of_range_are_refused(name, value):
    with pytest.raises(ArgumentError, match=f"^{name}: expected a number"):
        Augmentation(**{name: value})
    with pytest.raises(ArgumentError, match=r"^mixup"):
        Mixing(mixup=-1)


def plain(n=200):
    """Pictures of one level each, of class i % 4, and the level of the one before each in the batch."""
    level = torch.arange(n).float() * 3
    return level[:, None, None, None].expand(n, 3, 10, 10), torch.arange(n) % 4, level, level.roll(1)


def test_mixup_lays_the_one_before_over_each_and_shares_the_classes():
    inputs, targets, level, before = plain()
    mixed, shares = Mixing(mixup=1.0)(inputs, targets, SampleDraws(0, 0, torch.arange(200)), 4)
    weight = ((mixed[:, 0, 0, 0] - before) / (level - before))[1:]
    assert 0 <= weight.min() < 0.05
    assert 0.95 < weight.max() <= 1.0001
    hot = functional.one_hot(targets, 4).float()
    torch.testing.assert_close(
        shares[1:], weight[:, None] * hot[1:] + (1 - weight[:, None]) * hot[:-1], atol=1e-4, rtol=0
    )


def test_cutmix_fills_a_rectangle_from_the_one_before_and_shares_by_its_pixels():
    inputs, targets, level, before = plain()
    mixed, shares = Mixing(cutmix=1.0)(inputs, targets, SampleDraws(0, 0, torch.arange(200)), 4)
    foreign = mixed[:, 0] == before[:, None, None]
    assert (foreign | (mixed[:, 0] == level[:, None, None])).all()
    part = foreign.flatten(1).float().mean(1)
    torch.testing.assert_close(shares[torch.arange(200), targets], 1 - part)
    torch.testing.assert_close(shares.sum(1), torch.ones(200))
    assert 0.4 < part.mean() < 0.6


def test_with_both_each_picture_has_one_of_them():
    inputs, targets, _, _ = plain(400)
    mixed, shares = Mixing(0.4, 1.0)(inputs, targets, SampleDraws(0, 0, torch.arange(400)), 4)
    is_plain = (mixed == mixed[:, :1, :1, :1]).flatten(1).all(1)
    assert 100 < is_plain.sum() < 320  # a rectangle may be empty or everything
    torch.testing.assert_close(shares.sum(1), torch.ones(400))
