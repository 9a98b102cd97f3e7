"""Lazy modules: nothing is missing, nothing is imported twice, and a fit needs none of them."""

import importlib
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import pytest

from dlcore import lazy_imports
from dlcore.lazy_imports import LazyImports


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LazyImports:
    """Make a package `large` lazy, which counts how often its modules are executed."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import counts\ncounts.seen.append(__name__)\nfrom large import part\nname = 'real'\n"
    )
    (folder / "part.py").write_text("import counts\ncounts.seen.append(__name__)\nclass Thing: pass\n")
    (folder / "other.py").write_text("import counts\ncounts.seen.append(__name__)\n")
    (tmp_path / "counts.py").write_text("seen = []\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    hook = LazyImports()
    lazy = {"large": {"name": ("large", "name")}, "large.part": {"Thing": ("large.part", "Thing")}}
    monkeypatch.setattr(lazy_imports, "_NAMES", lazy)
    monkeypatch.setattr(sys, "meta_path", [hook, *sys.meta_path])
    before = set(sys.modules)
    yield hook
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("large", "counts"):
            del sys.modules[name]


def seen() -> list[str]:
    """Return the modules that were executed, in order."""
    import counts

    return counts.seen


@pytest.mark.usefixtures("package")
def test_names_that_are_known_load_nothing_and_an_instance_of_what_is_not_loaded_cannot_exist() -> None:
    from large import name
    from large.part import Thing

    assert not isinstance(3, Thing)
    assert seen() == []
    assert isinstance(name, type)
    assert isinstance(Thing(), Thing)
    assert seen() == ["large", "large.part"]
    assert sys.modules["large"].name == "real"
    assert not isinstance(3, Thing)


@pytest.mark.usefixtures("package")
def test_a_submodule_loads_its_package_first_and_each_is_executed_once() -> None:
    import large.other

    assert seen() == ["large", "large.other"]  # the package's own import of large.part finds the lazy one
    assert large.other is sys.modules["large.other"]


@pytest.mark.usefixtures("package")
def test_a_submodule_that_its_package_imports_itself_is_executed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(lazy_imports._NAMES, "large.part")
    import large.part

    assert seen() == ["large", "large.part"]
    assert large.part is sys.modules["large.part"]
    assert large.part.__spec__.loader is not None
    assert large.part.Thing.__module__ == "large.part"


@pytest.mark.usefixtures("package")
def test_any_other_attribute_loads_the_module_in_place() -> None:
    import large

    held = large
    with pytest.raises(AttributeError, match="absent"):
        _ = large.absent
    assert held.name == "real"
    assert seen() == ["large"]
    assert held is sys.modules["large"]


def test_a_module_that_is_not_installed_stays_missing(package: LazyImports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lazy_imports._NAMES, "large.absent", {"name": ("large.absent", "name")})
    with pytest.raises(ModuleNotFoundError, match=r"large\.absent"):
        importlib.import_module("large.absent")


@pytest.mark.usefixtures("package")
def test_an_alias_knows_instances_of_the_real_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lazy_imports._NAMES["large"], "name", ("fractions", "Fraction"))
    from large import name

    assert isinstance(Fraction(1, 2), name)
    assert not isinstance(0.5, name)


@pytest.mark.process
def test_a_fit_loads_none_of_them_and_all_of_them_work_afterwards() -> None:
    program = """
        import sys
        from dlcore.lazy_imports import _NAMES, LazyImports, _LazyModule

        sys.meta_path.insert(0, LazyImports())
        import lightning as L
        import torch

        class Module(L.LightningModule):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(4, 1)
            def training_step(self, batch, _):
                loss = self.layer(batch).square().mean()
                self.log("loss", loss)
                return loss
            def configure_optimizers(self):
                return torch.optim.Adam(self.parameters())
            def train_dataloader(self):
                return torch.utils.data.DataLoader(torch.ones(8, 4), batch_size=4)

        def fit(module):
            trainer = L.Trainer(max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                                enable_model_summary=False, accelerator="cpu")
            trainer.fit(module)
            return trainer.global_step

        def lazy():
            return [name for name in _NAMES if isinstance(sys.modules.get(name), _LazyModule)]

        assert lazy()[:5] == list(_NAMES)[:5], lazy()
        assert fit(Module()) == 2
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], 0.1)
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))]})
        optimizer.load_state_dict(optimizer.state_dict())
        assert lazy()[:5] == list(_NAMES)[:5], lazy()

        disabled = torch.compiler.disable(lambda x: x + 1)
        assert disabled(1) == 2
        assert "torch._dynamo" in lazy()

        import scipy.signal
        assert scipy.signal.hamming(3)[1] == 1.0
        assert scipy.signal.convolve([1, 2], [1])[1] == 2

        import torchmetrics.utilities.plot
        import torchvision.ops
        assert torchvision.ops is sys.modules["torchvision.ops"]
        assert torchvision.models.resnet18(weights=None).fc.out_features == 1000
        from torchmetrics.functional.image import arniqa
        assert sys.modules["torchmetrics.functional.image.arniqa"].resnet50(num_classes=3).fc.out_features == 3

        assert "matplotlib" not in sys.modules
        from torchmetrics.classification import BinaryAccuracy
        metric = BinaryAccuracy()
        metric.update(torch.ones(3), torch.ones(3, dtype=int))
        figure, axes = metric.plot()
        assert type(axes).__name__ == "Axes"
        assert sys.modules["torchmetrics.utilities.plot"] is torchmetrics.utilities.plot

        import torch._dynamo.utils
        assert torch._dynamo.utils is sys.modules["torch._dynamo.utils"]
        breaks = torch._dynamo.explain(lambda x: disabled(x * 3) * 2)(torch.ones(2)).graph_break_count
        assert breaks == 1, breaks
        seen = []
        def backend(graph, inputs):
            seen.append(graph)
            return graph.forward
        assert fit(torch.compile(Module(), backend=backend)) == 2
        assert seen
        print("all well", lazy())
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=250
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.startswith("all well")
