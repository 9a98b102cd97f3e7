"""Pictures, convolution and text of the textbook."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from dlcore.errors import ArgumentError, DataError, UnknownNameError
from dlcore.textbook import pictures
from dlcore.textbook.convolution import convolution
from dlcore.textbook.image import image
from dlcore.textbook.sentence import sentence


def test_convolution_of_numbers_has_the_size_of_the_formula():
    shown = convolution("numbers", ["edge"])
    assert "(5 − 3 + 2·1)/1 + 1 = 5" in shown.tables[0].rows[0]
    output = shown.values["outputs"]["edge"]
    assert output.shape == (5, 5)
    assert output[2].tolist() == [0, -27, 54, -27, 0]
    assert shown.values["max_pooled"]["edge"][0].tolist() == [0, 63]


def test_channels_are_added_up():
    one, three = (convolution("numbers", ["edge"], color=color).values["outputs"]["edge"] for color in (False, True))
    assert np.allclose(three, 3 * one)


def test_convolution_names_what_is_wrong():
    with pytest.raises(UnknownNameError, match="sobel_x"):
        convolution(kernels=["sobelx"])
    with pytest.raises(ArgumentError, match="kernel"):
        convolution("numbers", kernel=[[1] * 9] * 9)
    with pytest.raises(DataError, match="no such file"):
        convolution("nowhere.png")


def test_image_is_an_array(tmp_path):
    from PIL import Image

    array = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
    path = tmp_path / "图片.png"
    Image.fromarray(array).save(path)
    values = image(str(path), crop=[1, 3, 2, 6], size=4).values
    assert values["shape"] == (8, 6, 3)
    assert (values["crop"] == array[1:3, 2:6]).all()
    assert values["small"].shape == (4, 4)
    with pytest.raises(ArgumentError, match="crop"):
        image(str(path), crop=[0, 9, 0, 1])
    Image.fromarray(np.full((4, 4), 257 * 100, dtype=np.uint16)).save(path)  # 16 bits a channel
    assert (image(str(path), size=4).values["grey"] == 100).all()
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match="cannot be read"):
        image(str(path))


def test_sentence_of_the_chapter():
    values = sentence().values
    assert "".join(values["words"]) == "北京冬奥的进度条已经过半,不少外国运动员在完成自己的比赛后踏上归途。"
    assert values["words"][:3] == ["北京", "冬奥", "的"]
    assert values["shapes"][:2] == [("(1,1,128)", "(1,1,256)", "(1,1,256)"), ("(8,16,128)", "(8,16,256)", "(1,16,256)")]
    assert values["error"] < 1e-5
    with pytest.raises(ArgumentError, match="text"):
        sentence("")


@pytest.mark.parametrize("name", pictures.BUILTIN)
def test_a_built_in_photograph_is_that_of_scikit_learn(name):
    assert np.array_equal(pictures.read_picture(name), load_sample_image(f"{name}.jpg"))
