"""A folder of pictures with a folder per class: decoded once, augmented in batches on the device.

Shapes: B batch size, C channels, H height, W width, K classes, M files.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from dlcore.data.array_data import ArrayData, Split
from dlcore.data.batches import BatchLoader
from dlcore.data.images.augmentation import Augmentation, Normalization, given, measured, normalized, tensors
from dlcore.data.images.circles import circles_folder
from dlcore.data.images.counter_random import SampleDraws
from dlcore.data.images.decoder import WHOLE
from dlcore.data.images.decoding import decode_picture
from dlcore.data.images.image_files import Found, class_targets, find_pictures, find_to_predict, part_places
from dlcore.data.images.layout import deeper
from dlcore.data.images.mixing import Mixing
from dlcore.data.images.notes import meet_broken, tell_counts, tell_levels, tell_passed_over
from dlcore.data.images.pixel_cache import decoded
from dlcore.data.images.pixel_files import pixel_format
from dlcore.data.splits import HoldOut, check_pattern
from dlcore.errors import ArgumentError, DataError
from dlcore.plain_text import shell_word


class ImageFolder(ArrayData):
    """A folder of pictures of any sizes and kinds, with a folder in it for each class: root/class/*.jpg, .png, ….

    If root holds train (and val, test; in any case, Training and Testing too), these are the parts; a part without a
    folder is split off the training pictures. Files that are not read are counted. Pictures are turned as EXIF says;
    transparent areas become white; 16 bits become 8, 12-bit content scaled by the range of all pictures' values; of
    an animation the first frame is used; pictures of more than 89,478,485 pixels are refused. Pictures are decoded
    once into a memory-mapped cache of bytes. With a checkpoint, validate, test and predict use all of another folder;
    predict needs no class folders, and its answers name the files.

    Args:
        root: The folder; for predict also a picture, a pattern (photos/**/*.jpg) or a list of these.
        builtin: Pictures that need no folder: circles ("is there a circle?", 13,000 pictures of 48 × 48, drawn by
            dlcore as PNG files at the first use); root takes precedence.
        size: Height and width of all pictures after decoding, in pixels: 64, or [96, 128].
        resize: How: crop (the largest centred piece of that shape), squash (all of it, proportions change) or pad (all
            of it, on black).
        channels: 3 (colour) or 1 (grey).
        normalize: Pixels, scaled to 0 to 1, minus a mean, divided by a deviation, for each channel: train (those of the
            training pictures, kept in the checkpoint), none, imagenet, or numbers: [[0.5], [0.25]].
        batch_size: Pictures in a training batch, of each process.
        val_size: Pictures that validate if there is no val folder, chosen by split_seed, classes in their shares:
            below 1 a share, from 1 on a number; 0 validates on the test pictures.
        test_size: Pictures that test if there is no test folder, chosen likewise; 0: the validation pictures.
        split_seed: Determines the choice of the validation and test pictures.
        folds: Cross-validation: one of so many folds tests instead of test_size; 0: none. All in turn: study --folds 5
        fold: The fold that tests, from 0.
        group: A regular expression: pictures in whose paths it (its first brackets) finds the same text stay in one
            part or fold: '(patient[0-9]+)_'.
        balanced: Whether each class occurs equally often in an epoch, however many pictures it has.
        flip: Probability with which a training picture is mirrored left to right.
        crop: Smallest share of a training picture's area, in (0, 1], that a random crop keeps; 1: no crop.
        shift: Largest shift of a training picture to each side, as a share of its side, in [0, 1).
        rotate: Largest rotation of a training picture to each side, in degrees, 0 to 180.
        color: Largest change of a training picture's brightness, contrast and saturation, as a share, in [0, 1].
        erase: Probability with which a rectangle of a training picture, 2 to 20% of it, is blotted out.
        mixup: Blends two training pictures and their classes: α of the shares' Beta distribution, at least 0; 0: off.
        cutmix: Fills a rectangle of a training picture from another one, and mixes the classes: α likewise; 0: off.
        cache: Whether decoded pictures are kept in dlcore's cache folder (~/.cache/dlcore/images) for the next start;
            false decodes at each start, into a temporary file.
        skip_broken: Whether files that cannot be decoded are counted, named and left out; false makes them an error.
        eval_batch_size: Pictures in a batch of validation, test and prediction; it changes speed and memory only.
        drop_last: Leave out an epoch's last batch when it is smaller than the others.

    Shape:
        - Inputs: (B, C, H, W), float32.
        - Targets: (B,), int64, 0 to K - 1; with mixup or cutmix, while training, shares of the classes (B, K).

    Raises:
        ArgumentError: A value lies outside its range, or there is no such folder.
        DataError: The folder holds no classes or no pictures, parts have different classes, or files are broken.
    """

    def __init__(
        self,
        root: str | list[str] | None = None,
        builtin: Literal["circles"] | None = None,
        size: int | tuple[int, int] = 64,
        resize: Literal["crop", "squash", "pad"] = "crop",
        channels: Literal[1, 3] = 3,
        normalize: str | list[list[float]] = "train",
        batch_size: int = 64,
        val_size: float = 0.1,
        test_size: float = 0.1,
        split_seed: int = 0,
        folds: int = 0,
        fold: int = 0,
        group: str | None = None,
        balanced: bool = False,
        flip: float = 0.0,
        crop: float = 1.0,
        shift: float = 0.0,
        rotate: float = 0.0,
        color: float = 0.0,
        erase: float = 0.0,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        cache: bool = True,
        skip_broken: bool = False,
        eval_batch_size: int = 256,
        drop_last: bool = False,
    ) -> None:
        super().__init__(batch_size, eval_batch_size, drop_last)
        if root is None and builtin is None:
            raise ArgumentError("root", "a folder", None, "Or pictures that need none: --data.builtin circles.")
        if builtin not in ("circles", None):
            raise ArgumentError("builtin", "circles", builtin)
        self.root, self.builtin = root, builtin
        self.form = pixel_format(size, channels, resize)
        self.normalization = self._given = given(normalize, channels)
        check_pattern(group)
        self.hold_out, self.group = HoldOut(val_size, test_size, split_seed, folds, fold), group
        self.balanced = balanced
        self.augmentation = Augmentation(flip, crop, shift, rotate, color, erase)
        self.mixing = Mixing(mixup, cutmix)
        self.cache, self.skip_broken = cache, skip_broken
        named = root if isinstance(root, str) or root is None else ", ".join(root[:3]) + ", …" * (len(root) > 3)
        self.source = named if named is not None else f"{builtin}, drawn by dlcore"
        self._kept: dict[str, Any] = {}  # what a checkpoint holds
        self._counts: list[int] | None = None
        self._places: tuple[list[str], dict[str, np.ndarray]] | None = None  # of the parts, for these classes
        self._levels: tuple[int, int] | None = None  # of 16-bit pictures: the values that became 0 and 255

    # What is known before and after the pictures are decoded

    def expect(self, task: str | None, kept: dict[str, Any] | None) -> None:
        """Use what a checkpoint holds: the classes, and the training pictures' mean and deviation."""
        if kept and kept.get("pictures"):
            self._kept = kept["pictures"]
            self.normalization = self._given or Normalization(*map(tuple, self._kept["normalization"].values()))
            self._counts = self._kept["class_counts"]

    def facts(self) -> dict[str, Any]:
        """Return what a model may ask for, and facts of the pictures; reads the folder, decodes nothing."""
        names = self._class_names()
        if self._counts is None:
            self._count(self._cut()["train"])
        return {
            "tasks": ["multiclass", "binary"] if len(names) == 2 else ["multiclass"],
            "in_features": self.form.row_bytes,
            "image_shape": (self.form.channels, *self.form.size),
            "num_classes": len(names),
            "class_names": names,
            "class_counts": self._counts,
            "normalization": self.normalization.state() if self.normalization else None,
            "source": self.source,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the state of `ArrayData`, and all that is needed to read further pictures like the training ones."""
        if not self._kept and self.parts:
            found, facts = self._found, self.facts()
            self._kept = {name: facts[name] for name in ("class_names", "class_counts", "normalization")}
            self._kept |= {"root": str(found.root.resolve()), "fingerprint": found.fingerprint}
            self._kept["levels"] = self._levels and list(self._levels)
            self._kept["hold_out"] = {**self.hold_out.state(found.own), "group": self.group}
        return {**super().state_dict(), "pictures": self._kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue in the order of the resumed run, with its classes and its normalisation."""
        super().load_state_dict(state)
        if self._kept != state.get("pictures", {}):
            self.expect(None, state)
            self.parts = self.load() if self.parts else {}

    @cached_property
    def _found(self) -> Found:
        root = str(circles_folder()) if self.root is None else self.root
        if self.stage == "predict" and self._kept:
            return find_to_predict(root, self._kept["class_names"], self._kept["root"])
        return find_pictures(root)

    def _class_names(self) -> list[str]:
        if self._kept:
            return list(self._kept["class_names"])
        found = self._found
        if not found.class_names:
            raise DataError(
                f"{found.root}: expected a folder of pictures for each class, got {len(found.names):,} pictures in no "
                "folder of their own. Sort them into folders; only predict, with --ckpt_path, needs no classes."
            )
        if len(found.class_names) < 2:
            place = deeper(found.root)
            lies = f" Look deeper: --data.root {shell_word(str(place))}" if place else ""
            raise DataError(
                f"{found.root}: expected at least two class folders, got one: {found.class_names[0]!r}. There is "
                f"nothing to tell apart; root is the folder that holds the class folders.{lies}"
            )
        return found.class_names

    # Reading

    def load(self) -> dict[str, Split]:
        """Decode the pictures, or read them from the cache, and split them into parts."""
        found = self._found
        targets = class_targets(found, self._class_names())
        places = self._whole() or self._cut()
        tell_passed_over(found)
        pictures = decoded(found.root, found.names, self.form, self.cache)
        known = self._kept.get("levels", WHOLE) if self._kept else None
        if known and pictures.levels and pictures.levels != tuple(known):  # the levels of the training apply
            pictures = decoded(found.root, found.names, replace(self.form, levels=tuple(known)), self.cache)
        self._levels = pictures.levels
        tell_levels(pictures)
        meet_broken(found, pictures.broken, self.skip_broken)
        whole = np.ones(len(found.names), dtype=bool)
        whole[list(pictures.broken)] = False
        usable = {part: chosen[whole[chosen]] for part, chosen in places.items()}
        for part, chosen in usable.items():
            if not len(chosen):
                raise DataError(f"{found.root}: expected pictures in {part} that can be decoded, got none.")
        if not self._kept and self.stage in (None, "fit"):
            self._count(usable["train"])
            tell_counts(found, self._class_names(), self._counts or [], self.balanced)
        if self.normalization is None:
            pixels = self.form.size[0] * self.form.size[1]
            self.normalization = measured(pictures.moments, torch.from_numpy(usable["train"]), pixels)
        names, labels = found.names.decoded(), torch.from_numpy(targets)
        return {part: Split(pictures.pixels, labels, torch.from_numpy(own), names) for part, own in usable.items()}

    def _whole(self) -> dict[str, np.ndarray]:
        """Return all pictures of a folder other than the one of the training, for an evaluation; else nothing."""
        found = self._found
        fitting = self.stage in (None, "fit")
        if not found.class_names and self.stage != "predict":
            raise DataError(f"{found.root}: expected class folders, got none. Only predict needs none.")
        if fitting and self._kept and set(found.class_names) != set(self._kept["class_names"]):
            missing = sorted(set(self._kept["class_names"]) - set(found.class_names))
            raise DataError(f"{found.root}: expected all classes of the run that continues, got none of: {missing}.")
        if self._kept and self._kept["fingerprint"] == found.fingerprint:
            self.hold_out.check(self._kept.get("hold_out", {}), found.own, group=self.group)
            return {}
        if not self._kept or not found.is_cut:
            return {}
        if fitting or self._kept["root"] == str(found.root.resolve()):
            raise DataError(
                f"{found.root}: expected the files of the training, got files that were added or taken away since: "
                "training and test pictures can no longer be told apart. Put new pictures into a folder of their "
                "own; to train on others, leave out --ckpt_path."
            )
        everything = np.arange(len(found.names))
        return {} if found.parts else {"val": everything, "test": everything}

    def _cut(self) -> dict[str, np.ndarray]:
        names = self._class_names()
        if self._places is None or self._places[0] != names:  # takes seconds for a million pictures in groups
            targets = class_targets(self._found, names)
            self._places = names, part_places(self._found, targets, self.hold_out, self.group)
        return self._places[1]

    def _count(self, train: np.ndarray) -> None:
        names = self._class_names()
        self._counts = np.bincount(class_targets(self._found, names)[train], minlength=len(names)).tolist()

    def read_picture(self, path: Path) -> Tensor:
        """Return a picture from elsewhere as the network gets those of the folder (1, C, H, W)."""
        levels = self._kept.get("levels")
        return self.transform(decode_picture(path, replace(self.form, levels=tuple(levels) if levels else None)))

    # Batches

    def train_dataloader(self) -> BatchLoader:
        """Return shuffled batches."""
        loader, part = super().train_dataloader(), self.parts["train"]
        loader.classes = part.targets[part.indices] if self.balanced else None
        return loader

    @property
    def augments(self) -> bool:
        """Whether training pictures are augmented."""
        return self.augmentation != Augmentation() or bool(self.mixing)

    def transform(self, inputs: Tensor) -> Tensor:
        """Convert pictures (B, C, H, W), uint8, to normalised float32."""
        return normalized(inputs.float(), *self._statistics(inputs.device))

    def augment(self, inputs: Tensor, targets: Tensor, samples: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """Return training pictures, augmented by (seed, epoch, sample), and their targets."""
        draws = SampleDraws(self.order_seed, epoch, samples)
        changed = self.augmentation(inputs, draws, *self._statistics(inputs.device))
        return self.mixing(changed, targets, draws, len(self._class_names())) if self.mixing else (changed, targets)

    def _statistics(self, device: torch.device) -> tuple[Tensor, Tensor]:
        return tensors(self.normalization, device)
