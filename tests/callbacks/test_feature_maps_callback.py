import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_pictures import FigureKeeper, TinyCNN, TinyPictures, texts

from dlcore.callbacks import Checkpoint, FeatureMaps
from dlcore.callbacks import feature_map_images as feature_maps
from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.models import MLP
from dlcore.tracking import RunLogger


@pytest.fixture
def fit(make_trainer, monkeypatch):
    """Train; give the figures and the model."""

    def fit(model=None, data=None, epochs=2, **settings):
        keeper = FigureKeeper(monkeypatch)
        model = model or TinyCNN()
        trainer = make_trainer(max_epochs=epochs, callbacks=[FeatureMaps(**settings)])
        trainer.fit(model, data or TinyPictures())
        return keeper.drawn, model

    return fit


def test_a_look_before_the_first_step_and_at_each_validation(fit):
    drawn, _ = fit()
    assert sorted(drawn) == ["feature_maps/sample", "kernels/conv_1"]
    for tag, name in (("feature_maps/sample", "feature_maps.png"), ("kernels/conv_1", "kernels.png")):
        assert [(step, path) for step, _, path, _ in drawn[tag]] == [(0, name), (3, name), (6, name)]


def test_kernels_are_the_first_layers_weights_at_that_step(fit):
    drawn, model = fit()
    looks = [draw.args[0] for *_, draw in drawn["kernels/conv_1"]]
    assert np.array_equal(looks[0], TinyCNN().network.conv_1.weight.detach().numpy())
    assert np.array_equal(looks[-1], model.network.conv_1.weight.detach().numpy())


def test_maps_are_what_the_layers_give_in_evaluation(fit):
    drawn, model = fit(layers=["norm", "relu"], sample=3)
    *_, draw = drawn["feature_maps/sample"][-1]
    picture, caption, layers, title = draw.args
    data = TinyPictures()
    data.setup()
    inputs, targets = data.parts["val"].fetch(data.parts["val"].indices[3:4])
    model.eval()
    expected = model.network.norm(model.network.conv_1(data.transform(inputs)))
    assert [layer.name for layer in layers] == ["norm", "relu"]
    assert np.allclose(layers[0].maps, expected[0].detach(), atol=1e-6)  # and not what relu makes of it in place
    assert np.allclose(layers[1].maps, expected[0].relu().detach(), atol=1e-6)
    assert np.allclose(picture, data.transform(inputs)[0])
    name = data.facts()["class_names"][targets.item()]
    assert caption.startswith(f"{name}\npredicted: ")
    assert title == "What the layers make of validation sample 3, step 6"


def test_at_most_16_maps_of_a_layer_are_shown(fit):
    drawn, _ = fit(epochs=1)
    _, figure, _, draw = drawn["feature_maps/sample"][-1]
    assert [(layer.name, layer.maps.shape[0], layer.channels) for layer in draw.args[2]] == [
        ("conv_1", 4, 4),
        ("conv_2", 16, 20),
    ]
    assert {"conv_1: 6 × 8, 4 channels", "conv_2: 4 × 6, 16 of 20 channels"} <= texts(figure)


def test_of_many_convolutions_four_are_chosen_with_the_first_and_the_last():
    model = torch.nn.Sequential(*(torch.nn.Conv2d(1, 1, 1) for _ in range(10)))
    assert list(feature_maps._choose(model, [])) == ["0", "3", "6", "9"]


def test_every_so_many_th_epoch(fit):
    drawn, _ = fit(epochs=4, every_n_epochs=2)
    assert [step for step, *_ in drawn["kernels/conv_1"]] == [0, 6, 12]


def test_looking_changes_nothing(fit, make_trainer):
    _, watched = fit()
    alone = TinyCNN()
    make_trainer(max_epochs=2).fit(alone, TinyPictures())
    for name, weights in watched.state_dict().items():
        assert torch.equal(weights, alone.state_dict()[name]), name
    assert not any(layer._forward_hooks for layer in watched.modules())


def test_a_network_without_convolutions_shows_its_first_weights_as_pictures(fit):
    model = MLP([70], in_features=144, num_classes=3)
    drawn, model = fit(model=model, epochs=1)
    assert list(drawn) == ["kernels/linear_1"]
    _, figure, _, draw = drawn["kernels/linear_1"][-1]
    assert draw.args[0].shape == (64, 3, 6, 8)
    assert np.array_equal(draw.args[0].reshape(64, -1), model.network.linear_1.weight[:64].detach())
    assert "linear_1, step 3: kernels of 3 × 6 × 8, 64 of 70" in texts(figure)


def test_a_diverged_network_is_shown_without_ending_the_run(fit):
    drawn, _ = fit(model=TinyCNN(lr=1e30))
    assert len(drawn["feature_maps/sample"]) == 3


def test_classes_without_names(fit):
    drawn, _ = fit(data=TinyPictures(named=False), epochs=1, sample=2)
    assert drawn["feature_maps/sample"][0][3].args[1] == "validation sample 2"


def test_pictures_lie_in_the_runs_folder_and_a_run_that_goes_on_adds_to_them(make_trainer, tmp_path):
    def train(epochs, **resume):
        logger = RunLogger(tmp_path / "run", "recipe", **({"resume_step": 3} if resume else {}))
        callbacks = [FeatureMaps(), Checkpoint()]
        trainer = make_trainer(max_epochs=epochs, logger=logger, callbacks=callbacks, enable_checkpointing=True)
        trainer.fit(TinyCNN(), TinyPictures(), weights_only=True, **resume)

    train(1)
    assert {"kernels.png", "feature_maps.png"} <= {path.name for path in (tmp_path / "run").iterdir()}
    train(2, ckpt_path=tmp_path / "run" / "checkpoints" / "last.ckpt")
    events = EventAccumulator(str(tmp_path / "run"), size_guidance={"images": 0}).Reload()
    assert [event.step for event in events.Images("kernels/conv_1")] == [0, 3, 6]


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"layers": ["conv_9"]}, UnknownNameError, r"layer \(in feature_maps.layers\): 'conv_9'. Did you mean 'conv_"),
        ({"layers": ["output"]}, ArgumentError, r"feature_maps.layers: expected layers whose output is .* 'output'"),
        ({"sample": 20}, ArgumentError, "feature_maps.sample: expected at most 19, the last one's number, got 20"),
        ({"sample": -1}, ArgumentError, "sample: expected a whole number at least 0, got -1"),
        ({"every_n_epochs": 0}, ArgumentError, "every_n_epochs: expected a whole number at least 1, got 0"),
    ],
)
def test_bad_arguments_are_named(settings, error, said, fit):
    with pytest.raises(error, match=said):
        fit(**settings)


def test_data_that_are_no_pictures_are_refused(fit, tiny_data):
    with pytest.raises(ArgumentError, match=r"feature_maps: expected data that are pictures.*--feature_maps off"):
        fit(model=MLP([4], in_features=4, num_classes=3), data=tiny_data())
