"""Import Lightning in a quarter of the time: large modules that it names, but few runs use, are loaded when used.

Lightning and torchmetrics import the compiler of torch (`torch._dynamo`), torchvision with all its models, and
`scipy.signal`: four of the five CPU seconds of ``import lightning``. A lazy module stands for each. It has the few
names that Lightning, torchmetrics and torch's optimisers ask for, and becomes the real module as soon as anything else
is asked of it. Nothing is missing, and a release that asks for more is slower, not broken.

Only the command line does this. A script that imports dlcore keeps Python's own way of importing.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType, ModuleType
from typing import Any

# The lazy modules, parents first; the names that others import from them, and the module that really has each.
_DYNAMO = "torch._dynamo"
_NAMES = {
    _DYNAMO: {"OptimizedModule": _DYNAMO},
    "scipy.signal": {"hamming": "scipy.signal.windows"},  # torchmetrics puts it there if it is missing
    "torchvision": {"transforms": "torchvision"},
    "torchvision.models": dict.fromkeys(("resnet50", "vgg16", "VGG16_Weights"), "torchvision.models"),
    "triton": {},
    "triton.runtime": {},
    "triton.runtime.jit": {"JITFunction": "triton.runtime.jit"},
}
_lock = threading.RLock()  # another thread waits until a module is whole
_loading: set[str] = set()
_when_compiling: list[Callable[[], None]] = []  # calls for the time when the compiler is loaded


class LazyImports(MetaPathFinder, Loader):
    """An import hook that makes the lazy modules as soon as Lightning or torchmetrics is imported.

    It also loads a lazy package before a submodule of it. The package may import that submodule itself: then the hook
    hands out that one, since Python would import it a second time.

    Example:
        >>> sys.meta_path.insert(0, LazyImports())  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._started = False
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find no module but those that the loading of their package has imported."""
        if not self._started and name in ("lightning", "torchmetrics"):
            self._started = True
            import torch  # noqa: F401  # the parent of one of them

            for lazy, names in _NAMES.items():
                _make_lazy(lazy, names)
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


class _LazyModule(ModuleType):
    """A module that is loaded when an attribute is asked for that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(name)  # what `warnings` and `inspect` ask of all modules
        _load(self)
        return getattr(self, name)


class _NameType(type):
    """The type of what stands for a class, function or module of a lazy module.

    A call or an attribute loads the real one; an instance of a class that was not loaded cannot exist.
    """

    def _real(cls) -> Any:
        module = importlib.import_module(cls.__module__)
        if isinstance(module, _LazyModule):
            _load(module)
        return getattr(module, cls.__name__)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._real()(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls._real(), name)

    def __instancecheck__(cls, instance: Any) -> bool:
        return _is_loaded(cls.__module__) and isinstance(instance, cls._real())


def _is_loaded(name: str) -> bool:
    return name in sys.modules and not isinstance(sys.modules[name], _LazyModule)


def _make_lazy(name: str, names: dict[str, str]) -> None:
    """Put a lazy module into `sys.modules`, unless the module is not installed or is imported already."""
    parent, _, child = name.rpartition(".")
    spec = None if name in sys.modules else _find(name, parent)
    if spec is None:
        return
    module = importlib.util.module_from_spec(spec)
    module.__class__ = _LazyModule
    vars(module).update({each: _NameType(each, (), {"__module__": home}) for each, home in names.items()})
    if name == _DYNAMO:
        vars(module).update(disable=_disable, graph_break=_graph_break)
    sys.modules[name] = module
    if parent in sys.modules:
        setattr(sys.modules[parent], child, module)


def _find(name: str, parent: str) -> ModuleSpec | None:
    """Find a module without importing its parent."""
    if not parent:
        return PathFinder.find_spec(name)
    spec = getattr(sys.modules.get(parent), "__spec__", None) or PathFinder.find_spec(parent)
    return PathFinder.find_spec(name, spec.submodule_search_locations) if spec else None


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
            if value is _disable or value is _graph_break or (type(value) is _NameType and value.__module__ == name):
                delattr(module, each)
        loader = module.__spec__.loader if module.__spec__ else None
        if loader is None:
            raise ImportError(f"no loader for {name}", name=name)
        _loading.add(name)
        try:
            loader.exec_module(module)
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
