"""What a file may name: classes of which a run is made. Anything else is refused before it is imported."""

import json
import sys

import jsonargparse
import pytest
import torch
from forked_command import command as carry_out

from dlcore.cli.main import main
from dlcore.config.allow_list import AllowList, is_within
from dlcore.config.request import Flag
from dlcore.errors import ArgumentError, ConfigError
from dlcore.runs import fit
from dlcore.studies.study_file import read_study

ONE = ("--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--progress_display=off", "--run_summary=off")
NOT_OURS = (
    "which is not dlcore's (nor torch's, lightning's or torchmetrics'). Its code would run, so it was not imported."
)
NO_CLASS = "which is no model, data module, optimiser, schedule"
DATA = "data: FashionMNIST\n"
LAMBDA = "lightning.pytorch.callbacks.LambdaCallback"

# Places in a recipe where a class of one's own may be named. {} is its name.
PLACES = {
    "model": "model:\n  class_path: {}\n" + DATA,
    "model, in short": "model: {}\n" + DATA,
    "data": "model: MLP\ndata:\n  class_path: {}\n",
    "optimizer": "model:\n  class_path: MLP\n  init_args:\n    optimizer:\n      class_path: {}\n" + DATA,
    "optimizer, in short": "model:\n  class_path: MLP\n  init_args:\n    optimizer: {}\n" + DATA,
    "lr_scheduler": "model:\n  class_path: MLP\n  init_args:\n    lr_scheduler:\n      class_path: {}\n" + DATA,
    "callbacks": "model: MLP\n" + DATA + "trainer:\n  callbacks:\n  - class_path: {}\n",
    "callbacks, in short": "model: MLP\n" + DATA + "trainer:\n  callbacks: [{}]\n",
    "one callback": "model: MLP\n" + DATA + "trainer:\n  callbacks: {}\n",
    "logger": "model: MLP\n" + DATA + "trainer:\n  logger:\n    class_path: {}\n",
    "plugins": "model: MLP\n" + DATA + "trainer:\n  plugins:\n  - class_path: {}\n",
    "strategy": "model: MLP\n" + DATA + "trainer:\n  strategy:\n    class_path: {}\n",
    "profiler": "model: MLP\n" + DATA + "trainer:\n  profiler:\n    class_path: {}\n",
    "within a logger": "model: MLP\n" + DATA + "trainer:\n  logger:\n"
    "    class_path: lightning.pytorch.loggers.CSVLogger\n    init_args: {{save_dir: x, name: {{class_path: {}}}}}\n",
    "further arguments": "model: MLP\n" + DATA + "trainer:\n  profiler:\n    class_path: "
    "lightning.pytorch.profilers.PyTorchProfiler\n    dict_kwargs: {{on_trace_ready: {{class_path: {}}}}}\n",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            text,
            id=name,
            marks=pytest.mark.fault(
                f"a recipe names a class of the working folder as {name}",
                "FILE: names the class evil_module.Net, which is not dlcore's … --allow evil_module",
            ),
        )
        for name, text in PLACES.items()
    ],
)
def test_a_recipe_imports_nothing_of_others(text, refused, hostile_module, marker, workplace):
    (workplace / "given.yaml").write_text(text.format(f"{hostile_module}.Net"))
    said = refused("fit", "-c", "given.yaml", *ONE)
    assert said == (
        f"given.yaml: names the class evil_module.Net, {NOT_OURS} If you trust it: --allow evil_module (or the "
        "environment variable DLCORE_ALLOW=evil_module)."
    )
    assert not marker.exists()


@pytest.mark.fault("a recipe names a function of Python's own as optimiser", "It is Python's own, … take it out.")
@pytest.mark.parametrize("path", ["os.system", "subprocess.Popen", "builtins.exec", "shutil.rmtree", "runpy.run_path"])
def test_a_recipe_calls_nothing_of_pythons_own(path, refused, workplace):
    (workplace / "given.yaml").write_text(PLACES["optimizer"].format(path))
    said = refused("fit", "-c", "given.yaml", *ONE)
    assert said.endswith("It is Python's own, of which no file has any need: take it out.")


