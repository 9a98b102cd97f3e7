"""Import Lightning in a fifth of the time: large modules that it names, but few runs use, are loaded when used.

Lightning and torchmetrics import the compiler of torch (`torch._dynamo`), torchvision with all its models,
`scipy.signal` and matplotlib: more than four of the five CPU seconds of ``import lightning``. Here each of them is
imported as a lazy module. It has the few names that Lightning, torchmetrics and torch's optimisers ask for, and becomes
the real module as soon as anything else is asked of it. Nothing is missing, and a release that asks for more is slower,
not broken.

Only the command line does this. A script that imports dlcore keeps Python's own way of importing.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

# The lazy modules; the names that others import from them, each with the module and the name of the real one.
_DYNAMO = "torch._dynamo"
_PLOT = "torchmetrics.utilities.plot"
_NAMES = {
    _DYNAMO: {"OptimizedModule": (_DYNAMO, "OptimizedModule")},
    "scipy.signal": {"hamming": ("scipy.signal.windows", "hamming")},  # torchmetrics puts it there if it is missing
    "torchvision": {"transforms": ("torchvision", "transforms")},
    "torchvision.models": {name: ("torchvision.models", name) for name in ("resnet50", "vgg16", "VGG16_Weights")},
    _PLOT: {
        "_AX_TYPE": ("matplotlib.axes", "Axes"),
        **{name: (_PLOT, name) for name in ("_PLOT_OUT_TYPE", "_CMAP_TYPE")},
        **{name: (_PLOT, name) for name in ("plot_single_or_multi_val", "plot_curve", "plot_confusion_matrix")},
    },
    "triton": {},
    "triton.runtime": {},
    "triton.runtime.jit": {"JITFunction": ("triton.runtime.jit", "JITFunction")},
}
_lock = threading.RLock()  # another thread waits until a module is whole
_loading: set[str] = set()
_when_compiling: list[Callable[[], None]] = []  # calls for the time when the compiler is loaded


def import_lazily() -> None:
    """Import Lightning in this way from now on, if it has not been imported yet."""
    if "lightning" not in sys.modules and not any(isinstance(finder, LazyImports) for finder in sys.meta_path):
        sys.meta_path.insert(0, LazyImports())


class LazyImports(MetaPathFinder, Loader):
    """An import hook for `sys.meta_path`, in front of the others: it makes the lazy modules.

    It also loads a lazy package before a submodule of it that is not lazy. The package may import that submodule
    itself: then the hook hands out that one, since Python would import it a second time.
    """

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find lazy modules, and those that the loading of their package has imported."""
        if name in _NAMES:
            others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
            spec = next(filter(None, others), None)
            if spec is not None and spec.loader is not None:
                spec.loader = _LazyLoader(spec.loader)
            return spec
        parent = sys.modules.get(name.rpartition(".")[0])
        if not isinstance(parent, _LazyModule) or parent.__name__ in _loading:
            return None
        _load(parent)
        if name not in sys.modules:
            return None
        self._specs[name] = sys.modules[name].__spec__
        sys.modules[name].__spec__ = ModuleSpec(name, self)
        return sys.modules[name].__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module that is there."""
        return sys.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Give a module its own specification back."""
        module.__spec__ = self._specs.pop(module.__name__)


class _LazyLoader(Loader):
    """A loader that executes nothing yet, as `importlib.util.LazyLoader`."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__class__ = _LazyModule
        names = _NAMES[module.__name__].items()
        vars(module).update({name: _NameType(name, (), {"_real": real}) for name, real in names})
        if module.__name__ == _DYNAMO:
            vars(module).update(disable=_disable, graph_break=_graph_break)


class _LazyModule(ModuleType):
    """A module that is loaded when an attribute is asked for that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(name)  # what `warnings` and `inspect` ask of all modules
        _load(self)
        return getattr(self, name)


class _NameType(type):
    """The type of what stands for a class, function or module of a lazy module.

    A call or an attribute loads the real one. Of a class whose module was not loaded there is no instance.
    """

    _real: tuple[str, str]

    def _load(cls) -> Any:
        module = importlib.import_module(cls._real[0])
        if isinstance(module, _LazyModule):
            _load(module)
        return getattr(module, cls._real[1])

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._load()(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls._load(), name)

    def __instancecheck__(cls, instance: Any) -> bool:
        module = sys.modules.get(cls._real[0])
        return module is not None and not isinstance(module, _LazyModule) and isinstance(instance, cls._load())


def _load(module: ModuleType) -> None:
    """Turn a lazy module into the real one, in place: whoever holds it has the real one.

    Raises:
        AttributeError: The module is being imported, and asks for a name that it does not have yet.
    """
    name = module.__name__
    with _lock:
        parent = sys.modules.get(name.rpartition(".")[0])
        if isinstance(parent, _LazyModule) and parent.__name__ not in _loading:
            _load(parent)
        if not isinstance(module, _LazyModule):  # loaded by its parent, or by another thread
            return
        if name in _loading:
            raise AttributeError(f"partially initialized module {name!r}")
        for each, value in list(vars(module).items()):
            if value is _disable or value is _graph_break or (type(value) is _NameType and value._real[0] == name):
                delattr(module, each)
        loader = module.__loader__
        if isinstance(loader, _LazyLoader) and module.__spec__ is not None:
            module.__loader__ = module.__spec__.loader = loader.loader
        _loading.add(name)
        try:
            module.__loader__.exec_module(module)  # type: ignore[union-attr]
        finally:
            _loading.discard(name)
        module.__class__ = ModuleType  # type: ignore[assignment]
        while name == _DYNAMO and _when_compiling:
            _when_compiling.pop()()


def _graph_break(msg: str = "") -> None:
    """Do what `torch._dynamo.graph_break` does where nothing is compiled: nothing."""


def _disable(fn: Any = None, recursive: bool = True, **options: Any) -> Any:
    """Keep a function from being compiled, as `torch._dynamo.disable`, once the compiler is loaded."""
    if not isinstance(fn, FunctionType):
        return importlib.import_module(_DYNAMO).disable(fn, recursive, **options)
    called = [fn]

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return called[0](*args, **kwargs)

    def switch() -> None:
        called[0] = sys.modules[_DYNAMO].disable(fn, recursive, **options)

    from dlcore.torch_compat import mark_as_never_compiled  # here, since it imports torch

    _when_compiling.append(switch)
    return mark_as_never_compiled(wrapper)
