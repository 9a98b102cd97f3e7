"""Where each setting comes from; and that what is printed is the config itself."""

import pytest
import yaml

from dlcore.insight.config_sources import config_lines
from dlcore.runs import prepare


@pytest.fixture
def sources(workplace, one_thread):
    def sources(*words, everything=False):
        command = prepare("fit", *words)
        lines = config_lines(command, everything)
        return {line.name: line.source for line in lines if line.name}, lines, command

    return sources


def test_flags_beat_recipes_and_recipes_defaults(sources):
    found, _, _ = sources("--model.dropout=0.1", "--trainer.max_epochs=3", "--early_stopping=off")
    assert found["model.dropout"] == found["trainer.max_epochs"] == found["early_stopping"] == "flag"
    assert found["model.hidden_sizes"] == found["model"] == found["data.batch_size"] == "mlp_fashion_mnist"
    assert found["data.scale"] == found["feature_maps"] == "default"
    assert found["model.in_features"] == found["model.num_classes"] == found["model.task"] == "data"
    assert found["seed_everything"] == "mlp_fashion_mnist"


def test_the_later_recipe_is_named(sources, workplace):
    (workplace / "mine.yaml").write_text("model:\n  init_args:\n    dropout: 0.7\n")
    found, _, command = sources("-c", "mlp_fashion_mnist", "-c", "mine.yaml")
    assert found["model.dropout"] == "mine.yaml"
    assert found["model.batch_norm"] == "mlp_fashion_mnist"
    assert command.model.network is not None


def test_another_class_takes_over_nothing_of_the_recipes(sources):
    found, _, _ = sources("--model.optimizer=SGD")
    assert found["model.optimizer"] == "flag"
    assert found["model.optimizer.lr"] == "default"


def test_a_section_given_as_a_whole_is_the_flags(sources):
    found, _, _ = sources('--weight_averaging={"decay": 0.9}')
    assert found["weight_averaging.decay"] == "flag"
    assert found["weight_averaging.every_n_steps"] == "default"


def test_a_callback_that_a_fit_has_in_any_case_says_so(sources, workplace):
    (workplace / "mine.yaml").write_text("model: MLP\ndata: FashionMNIST\n")
    _, lines, _ = sources("-c", "mine.yaml", "--data.offline_sample=true")
    assert {line.text: line.source for line in lines}["checkpoint:"] == "always on"


def test_the_lines_together_are_the_config(sources):
    _, lines, command = sources("--model.dropout=0.1", everything=True)
    assert yaml.safe_load("\n".join(line.text for line in lines)) == command.config_dump
    assert yaml.safe_load("\n".join(f"{line.text}  # {line.source}" for line in lines)) == command.config_dump


def test_the_trainers_own_defaults_are_left_out(sources):
    found, _, _ = sources()
    assert {name for name in found if name.startswith("trainer")} == {"trainer.max_epochs"}
