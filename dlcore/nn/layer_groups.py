"""The layers of a network in order of depth, for freezing them and for learning rates by depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from dlcore.nn.convolution import BATCH_NORMS

_LISTS = nn.Sequential | nn.ModuleList
_NORMALIZATION = BATCH_NORMS | nn.LayerNorm | nn.GroupNorm | nn.RMSNorm


@dataclass(frozen=True)
class LayerGroup:
    """A layer with its parameters; the normalisation that follows it belongs to it.

    Args:
        name: Path of the layer in the network.
        modules: The layer, and its normalisation.
        parameters: Their parameters, without those of the head and those shared with an earlier layer.
    """

    name: str
    modules: tuple[nn.Module, ...]
    parameters: tuple[nn.Parameter, ...]


def layer_groups(network: nn.Module, head: nn.Module | None = None) -> list[LayerGroup]:
    """Return the layers of a network that have parameters, input side first, without its head.

    They are the submodules of the network, in the order in which it made them; a `Sequential` or `ModuleList` stands
    for the layers in it. ``resnet18`` has ``conv1``, eight residual blocks and ``fc``.

    Args:
        network: Any network.
        head: A layer to leave out; None: none.
    """
    found = list(_expand("", network, head))
    while len(found) == 1 and any(True for _ in found[0][1].children()):  # a wrapper around the network
        name, wrapped = found[0]
        inside = list(_expand(name, wrapped, head))
        if inside == found:
            break
        found = inside
    groups: list[LayerGroup] = []
    seen = {id(parameter) for parameter in head.parameters()} if head is not None else set()
    for name, module in found:
        # A module that holds the head, or other layers of the list, gives its own parameters only.
        whole = not any(other is not module and other in _inside(module) for _, other in found)
        whole = whole and (head is None or head not in _inside(module))
        given = [each for each in module.parameters(recurse=whole) if id(each) not in seen]
        seen |= {id(each) for each in given}
        if not given:
            continue
        part = LayerGroup(name, (module,) if whole else (), tuple(given))
        if groups and isinstance(module, _NORMALIZATION):
            before = groups.pop()
            part = LayerGroup(before.name, before.modules + part.modules, before.parameters + part.parameters)
        groups.append(part)
    return groups


def output_layer(network: nn.Module) -> nn.Module:
    """Return the last linear layer or convolution of a network, which gives its output."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)][-1]


def _inside(module: nn.Module) -> list[nn.Module]:
    return list(module.modules())


def _expand(name: str, module: nn.Module, head: nn.Module | None) -> Iterator[tuple[str, nn.Module]]:
    """Yield a module if it has parameters of its own, then its children; lists, and what holds the head, in parts."""
    if module is head:
        return
    children = [(path, child) for path, child in module.named_children() if any(True for _ in child.parameters())]
    if not children or any(True for _ in module.parameters(recurse=False)):
        yield name, module
    for path, child in children:
        inner = f"{name}.{path}".lstrip(".")
        if child is not head and (isinstance(child, _LISTS) or (head is not None and head in _inside(child))):
            yield from _expand(inner, child, head)
        elif child is not head:
            yield inner, child
