"""The data sets of `scarce_data`: tables and pictures, real ones and drawn ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw
from sklearn import datasets

from dlcore.data import FashionMNIST
from dlcore.data.drawn_clothing import draw_clothing
from dlcore.data.images.circles import draw_circles


def shop(n: int, seed: int) -> pd.DataFrame:
    """Draw customers, with categories, missing values and useless columns: does one come back?"""
    draw = np.random.default_rng(seed)
    town, kind, age, spent = (
        draw.integers(0, 6, n),
        draw.integers(0, 3, n),
        draw.uniform(18, 80, n),
        draw.lognormal(3, 1, n),
    )
    score = 0.04 * (age - 45) * (kind - 1) + 0.8 * np.log(spent / 20) + np.where(town < 2, 1.2, -0.6)
    columns = {"town": np.array(list("ABCDEF"))[town], "kind": np.array(["web", "shop", "fair"])[kind], "spent": spent}
    columns |= {"age": np.where(draw.uniform(size=n) < 0.1, np.nan, age), "noise": draw.normal(size=n)}
    return pd.DataFrame(columns).assign(target=np.where(draw.uniform(size=n) < 1 / (1 + np.exp(-score)), "yes", "no"))


def shapes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw circles, triangles, squares and stars, in colours, as pictures (N, 32, 32, 3)."""
    draw, pictures, side = np.random.default_rng(seed), [], 128
    for number in range(n):
        colors = [tuple(int(part) for part in draw.integers(0, 255, 3)) for _ in range(2)]
        picture = Image.new("RGB", (side, side), colors[0])
        radius, turn = draw.uniform(0.24, 0.42) * side, draw.uniform(-0.35, 0.35)
        x, y = draw.uniform(radius, side - radius, 2)
        corners = (60, 3, 4, 10)[number % 4]
        angles = turn + 2 * np.pi * np.arange(corners) / corners
        radii = np.where((corners == 10) & (np.arange(corners) % 2 == 1), 0.45, 1.0) * radius
        points = [(x + r * np.sin(angle), y - r * np.cos(angle)) for r, angle in zip(radii, angles, strict=True)]
        ImageDraw.Draw(picture).polygon(points, colors[1])
        pixels = np.asarray(picture.resize((32, 32), Image.Resampling.BOX)) + draw.normal(0, 8, (32, 32, 3))
        pictures.append(pixels.clip(0, 255).astype(np.uint8))
    return np.stack(pictures), np.arange(n) % 4


def digits(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's digits, three times as large: grey pictures (N, 24, 24)."""
    found = datasets.load_digits()
    order = np.random.default_rng(seed).permutation(len(found.target))[:n]
    return np.round(found.images[order] * 255 / 16).astype(np.uint8).repeat(3, 1).repeat(3, 2), found.target[order]


def fashion(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return training pictures of FashionMNIST (N, 28, 28)."""
    data = FashionMNIST()
    data.prepare_data()
    data.setup("fit")
    part = data.parts["train"]
    chosen = part.indices[torch.randperm(len(part), generator=torch.Generator().manual_seed(seed))[:n]]
    return part.inputs[chosen].view(-1, 28, 28).numpy(), part.targets[chosen].numpy()


def circles(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw "is there a circle?", in colours (N, 48, 48, 3)."""
    return draw_circles(np.arange(n) % 2 == 0, seed, 0), np.arange(n) % 2


def clothing(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw clothing (N, 28, 28)."""
    pictures, labels = draw_clothing(n, seed)
    return pictures.numpy(), labels.numpy()


def table(make: Callable[..., Any], classes: bool, n: int, seed: int, target: str | None = None) -> pd.DataFrame:
    """Return n rows at most: a real table in random order, or a drawn one; the last column is the target."""
    if make.__name__.startswith("load"):
        found = make(as_frame=True)
        rows = found.data.assign(target=found.target if target is None else found.data[target])
        rows = (rows if target is None else rows.drop(columns=target)).sample(frac=1, random_state=seed)[:n]
    elif make is shop:
        return shop(n, seed)
    else:
        inputs, targets = make(n, random_state=seed)
        rows = pd.DataFrame(inputs).add_prefix("x").assign(target=targets)
    return rows.assign(target=rows["target"].map("k{}".format)) if classes else rows


three = partial(datasets.make_classification, n_features=20, n_informative=6, n_redundant=4, n_classes=3, flip_y=0.1)
three.__name__ = "three"
moons, friedman_1 = partial(datasets.make_moons, noise=0.25), partial(datasets.make_friedman1, noise=1)
friedman_2 = partial(datasets.make_friedman2, noise=100)
moons.__name__, friedman_1.__name__, friedman_2.__name__ = "moons", "friedman 1", "friedman 2"
SETS: dict[str, dict[str, tuple[int, Any]]] = {  # samples that train and validate, and what draws them
    "tables": {
        "wine": (120, partial(table, datasets.load_wine, True)),
        "digits": (300, partial(table, datasets.load_digits, True)),
        "three classes": (300, partial(table, three, True)),
        "moons": (100, partial(table, moons, True)),
        "diabetes": (300, partial(table, datasets.load_diabetes, False)),
        "friedman 1": (200, partial(table, friedman_1, False)),
        "iris*": (100, partial(table, datasets.load_iris, True)),
        "breast cancer*": (200, partial(table, datasets.load_breast_cancer, True)),
        "shop*": (300, partial(table, shop, True)),
        "smoothness*": (300, partial(table, datasets.load_breast_cancer, False, target="mean smoothness")),
        "friedman 2*": (150, partial(table, friedman_2, False)),
    },
    "pictures": {
        "FashionMNIST 120": (120, fashion),
        "digits 60": (60, digits),
        "shapes 100": (100, shapes),
        "FashionMNIST 60*": (60, fashion),
        "FashionMNIST 300*": (300, fashion),
        "drawn clothing 200*": (200, clothing),
        "circles 600*": (600, circles),
    },
}
