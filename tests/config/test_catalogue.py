import pytest

from dlcore.config.catalogue import (
    Argument,
    argument_help,
    callback_sections,
    class_arguments,
    class_info,
    class_names,
    section_name,
    summary,
)
from dlcore.errors import UnknownNameError

MODELS = '''
raise ImportError("a catalogue imports nothing")

class Model(LightningModule):
    """Base of models."""

    def __init__(self, task): ...


class _Hidden(Model): ...


class MLP(Model):
    """A perceptron, e.g. for
    numbers. It has layers.

    More about it.

    Args:
        hidden_sizes: Size of each hidden layer,
            input side first: [] has none.
        dropout: Probability in [0, 1).

            Second paragraph.
        first, second: Shared text.
        rate (float, optional): With a type.

    Raises:
        ArgumentError: not an argument.
    """

    def forward(self, x: int = 1) -> int: ...

    def __init__(
        self,
        task,
        hidden_sizes: list[int] = [1000],
        activation: Literal["ReLU", "明月"] = "ReLU",
        *,
        dropout: float,
        optimizer: OptimizerCallable | None = torch.optim.Adam,
    ) -> None: ...

class Deep(MLP):
    """Deeper 网络。第二句。"""
    def __init__(self, /, layers: int | None = None, *args, **kwargs): ...

class Bare(Model): ...
'''


@pytest.fixture
def root(tmp_path):
    for package in ("models", "data", "callbacks"):
        (tmp_path / package).mkdir()
    init = 'from x.net import MLP\n\n__all__ = ["Model", "MLP", "Deep", "Bare", "helper", "Missing"]\n'
    (tmp_path / "models/__init__.py").write_text(init, encoding="utf-8")
    (tmp_path / "models/net.py").write_text(MODELS, encoding="utf-8")
    (tmp_path / "callbacks/__init__.py").write_text('__all__: list[str] = ["ReduceLROnPlateau"]\n', encoding="utf-8")
    source = 'class ReduceLROnPlateau(Callback):\n    """Cuts the rate."""\n'
    (tmp_path / "callbacks/reduce.py").write_text(source, encoding="utf-8")
    return tmp_path


def test_names_the_listed_classes_in_order_without_their_common_base(root):
    assert class_names("models", root) == ["MLP", "Deep", "Bare"]


@pytest.mark.parametrize("package", ["data", "callbacks"])
def test_a_package_without_list_has_no_classes(root, package):
    (root / "callbacks/__init__.py").unlink()
    assert class_names(package, root) == []


def test_describes_a_class_from_its_source(root):
    info = class_info("models", "MLP", root)
    assert info.summary == "A perceptron, e.g. for numbers."
    assert list(info.arguments) == ["task", "hidden_sizes", "activation", "dropout", "optimizer"]
    assert info.arguments["task"] == Argument("task", "", None, "")
    assert info.arguments["hidden_sizes"] == Argument(
        "hidden_sizes", "list[int]", "[1000]", "Size of each hidden layer, input side first: [] has none."
    )
    assert info.arguments["activation"].annotation == "Literal['ReLU', '明月']"
    assert info.arguments["dropout"].default is None
    assert info.arguments["dropout"].help == "Probability in [0, 1). Second paragraph."
    assert info.arguments["optimizer"].default == "torch.optim.Adam"


def test_leaves_out_self_and_collecting_arguments(root):
    assert class_arguments("models", "Deep", root) == {"layers": Argument("layers", "int | None", "None", "")}


def test_a_class_without_init_or_docstring_has_nothing_to_show(root):
    assert class_info("models", "Bare", root).arguments == {}
    assert class_info("models", "Bare", root).summary == ""


@pytest.mark.parametrize("name", ["MPL", "Model", "_Hidden", "Missing"])
def test_an_unknown_class_is_an_error_that_names_those_that_there_are(root, name):
    with pytest.raises(UnknownNameError, match=f"Unknown model: '{name}'.*'?MLP"):
        class_info("models", name, root)


@pytest.mark.parametrize(
    ("class_name", "section"),
    [
        ("EarlyStopping", "early_stopping"),
        ("ReduceLROnPlateau", "reduce_lr_on_plateau"),
        ("ParameterDistribution", "parameter_distribution"),
        ("Checkpoint", "checkpoint"),
        ("ProgressDisplay", "progress_display"),
        ("LRFinder", "lr_finder"),
        ("Layer2Norm", "layer2_norm"),
    ],
)
def test_a_section_is_the_class_name_in_snake_case(class_name, section):
    assert section_name(class_name) == section


def test_maps_sections_to_callbacks(root):
    assert callback_sections(root) == {"reduce_lr_on_plateau": "ReduceLROnPlateau"}


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("One. Two.", "One."),
        ("No full stop", "No full stop"),
        ("Rate 0.5 or e.g. torch.nn. Next.", "Rate 0.5 or e.g. torch.nn."),
        ("Over\n    two lines.\n\n    Next.", "Over two lines."),
        ("第一句。第二句。", "第一句。"),
        ("", ""),
    ],
)
def test_a_summary_is_the_first_sentence(docstring, sentence):
    assert summary(docstring) == sentence


def test_reads_each_argument_of_a_docstring():
    docstring = (
        "X.\n\nArgs:\n    first, second: Shared text.\n    rate (float, optional): With a type.\n    *args: Many.\n"
    )
    docstring += "    last:\n        Below: colon.\n\nReturns:\n    out: not one.\n"
    assert argument_help(docstring) == {
        "first": "Shared text.",
        "second": "Shared text.",
        "rate": "With a type.",
        "args": "Many.",
        "last": "Below: colon.",
    }


def test_a_docstring_without_arguments_has_none():
    assert argument_help("X.\n\nReturns:\n    out: y\n") == {}


def test_the_real_packages_agree_with_what_python_sees():
    import inspect

    import dlcore.data
    import dlcore.models

    assert "Split" not in class_names("data")  # an export that is no data module
    for package, module in (("models", dlcore.models), ("data", dlcore.data)):
        assert class_names(package)
        for name in class_names(package):
            signature = inspect.signature(getattr(module, name))
            assert list(class_arguments(package, name)) == list(signature.parameters)
