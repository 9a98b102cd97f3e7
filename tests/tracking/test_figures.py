import sys
import threading

import numpy as np
import pytest
import torch
from drawn import cjk_family, picture, texts

from dlcore.errors import ArgumentError
from dlcore.tracking import (
    confusion_matrix,
    layer_maps,
    learning_curves,
)
from dlcore.tracking.figures import LayerMap, fonts
from dlcore.tracking.figures.style import to_png

CLASSES = ["裤子", "T恤", "Bag"]


@pytest.mark.parametrize("counts", [[[5, 1, 0], [0, 0, 0], [2, 0, 2]], torch.tensor([[5, 1, 0], [0, 0, 0], [2, 0, 2]])])
def test_confusion_matrix_shows_names_counts_and_accuracy(counts):
    figure = confusion_matrix(counts, ["a", "b", "c"], title="test")
    assert {"a", "b", "c", "5", "1", "2", "test", "70.0% of 10 right", "predicted", "true"} <= texts(figure)
    picture(figure)


def test_confusion_matrix_of_a_hundred_classes_stays_a_page():
    image = picture(confusion_matrix(np.eye(100), [f"class {i}" for i in range(100)]))
    assert max(image.shape) <= 1500


def test_confusion_matrix_refuses_what_does_not_fit():
    with pytest.raises(ArgumentError, match=r"counts: expected 2 rows and columns, one a class name, got \(3, 3\)"):
        confusion_matrix(np.eye(3), ["a", "b"])
    with pytest.raises(ArgumentError, match="counts: expected no negative entry"):
        confusion_matrix([[1, -1], [0, 1]], ["a", "b"])


def curves(**columns):
    return {"step": [9.0, 10.0, 19.0, 20.0], "epoch": [0.9, 1.0, 1.9, 2.0], **columns}


@pytest.fixture
def no_cjk_font(monkeypatch):
    monkeypatch.setattr(fonts, "_first_installed", lambda installed: None)
    fonts._find_cjk_family.cache_clear()
    yield
    fonts._find_cjk_family.cache_clear()


@pytest.mark.skipif(cjk_family() is None, reason="needs a font with Chinese characters (fonts-noto-cjk)")
def test_chinese_class_names_are_drawn():
    # A character that a font lacks is a warning of matplotlib's, and so an error here.
    picture(confusion_matrix(np.eye(3), CLASSES, title="混淆矩阵"))
    picture(layer_maps([LayerMap("梯度", "范数", [[1.0, 2.0]], ["隐藏层"], [1, 2])]))
    picture(learning_curves(curves(**{"val/loss": [None, 1.0, None, 2.0]}), title="时尚"))


@pytest.mark.process
def test_without_a_chinese_font_boxes_are_drawn_and_the_remedy_is_said_once(no_cjk_font):
    with pytest.warns(UserWarning, match="apt-get install fonts-noto-cjk") as caught:
        figure = confusion_matrix(np.eye(3), CLASSES)
    assert len(caught) == 1
    picture(figure)
    assert {"□□", "T□", "Bag"} <= texts(figure)
    picture(layer_maps([LayerMap("梯度", "范数", [[1.0]], ["隐藏层"], [1])]))


def test_latin_text_needs_no_look_for_fonts(no_cjk_font):
    assert fonts.choose_families("Ankle boot → 99.5% ± Ω") == [fonts.DEFAULT_FAMILY]
    assert fonts.drawable("Ankle boot") == "Ankle boot"


def test_figures_leave_pyplot_and_the_process_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    pyplot_before = sys.modules.get("matplotlib.pyplot")
    picture(confusion_matrix(np.eye(3), CLASSES[2:] * 3))
    picture(learning_curves(curves(**{"val/loss": [None, 1.0, None, 2.0]})))
    assert dict(matplotlib.rcParams) == before
    if pyplot_before is not None:
        assert pyplot_before.get_fignums() == []


def test_threads_can_draw_at_the_same_time():
    expected = to_png(confusion_matrix(np.eye(4), list("abcd")))[0]
    drawn = [b""] * 4

    def draw(place):
        drawn[place] = to_png(confusion_matrix(np.eye(4), list("abcd")))[0]

    threads = [threading.Thread(target=draw, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [expected] * 4


def test_figure_that_was_made_elsewhere_becomes_a_png_too():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=50)
    content, width, height = to_png(figure)
    assert (width, height) == (100, 50)
    assert content.startswith(b"\x89PNG")