# What could be called within torch, Lightning and dlcore itself.
WITHIN = [
    "torch.hub.load",
    "torch.load",
    "torch.save",
    "torch.serialization.load",
    "torch.utils.cpp_extension.load_inline",
    "torch.os.system",
    "torch.distributed.run.main",
    "torch.jit.load",
    "torch.package.PackageImporter",
    "lightning.pytorch.trainer.trainer.os.system",
    "torch.nn.functional.relu",
    "lightning.pytorch.cli.LightningCLI",
    "lightning.pytorch.LightningModule.load_from_checkpoint",
    "lightning.fabric.utilities.cloud_io.get_filesystem",
    "dlcore.models.MLP.load_from_checkpoint",
    "dlcore.cli.main.main",
    "dlcore.studies.plan.clear",
    "dlcore.data.table.Path",
]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            marks=pytest.mark.fault(
                f"a recipe or a checkpoint names {path} as optimiser",
                f"FILE: names {path}, which is no model, data module, optimiser, schedule, callback, …",
            ),
        )
        for path in WITHIN
    ],
)
def test_a_file_calls_no_function_within_the_packages_that_are_allowed(path, refused, workplace):
    optimizer = {"class_path": path, "init_args": {"f": "x", "repo_or_dir": ".", "checkpoint_path": "x.ckpt"}}
    (workplace / "given.yaml").write_text(PLACES["optimizer"].format(path))
    said = refused("fit", "-c", "given.yaml", *ONE)
    assert said.startswith(f"given.yaml: names {path}, {NO_CLASS}")
    model = {"class_path": "dlcore.models.MLP", "init_args": {"optimizer": optimizer}}
    config = {"model": model, "data": {"class_path": "dlcore.data.FashionMNIST"}, "trainer": {}}
    write_checkpoint(workplace / "given.ckpt", config)
    for command in ("fit", "test"):
        said = refused(command, "--ckpt_path=given.ckpt")
        assert said.startswith(f"given.ckpt: was made with {path}, {NO_CLASS}")


@pytest.mark.fault(
    "a recipe gives LambdaCallback a function to call", "names the class os.getcwd, which is not dlcore's"
)
@pytest.mark.parametrize("path", ["os.getcwd", "evil_module.Net", "torch.save"])
def test_a_callable_argument_of_lightnings_calls_nothing(path, refused, hostile_module, marker, workplace):
    callback = json.dumps([{"class_path": LAMBDA, "init_args": {"on_fit_start": path}}])
    (workplace / "given.yaml").write_text(f"model: MLP\n{DATA}trainer:\n  callbacks: {callback}\n")
    assert path in refused("fit", "-c", "given.yaml", *ONE)
    assert not marker.exists()


@pytest.mark.fault("a YAML file behind --model names a class of others", "The config names the class evil_module.Net")
def test_a_file_behind_a_flag_imports_nothing(refused, hostile_module, marker, workplace):
    (workplace / "inner.yaml").write_text("class_path: evil_module.Net\n")
    for flag in ("model", "data", "model.optimizer", "trainer.logger", "trainer.callbacks", "trainer.strategy"):
        refused("fit", f"--{flag}=inner.yaml", *ONE)
    (workplace / "outer.yaml").write_text(f"model: inner.yaml\n{DATA}")
    refused("fit", "-c", "outer.yaml", *ONE)
    (workplace / "inner.yaml").write_text(
        "class_path: lightning.pytorch.LightningModule.load_from_checkpoint\ninit_args: {checkpoint_path: x.ckpt}\n"
    )
    refused("fit", "--model=inner.yaml", *ONE)
    assert not marker.exists()


def write_checkpoint(path, config):
    record = {"version": "0.1.0", "name": "mine", "config": {"seed_everything": 0, **config}, "facts": {}}
    torch.save({"state_dict": {}, "global_step": 1, "epoch": 0, "dlcore": record}, path)


@pytest.mark.fault("a checkpoint names a class of the working folder", "FILE: was made with the class evil_module.Net")
@pytest.mark.parametrize("section", ["model", "data", "callbacks", "logger"])
def test_a_checkpoint_imports_nothing_of_others(section, refused, hostile_module, marker, workplace):
    foreign = {"class_path": "evil_module.Net"}
    config = {
        "model": foreign if section == "model" else {"class_path": "dlcore.models.MLP"},
        "data": foreign if section == "data" else {"class_path": "dlcore.data.FashionMNIST"},
        "trainer": {section: [foreign]} if section in ("callbacks", "logger") else {},
    }
    write_checkpoint(workplace / "given.ckpt", config)
    for command in ("fit", "test", "predict", "validate"):
        assert "given.ckpt: was made with the class evil_module.Net" in refused(command, "--ckpt_path=given.ckpt")
    assert not marker.exists()


