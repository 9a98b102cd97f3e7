"""The built-in pictures: is there a circle?"""

import numpy as np
import pytest
from image_files import labels

from dlcore.data import ImageFolder
from dlcore.data.images import circles

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def few_circles(monkeypatch):
    monkeypatch.setattr(circles, "COUNTS", {"train": 40, "val": 10, "test": 20})


@pytest.mark.process
def test_circles_are_drawn_once_as_files_and_read_as_any_folder(few_circles, monkeypatch, tmp_path):
    data = ImageFolder(builtin="circles", size=48)
    data.setup("fit")
    assert data.facts()["class_names"] == ["circle", "no circle"]
    assert [len(data.parts[part]) for part in ("train", "val", "test")] == [40, 10, 20]
    assert len(list((tmp_path / "cache" / "dlcore" / "circles").rglob("*.png"))) == 70
    assert labels(data, "train")[:2] == [20, 20]
    monkeypatch.setattr(circles, "write_circles", None)
    assert ImageFolder(builtin="circles").facts()["source"] == "circles, drawn by dlcore"


def test_root_beats_builtin(folder):
    assert ImageFolder(str(folder), builtin="circles").facts()["class_names"] == ["cats", "dogs", "鸟"]


def test_neither_colour_nor_brightness_tells_whether_there_is_a_circle():
    with_circle = np.arange(2000) % 2 == 0
    pictures = circles.draw_circles(with_circle, 7).reshape(2000, -1, 3).astype(float) / 255
    assert np.array_equal(circles.draw_circles(with_circle[:250], 3, 1), circles.draw_circles(with_circle[:250], 3, 1))
    figures = np.concatenate([pictures.mean(1), pictures.std(1), pictures.min(1), pictures.max(1)], axis=1)
    gap = figures[with_circle].mean(0) - figures[~with_circle].mean(0)
    error = figures.std(0) * np.sqrt(2 / 1000)
    assert (np.abs(gap) < 3.5 * error).all()


def test_the_same_picture_with_and_without_a_circle_differs_in_one_shape_of_one_area():
    yes, no = (circles.draw_circles(np.full(100, flag), 9).astype(int) for flag in (True, False))
    differs = np.abs(yes - no).max(-1) > 12
    assert (differs.sum((1, 2)) > 10).all()
    rows, columns = differs.any(2).sum(1), differs.any(1).sum(1)
    assert max(rows.max(), columns.max()) < 36  # one place, not the whole picture
