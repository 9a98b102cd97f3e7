import pytest

from dlcore.config.merge import (
    ALWAYS_ON,
    chosen_classes,
    class_and_arguments,
    own_name,
    stacked_recipes,
    without_replaced_classes,
)
from dlcore.config.request import read_request


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(*texts):
        names = [f"r{number}.yaml" for number in range(len(texts))]
        for name, text in zip(names, texts, strict=True):
            (tmp_path / name).write_text(text)
        return names

    return write


def test_a_later_recipe_beats_an_earlier_one_key_by_key(files):
    names = files("trainer: {max_epochs: 5, devices: 1}\nx: {a: 1}", "trainer: {max_epochs: 9}\nx: null")
    assert stacked_recipes(names) == {**ALWAYS_ON, "trainer": {"max_epochs": 9, "devices": 1}, "x": None}


def test_arguments_of_another_class_are_not_mixed_in(files):
    first = "model: {class_path: MLP, init_args: {dropout: 0.5, n: 1}}"
    same = "model: {class_path: dlcore.models.MLP, init_args: {n: 2}}"
    other = "model: {class_path: CNN, init_args: {k: 3}}"
    assert stacked_recipes(files(first, same))["model"]["init_args"] == {"dropout": 0.5, "n": 2}
    assert stacked_recipes(files(first, other))["model"] == {"class_path": "CNN", "init_args": {"k": 3}}


def test_a_class_by_flag_beats_the_recipes():
    adam = {"class_path": "torch.optim.Adam"}
    config = {"model": {"class_path": "dlcore.models.MLP", "init_args": {"n": 1, "optimizer": adam}}}

    def chosen(*argv):
        return chosen_classes(config, read_request(["fit", *argv]))

    assert chosen() == {"model": "MLP", "model.optimizer": "Adam"}
    assert chosen("--model", "CNN") == {"model": "CNN"}
    assert chosen("--model.class_path=dlcore.models.CNN", "--data=Table") == {"model": "CNN", "data": "Table"}
    assert chosen("--model.init_args.optimizer", "SGD") == {"model": "MLP", "model.optimizer": "SGD"}


def test_another_class_takes_nothing_over_from_the_one_before():
    adam = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.1}}
    config = {"model": {"class_path": "MLP", "init_args": {"n": 1, "optimizer": adam}}, "data": "Table"}

    def kept(*argv):
        return without_replaced_classes(config, read_request(["fit", *argv]))

    assert kept("--model.optimizer", "SGD")["model"]["init_args"] == {"n": 1}
    assert kept("--model.optimizer=Adam", "--data=Table", "--model=MLP") == config
    assert kept("--model", "CNN") == {"data": "Table"}
    assert kept("--data=FashionMNIST") == {"model": config["model"]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("MLP", ("MLP", {})),
        ({"class_path": "MLP"}, ("MLP", {})),
        ({"class_path": "torch.optim.SGD", "init_args": {"lr": 1}}, ("SGD", {"lr": 1})),
        ({"class_path": 3, "init_args": [1]}, (None, {})),
        (None, (None, {})),
        (7, (None, {})),
    ],
)
def test_reads_a_class_however_yaml_has_it(value, expected):
    assert class_and_arguments(value) == expected


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("dlcore.models.MLP", "MLP"),
        ("torch.optim.lr_scheduler.StepLR", "StepLR"),
        ("my.models.Net", "my.models.Net"),
        ("MLP", "MLP"),
    ],
)
def test_only_known_modules_are_left_out_of_a_name(path, name):
    assert own_name(path) == name