@pytest.mark.fault("a study's file names a class of the working folder", "FILE: names the class evil_module.Net")
def test_a_study_imports_nothing_of_others(refused, hostile_module, marker, workplace):
    for settings, variant in (("model: evil_module.Net", "a: {}"), ("", "a: {trainer.callbacks: evil_module.Net}")):
        text = f"title: T\nrecipe: mlp_fashion_mnist\nsettings: {{{settings}}}\nvariants:\n  {variant}\n"
        (workplace / "given.yaml").write_text(text)
        assert "given.yaml: names the class evil_module.Net" in refused("study", "given.yaml")
    text = "title: T\nrecipe: mlp_fashion_mnist\nvariants:\n  a: {model.optimizer: torch.hub.load}\n"
    (workplace / "given.yaml").write_text(text)
    assert NO_CLASS in refused("study", "given.yaml")
    (workplace / "given.yaml").write_text(text.replace("model.optimizer: torch.hub.load", "allow: evil_module"))
    assert "expected a setting of model, data, trainer or a callback, got 'allow'" in refused("study", "given.yaml")
    assert not marker.exists()


# What the user trusts


@pytest.fixture
def own_model(workplace, monkeypatch):
    """A module of the user's own in the working folder, and a recipe that names it."""
    (workplace / "own_model.py").write_text(
        "from dlcore.models import MLP\n"
        "class Wide(MLP):\n"
        "    def __init__(self, width: int = 3, in_features: int | None = None, num_classes: int | None = None):\n"
        "        super().__init__([width], in_features=in_features, num_classes=num_classes)\n"
    )
    (workplace / "mine.yaml").write_text(
        "model:\n  class_path: own_model.Wide\n  init_args: {width: 5}\n"
        "data:\n  class_path: FashionMNIST\n  init_args: {offline_sample: true}\n"
    )
    monkeypatch.syspath_prepend(str(workplace))
    yield workplace
    sys.modules.pop("own_model", None)


def test_a_package_that_is_allowed_may_be_named_by_recipe_and_checkpoint(own_model, small, monkeypatch, capsys):
    assert main(["fit", "-c", "mine.yaml", *small, *ONE]) == 2
    run = fit("-c", "mine.yaml", "--allow", "other,own_model", *small, *ONE)
    assert run.model.network.linear_1.out_features == 5
    assert "--allow" in (run.folder / "events.jsonl").read_text()  # the command can be given again
    words = ["test", "--ckpt_path=last", "--trainer.limit_test_batches=1"]
    assert main(words) == 2
    assert "If you trust it: --allow own_model" in capsys.readouterr().err
    assert main([*words, "--allow=own_model"]) == 0
    monkeypatch.setenv("DLCORE_ALLOW", "own_model")
    assert main(words) == 0


def test_what_is_typed_as_a_flag_is_the_users_own_word(own_model, small):
    run = fit("--model=own_model.Wide", "--model.width=7", *small, *ONE)
    assert run.model.network.linear_1.out_features == 7


def test_a_study_may_name_what_is_allowed(own_model):
    text = "title: T\nrecipe: mlp_fashion_mnist\nvariants:\n  a: {model: own_model.Wide}\n"
    (own_model / "study.yaml").write_text(text)
    with pytest.raises(ConfigError):
        read_study(own_model / "study.yaml")
    assert read_study(own_model / "study.yaml", allow=["own_model"]).variants[0].settings == {"model": "own_model.Wide"}


@pytest.mark.parametrize("text", ["", "a b", "../x", "a,,b", "*", "a;b"])
def test_a_list_of_packages_that_is_none_is_an_error(text):
    with pytest.raises(ArgumentError, match="packages of Python, parted by commas"):
        AllowList.of([Flag("allow", text)])


def test_a_name_that_begins_like_a_package_is_not_within_it():
    assert is_within("torch.optim.SGD", ["torch"])
    assert not is_within("torch_evil.SGD", ["torch"])
    assert not is_within("torchvision.x", ["torch"])


def test_the_parser_of_other_programs_is_left_as_it_was(workplace):
    before = dict(jsonargparse._common.parsing_settings)
    with AllowList(("mine",)).at_work():
        assert jsonargparse._common.parsing_settings != before
    assert jsonargparse._common.parsing_settings == before


@pytest.mark.process
def test_a_module_beside_the_user_named_as_ours_is_not_ours(tmp_path):
    """A process in a folder that holds `dlcore_extra.py` and `torchmetrics_x.py` imports neither."""
    work = tmp_path / "work"
    work.mkdir()
    for name in ("dlcore_extra", "torchmetrics_x"):
        (work / f"{name}.py").write_text("open('hostile_code_ran', 'w').close()\nclass Net: pass\n")
        (work / f"{name}.yaml").write_text(f"model: {name}.Net\n{DATA}")
        # The folder is the first that modules are looked for in, as behind ``python -m``.
        ended = carry_out(work, "fit", "-c", f"{name}.yaml", before=(sys.path.insert, 0, ""))
        ended.check(2, NOT_OURS)
    assert not (work / "hostile_code_ran").exists()
