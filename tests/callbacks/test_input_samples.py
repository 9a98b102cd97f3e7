import numpy as np
import pytest
from tiny_pictures import FigureKeeper, TinyCNN, TinyPictures, texts

from dlcore.callbacks import InputSamples
from dlcore.errors import ArgumentError
from dlcore.models import MLP


@pytest.fixture
def fit(make_trainer, monkeypatch):
    def fit(model=None, data=None, **settings):
        keeper = FigureKeeper(monkeypatch)
        seen = []
        model = model or TinyCNN()
        step = model.training_step
        model.training_step = lambda batch, batch_idx: (seen.append(batch), step(batch, batch_idx))[1]
        make_trainer(max_epochs=2, callbacks=[InputSamples(**settings)]).fit(model, data or TinyPictures())
        return keeper.drawn, seen

    return fit


def test_the_first_batch_is_shown_once_with_its_classes(fit):
    drawn, seen = fit()
    ((step, figure, name, draw),) = drawn["input/samples"]
    assert (step, name) == (0, "input_samples.png")
    inputs, targets = seen[0]
    assert np.array_equal(draw.args[0], inputs.numpy())
    names = TinyPictures().facts()["class_names"]
    assert draw.args[1] == [[names[number]] for number in targets.tolist()]
    assert "The first 16 training samples, as the network gets them" in texts(figure)


def test_as_many_as_are_wanted(fit):
    drawn, seen = fit(count=5)
    assert np.array_equal(drawn["input/samples"][0][3].args[0], seen[0][0][:5].numpy())


def test_normalised_pictures_are_shown_in_their_own_colours(fit):
    drawn, _ = fit(data=TinyPictures(normalized=True))
    shown = drawn["input/samples"][0][3].args[0]
    assert 0 <= shown.min() <= shown.max() <= 1


def test_without_names_there_are_no_captions(fit):
    drawn, _ = fit(data=TinyPictures(named=False))
    assert drawn["input/samples"][0][3].args[1] == [[]] * 16


@pytest.mark.parametrize("count", [0, 129, 2.5])
def test_a_bad_count_is_named(count):
    with pytest.raises(ArgumentError, match="count: expected a whole number at least 1 and at most 128, got"):
        InputSamples(count=count)


def test_data_that_are_no_pictures_are_refused(fit, tiny_data):
    with pytest.raises(ArgumentError, match=r"input_samples: expected data that are pictures.*--input_samples off"):
        fit(model=MLP([4], in_features=4, num_classes=3), data=tiny_data())
