"""Which GPU a run takes; the GPUs are made up."""

import pytest
import torch

from dlcore.studies.plan import make_plan
from dlcore.studies.study import Study, Variant
from dlcore.studies.worker import taken_device


@pytest.fixture
def _two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def jobs(folder, recipe="mlp_textbook", seeds=3, **settings):
    settings = {f"trainer.{name}": value for name, value in settings.items()}
    return make_plan(Study("s", "T", (Variant("a", settings, recipe),), seeds=tuple(range(seeds))), folder).jobs


@pytest.mark.usefixtures("_two_gpus")
def test_a_run_takes_the_gpu_that_no_other_run_has(tmp_path):
    first, second, third = jobs(tmp_path)
    with taken_device(first) as one:
        with taken_device(second) as two:
            assert (one, two) == (["--trainer.devices=[0]"], ["--trainer.devices=[1]"])
        # The second has ended, the first goes on: by its number the third would share GPU 0 with it.
        with taken_device(third) as three, taken_device(second) as shared:
            assert three == ["--trainer.devices=[1]"]
            assert shared == ["--trainer.devices=[1]"]  # more runs than GPUs: by its number


@pytest.mark.usefixtures("_two_gpus")
@pytest.mark.parametrize("settings", [{"devices": [1]}, {"devices": 2}, {"accelerator": "cpu"}])
def test_what_a_run_or_its_recipe_says_of_devices_holds(tmp_path, settings):
    with taken_device(jobs(tmp_path, **settings)[0]) as words:
        assert words == []
    recipe = tmp_path / "own.yaml"
    lines = "".join(f"  {name}: {value}\n" for name, value in settings.items())
    recipe.write_text(f"model: MLP\ntrainer:\n{lines}", encoding="utf-8")
    with taken_device(jobs(tmp_path, str(recipe))[0]) as words:
        assert words == []


@pytest.mark.usefixtures("_two_gpus")
def test_devices_auto_is_one_gpu_a_run(tmp_path):
    with taken_device(jobs(tmp_path, devices="auto", accelerator="gpu")[0]) as words:
        assert words == ["--trainer.devices=[0]"]


def test_without_gpus_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with taken_device(jobs(tmp_path)[0]) as words:
        assert words == []
