import pytest

from dlcore.errors import ConfigError, UnknownNameError
from dlcore.studies import find_study, read_study, study_names
from dlcore.studies.plan import make_plan
from dlcore.studies.study_file import seeds_of
from dlcore.studies.worker import inspect

TEXT = """
title: 学习率
recipe: mlp_table_binary
settings: {trainer.max_epochs: 2}
variants:
  快: {model.optimizer.lr: 0.1}
  慢: {model.optimizer.lr: 0.001, model.hidden_sizes: [8, 4], early_stopping: off}
seeds: [3, 5]
claims:
  - says: 快 is faster.
    holds: accuracy("快") > accuracy("慢")
    textbook: 85%
"""


def read(tmp_path, text):
    path = tmp_path / "研究.yaml"
    path.write_text(text, encoding="utf-8")
    return read_study(path)


def test_a_study_is_read(tmp_path):
    study = read(tmp_path, TEXT)
    assert (study.name, study.folder, study.title, study.seeds) == ("研究", "study_研究", "学习率", (3, 5))
    assert study.variants[1].words(study.run_settings(5)) == [
        *("-c", "mlp_table_binary", "--trainer.max_epochs=2", "--model.optimizer.lr=0.001"),
        *("--model.hidden_sizes=[8, 4]", "--early_stopping=false", "--seed_everything=5"),
    ]
    assert study.claims[0].textbook == "85%"


def test_flags_beat_all_variants_and_a_class_comes_before_its_arguments(tmp_path):
    study = read(tmp_path, TEXT).with_settings({"model.optimizer": "SGD", "trainer.max_epochs": "1"})
    assert [variant.settings["trainer.max_epochs"] for variant in study.variants] == ["1", "1"]


def test_a_recipe_beside_the_study_is_found_from_anywhere(tmp_path):
    (tmp_path / "mine.yaml").write_text("model: MLP\ndata: Table\n")
    study = read(tmp_path, TEXT.replace("mlp_table_binary", "mine.yaml"))
    assert study.variants[0].recipe == str(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("title:", "titel:", "Unknown key of a study .*'titel'. Did you mean 'title'"),
        ("recipe: mlp_table_binary", "", "变|expected a recipe"),
        ("recipe: mlp_table_binary", "recipe: mlp_tabel_binary", "Did you mean 'mlp_table_binary'"),
        ("seeds: [3, 5]", "seeds: [3, 3]", "seeds: expected how many"),
        ("seeds: [3, 5]", "seeds: 0", "seeds: expected how many"),
        ("seeds: [3, 5]", "x: steps", "x: expected epoch or samples or seconds, got 'steps'"),
        ("holds:", "hold:", "Unknown key of a claim .in .*claims.1.*'hold'"),
        ('accuracy("快") >', 'accuracy("快")', "claims.1..holds, column"),
        ('accuracy("快") >', 'accuracy("快快") >', r"Unknown variant \(in .*claims\[1\].holds, column 1\): '快快'"),
        ("快: {model.optimizer.lr: 0.1}", "快: 7", "variants: 快: expected settings"),
        ("快: {model.optimizer.lr: 0.1}", "快: {--model.dropout: 1}", "a flag's name without dashes"),
        ("快: {model.optimizer.lr: 0.1}", "快: {seed_everything: 1}", "Seeds stand in `seeds:`"),
        ("  慢:", "  快/:", "would share the folder '快'"),
        ("title: 学习率", "title: [1]", "title: expected text"),
        ("title: 学习率", "title: 学习率\ntitle: 二", "given twice"),
        ("title: 学习率", "plot: loss", "plot: expected a list"),
    ],
)
def test_a_wrong_study_is_refused_in_a_line(tmp_path, before, after, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message) as caught:
        read(tmp_path, TEXT.replace(before, after))
    assert "\n" not in str(caught.value)


def test_a_mistyped_study_gets_the_nearest_name():
    with pytest.raises(UnknownNameError, match=r"Unknown study: .scalling.\. Did you mean 'scaling'"):
        find_study("scalling")


def test_seeds_are_counted_or_listed():
    assert seeds_of(3, "") == (0, 1, 2)
    assert seeds_of([7, 0], "") == (7, 0)


@pytest.mark.filterwarnings("ignore:initializer")  # equal weights are what a study shows
@pytest.mark.parametrize("name", study_names())
def test_each_variant_of_each_study_can_be_trained(name, workplace):
    study = read_study(find_study(name))
    assert study.claims
    for job in {job.variant: job for job in make_plan(study, workplace).jobs}.values():
        assert "error" not in (found := inspect(job)), found


@pytest.mark.parametrize("name", study_names())
def test_each_study_is_short_says_what_it_is_for_and_never_trains_on_the_sample(name):
    path = find_study(name)
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert text.startswith("# ")
    assert f"# Command: python -m dlcore study {name}\n" in text
    for variant in read_study(path).variants:
        assert variant.settings.get("data.offline_sample", False) is False
