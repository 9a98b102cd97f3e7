"""A picture says that dlcore drew it; only such files are overwritten."""

import pytest
from PIL import Image

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.style import check_png_path, write_png


def make_figure():
    figure = style.new_figure(2, 1)
    style.style_axes(figure.subplots(), "学习率")
    return style.finish(figure)


def test_a_picture_names_its_maker_and_may_be_drawn_again(tmp_path):
    path = tmp_path / "图.png"
    write_png(make_figure(), path)
    with Image.open(path) as image:
        assert image.info["Software"] == "dlcore"
    write_png(make_figure(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["图.png"]


@pytest.mark.parametrize("content", [b"", b"precious", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_dlcore_did_not_draw_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "mine.png"
    path.write_bytes(content)
    with pytest.raises(ArgumentError, match="expected a new file, or a picture that dlcore drew"):
        write_png(make_figure(), path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x.jpg", "--out: expected a file name that ends in .png"),
        ("absent/x.png", "Make it: mkdir -p "),
        (".", "It is a folder: name a file in it"),
    ],
)
def test_what_cannot_be_written_is_known_before(tmp_path, name, said):
    with pytest.raises(ArgumentError) as caught:
        check_png_path(tmp_path / name)
    assert said in str(caught.value)
