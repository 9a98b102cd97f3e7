"""What every model, data module, callback and recipe must do, found by itself: to add one is to pass this."""

import csv
import inspect
import io
import re

import pytest
import torch

import dlcore.callbacks
import dlcore.data
import dlcore.models
from dlcore.cli.main import main
from dlcore.config.catalogue import callback_sections, class_info, class_names
from dlcore.config.merge import class_and_arguments
from dlcore.config.recipe import find_recipe, read_recipe, recipe_header, recipe_names
from dlcore.runs import fit

PACKAGES = {"models": dlcore.models, "data": dlcore.data, "callbacks": dlcore.callbacks}
CLASSES = [(package, name) for package in PACKAGES for name in class_names(package)]

OF_TEXT = ("text_memory", "text_samples", "token_loss", "word_embeddings")  # callbacks that want a text model


@pytest.mark.parametrize(("package", "name"), CLASSES)
def test_each_argument_has_a_type_a_default_and_a_help_text(package, name):
    layer = getattr(PACKAGES[package], name)
    info = class_info(package, name)
    assert info.summary
    assert list(info.arguments) == list(inspect.signature(layer).parameters)
    for argument in info.arguments.values():
        assert argument.annotation, argument.name
        assert argument.default is not None, argument.name
        assert argument.help, argument.name


@pytest.mark.parametrize("section", ["model", "data"])
def test_each_class_has_a_recipe(section):
    used = {class_and_arguments(read_recipe(find_recipe(name))[section])[0] for name in recipe_names()}
    assert used == set(class_names("models" if section == "model" else "data"))


@pytest.mark.parametrize("name", recipe_names())
def test_each_recipe_is_short_and_says_what_it_is_for(name):
    text = find_recipe(name).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    header = recipe_header(find_recipe(name))
    assert "Command: python -m dlcore fit" in header
    assert "Result: " in header


@pytest.mark.parametrize("section", ["early_stopping", "reduce_lr_on_plateau"])
@pytest.mark.parametrize("name", recipe_names())
def test_each_recipe_stops_early_and_cuts_the_rate_or_says_why_not(name, section):
    path = find_recipe(name)
    recipe, header = read_recipe(path), recipe_header(path).replace("\n", " ")
    assert section in recipe
    assert recipe[section] or re.search(rf"[Nn]o {section}(, no \w+)?: \w", header)


# Other recipes have their classes: cnn_circles, rnn_lyrics, cnn_topics and mlp_fashion_mnist.
LONG = {"cnn_few_images", "cnn_images", "rnn_corpus", "rnn_topics", "mlp_circles", "mlp_textbook"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.matrix] * (name in LONG)) for name in recipe_names()]
)
def test_each_recipe_trains_saves_resumes_and_is_evaluated(name, workplace, small, capsys):
    if class_and_arguments(read_recipe(find_recipe(name))["data"])[1].get("builtin") == "linear_regression":
        # Five points cannot be parted as pictures can; a point a batch gives as many steps.
        small = [*(flag for flag in small if not flag.startswith("--data.")), "--data.batch_size=1"]
    if name == "cnn_finetune":  # a small network instead of torchvision's
        small = [*small, "--model.architecture=small_resnet(blocks=1, width=4)", "--data.size=16"]
    assert main(["fit", "-c", name, *small, "--trainer.check_val_every_n_epoch=1", "--trainer.max_epochs=1"]) == 0
    assert main(["fit", "-c", name, "--ckpt_path=last", "--trainer.max_epochs=2"]) == 0
    run = workplace / "lightning_logs" / name / "version_0"
    assert [folder.name for folder in run.parent.iterdir()] == ["version_0"]
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert (last["epoch"], last["global_step"]) == (1, 8)
    rows = list(csv.DictReader(io.StringIO((run / "metrics.csv").read_text())))
    assert [float(row["epoch"]) for row in rows if row["val/loss"]] == [1.0, 2.0]
    for command in ("validate", "test", "predict"):
        assert main([command, "--ckpt_path=best", "--trainer.limit_test_batches=1"]) == 0
    assert (run / "predictions.csv").is_file()
    assert (run / "test.json").is_file()
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("of_text", [False, True], ids=["pictures", "text"])
def test_each_callback_can_be_switched_off_and_on(of_text, workplace, small):
    """Two fits for all of them: a callback that its section does not reach is named all the same."""
    # A convolutional network: fine_tuning is of one that has a backbone.
    small = (*small, "--model=CNN", "--model.channels=[4]", "--data=FashionMNIST", "--data.offline_sample=true")
    if of_text:
        small = ("-c", "rnn_lyrics", "--trainer.limit_train_batches=2", "--trainer.limit_val_batches=1")
    sections = {section: name for section, name in callback_sections().items() if (section in OF_TEXT) is of_text}

    def callbacks_of(value):
        run = fit(*small, "--trainer.max_epochs=1", *(f"--{section}={value}" for section in sections))
        return {type(callback).__name__ for callback in run.trainer.callbacks} & {*sections.values()}

    assert callbacks_of("off") == set()
    assert callbacks_of("{}") == {*sections.values()}


@pytest.mark.parametrize("name", class_names("callbacks"))
def test_each_callback_keeps_a_state_that_is_plain(name, tmp_path):
    callback = getattr(dlcore.callbacks, name)()
    torch.save(callback.state_dict(), tmp_path / "state")
    callback.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
