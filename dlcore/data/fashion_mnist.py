"""FashionMNIST: 60,000 + 10,000 pictures of clothing, 28 × 28 grey, ten classes.

Reference: Xiao, Rasul, Vollgraf (2017), "Fashion-MNIST: a novel image dataset for benchmarking machine learning
algorithms", arXiv:1708.07747.

Shapes: B batch size.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlcore.cache import cache_folder, open_cache
from dlcore.data.array_data import ArrayData, Split
from dlcore.data.batches import split
from dlcore.data.downloads import download
from dlcore.data.drawn_clothing import CLASS_NAMES, draw_clothing
from dlcore.data.idx_files import read_idx
from dlcore.data.images.augmentation import Augmentation
from dlcore.data.images.counter_random import SampleDraws
from dlcore.data.images.decoding import decode_picture
from dlcore.data.images.image_files import class_targets, find_to_predict
from dlcore.data.images.notes import meet_broken, tell_passed_over
from dlcore.data.images.pixel_cache import decoded
from dlcore.data.images.pixel_files import PixelFormat
from dlcore.data.resumable_data import say
from dlcore.data.splits import HoldOut
from dlcore.errors import ArgumentError, DataError, check_number
from dlcore.translation import N_

# Name of each file and the SHA-256 of its uncompressed content.
FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
SYSTEM_PACKAGE = "dataset-fashion-mnist"
DOWNLOAD_TIMEOUT = 20.0  # seconds without new bytes
_FORM = PixelFormat((28, 28), 1, "crop")  # of pictures from elsewhere
_RAW = Path("FashionMNIST", "raw")  # where torchvision puts the files


class FashionMNIST(ArrayData):
    """The pictures of clothing on which the textbook's experiments run: 60,000 to train with, 10,000 held out.

    Args:
        batch_size: Samples in a training batch, of each process.
        scale: Pixels, 0 to 255, are divided by this: 255 gives 0 to 1; 1 leaves them as they are; 2550000 makes them
            tiny (both are lessons).
        invert: White background and dark content: each pixel p becomes 255 - p.
        val_size: How many of the 60,000 are held out for validation, chosen by split_seed; 0 validates on the held-out
            10,000, as textbooks do. The test is always on the held-out 10,000.
        split_seed: Determines the choice of the validation samples.
        root: Folder that holds the four files (or a FashionMNIST/raw folder with them); left out: the system's package
            dataset-fashion-mnist, then dlcore's cache folder, then a download from torchvision's mirrors.
        download: Whether to download the files when they are not on this machine.
        flip: Probability with which a training picture is mirrored left to right.
        shift: Largest shift of a training picture to each side, as a share of its side, in [0, 1): 0.08 is two pixels.
        erase: Probability with which a rectangle of a training picture, 2 to 20% of it, is blotted out.
        offline_sample: When the files are not available, train on pictures of clothing drawn by dlcore instead of
            ending with an error; printed at start and end, and kept in the run's record.
        eval_batch_size: Samples in a batch of validation, test and prediction; it changes speed and memory only.
        drop_last: Leave out an epoch's last batch when it is smaller than the others.
        pictures: Pictures of any size that predict reads instead of the set: a file, a folder, a pattern
            (photos/**/*.jpg) or a list of these. Their centre is cropped, in grey.

    Shape:
        - Inputs: (B, 1, 28, 28), float32, 0 to 255/scale.
        - Targets: (B,), int64, 0 to 9.

    Raises:
        ArgumentError: A value lies outside its range.
        DataError: The files are damaged or not available.

    Attributes:
        source: Where the data come from.
        is_sample: Whether they are drawn by dlcore.
        why_sample: Why the files are not available.
    """

    def __init__(
        self,
        batch_size: int = 256,
        scale: float = 255.0,
        invert: bool = False,
        val_size: int = 5000,
        split_seed: int = 0,
        root: str | None = None,
        download: bool = True,
        flip: float = 0.0,
        shift: float = 0.0,
        erase: float = 0.0,
        offline_sample: bool = False,
        eval_batch_size: int = 1000,
        drop_last: bool = False,
        pictures: str | list[str] | None = None,
    ) -> None:
        super().__init__(batch_size, eval_batch_size, drop_last)
        check_number("scale", scale, above=0)
        check_number("val_size", val_size, at_least=0, below=60000, whole=True)
        self.scale, self.invert, self.val_size, self.split_seed = scale, invert, val_size, split_seed
        self._hold_out = HoldOut(val_size, 0, split_seed)
        self.augmentation = Augmentation(flip=flip, shift=shift, erase=erase)
        self.root, self.download, self.offline_sample = root, download, offline_sample
        self.pictures = pictures
        self.source = ""
        self.is_sample = False
        self.why_sample = N_("the download was not tried") if download else N_("--data.download is false")
        self._tried = False

    def facts(self) -> dict[str, Any]:
        """Return what a model may ask for, and where the data came from."""
        return {
            "tasks": ["multiclass"],
            "in_features": 28 * 28,
            "image_shape": (1, 28, 28),
            "num_classes": len(CLASS_NAMES),
            "class_names": list(CLASS_NAMES),
            "scale": self.scale,
            "source": self.source,
            "is_sample": self.is_sample,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the state of `ArrayData`, and which training samples validate."""
        return {**super().state_dict(), "held_out": self._hold_out.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue in the order of the resumed run; the same samples must validate."""
        super().load_state_dict(state)
        if self.stage in ("fit", "validate"):  # the test samples are always the same
            self._hold_out.check(state.get("held_out", {}))

    def prepare_data(self) -> None:
        """Download the files if they are not on this machine; try once. One process per machine does this."""
        needs_set = self.download and self.root is None and self.pictures is None
        if self._tried or not needs_set or self._find() is not None:
            return
        self._tried = True
        # Imported here: only a download needs torchvision, and its import is slow.
        from torchvision.datasets import FashionMNIST as Downloader

        names = [_RAW / name for name in FILES]
        try:
            cache = open_cache(cache_folder())
            download(lambda folder: Downloader(folder, download=True), cache, names, DOWNLOAD_TIMEOUT)
        except (RuntimeError, OSError, HTTPException) as error:  # RuntimeError: torchvision's own
            self.why_sample = " ".join(str(error).split())

    def load(self) -> dict[str, Split]:
        """Read the files, or draw the sample."""
        if self.pictures is not None:
            part = self._own_pictures(self.pictures)
            return {"val": part, "test": part}
        folder = self._find()
        if folder is None and not self.offline_sample:
            raise DataError(
                f"FashionMNIST is not on this machine and cannot be downloaded ({self.why_sample}). Three ways: "
                f"(1) Debian and Ubuntu: apt-get install {SYSTEM_PACKAGE}; (2) put the four files into a folder and "
                "give it: --data.root FOLDER; (3) train on pictures that dlcore draws itself: "
                "--data.offline_sample true."
            )
        if folder is None:
            self.is_sample = True
            self.source = N_("drawn by dlcore (not FashionMNIST)")
            train_images, train_labels = draw_clothing(20_000, seed=0)
            test_images, test_labels = draw_clothing(4_000, seed=1)
        else:
            self.source = str(folder)
            with ThreadPoolExecutor(len(FILES)) as pool:  # unpacking and hashing release the GIL
                train_images, train_labels, test_images, test_labels = pool.map(
                    lambda name: read_idx(_file(folder, name), FILES[name]), FILES
                )
        if self.val_size >= len(train_images):
            raise ArgumentError("val_size", f"less than the {len(train_images):,} training samples", self.val_size)
        if self.invert:
            train_images, test_images = 255 - train_images, 255 - test_images
        test = Split(test_images, test_labels.long(), torch.arange(len(test_images)))
        staying, held_out = split(len(train_images), self.val_size, self.split_seed)
        train = Split(train_images, train_labels.long(), staying)
        val = Split(train.inputs, train.targets, held_out) if self.val_size else test
        return {"train": train, "val": val, "test": test}

    def transform(self, inputs: Tensor) -> Tensor:
        """Convert pictures (B, 28, 28), uint8, to (B, 1, 28, 28), float32, divided by `scale`."""
        return inputs.unsqueeze(1).float().div_(self.scale)

    def _own_pictures(self, pictures: str | list[str]) -> Split:
        if self.stage != "predict":
            raise ArgumentError("pictures", "nothing, unless predict reads them", pictures, "Leave it out.")
        found = find_to_predict(pictures, CLASS_NAMES, argument="pictures")
        tell_passed_over(found)
        read = decoded(found.root, found.names, _FORM, keep=False)
        meet_broken(found, read.broken, skip=None)
        targets = torch.from_numpy(class_targets(found, CLASS_NAMES))
        pixels = read.pixels[:, 0]
        self._tell_background(pixels)
        inputs = 255 - pixels if self.invert else pixels
        return Split(inputs, targets, torch.arange(len(pixels)), found.names.decoded())

    def _tell_background(self, pixels: Tensor) -> None:
        """Print a note where pictures (N, 28, 28) have a bright border: those of the set have a black one."""
        border = torch.cat([pixels[:, [0, -1]].flatten(1), pixels[:, :, [0, -1]].flatten(1)], dim=1)
        bright = int((border.float().mean(1) > 127).sum())
        if bright and not self.invert:
            say(
                f"{bright:,} of {len(pixels):,} pictures have a bright background, those of the training a black one. "
                "--data.invert true turns bright and dark over"
            )

    def read_picture(self, path: Path) -> Tensor:
        """Return a picture from elsewhere as the network gets those of the set: grey (1, 1, 28, 28), a centred crop."""
        pixels = decode_picture(path, _FORM)[:, 0]
        self._tell_background(pixels)
        return self.transform(255 - pixels if self.invert else pixels)

    @property
    def augments(self) -> bool:
        """Whether training pictures are augmented."""
        return self.augmentation != Augmentation()

    def augment(self, inputs: Tensor, targets: Tensor, samples: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """Return training pictures (B, 1, 28, 28), augmented by (seed, epoch, sample), and their targets."""
        # The background is 0 before an inversion and stays so, so erased rectangles get mean 0 too.
        mean = inputs.new_zeros(1, dtype=torch.float32)
        std = inputs.new_full((1,), self.scale / 255, dtype=torch.float32)
        draws = SampleDraws(self.order_seed, epoch, samples)
        pixels = self.augmentation((255 - inputs if self.invert else inputs).unsqueeze(1), draws, mean, std)
        return 255 / self.scale - pixels if self.invert else pixels, targets

    def _find(self) -> Path | None:
        """Return the folder that holds all four files."""
        roots = [SYSTEM_FOLDER, cache_folder()] if self.root is None else [Path(self.root).expanduser()]
        for root in roots:
            for folder in (root, root / "raw", root / _RAW):
                if all(_file(folder, name).is_file() for name in FILES):
                    return folder
        if self.root is not None:
            expected = f"a folder with {', '.join(FILES)} (or the same with .gz)"
            remedy = "Leave it out to use the system's package or the download."
            raise ArgumentError("root", expected, self.root, remedy)
        return None


def _file(folder: Path, name: str) -> Path:
    """Return the path of a file: the unpacked one if it exists, else the compressed one."""
    plain = folder / name
    return plain if plain.is_file() else folder / f"{name}.gz"
