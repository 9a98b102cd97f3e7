import json

import pytest
import torch

from dlcore.data import FashionMNIST, fashion_mnist
from dlcore.data.drawn_clothing import draw_clothing
from dlcore.errors import ArgumentError, DataError

NAMES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip


def _set_up(**arguments) -> FashionMNIST:
    data = FashionMNIST(**{"val_size": 20} | arguments)
    data.prepare_data()
    data.setup()
    return data


# Where the files are found


@pytest.mark.parametrize("packed", [True, False], ids=["gz", "plain"])
@pytest.mark.parametrize("inner", ["", "raw", "FashionMNIST/raw"])
def test_reads_the_users_folder_in_every_layout(made_up_files, tmp_path, inner, packed):
    root = tmp_path / "我的数据 (1)"
    folder = made_up_files.put(root / inner, packed=packed)
    data = _set_up(root=str(root))
    assert data.source == str(folder)
    assert torch.equal(data.parts["test"].inputs, torch.from_numpy(made_up_files.test_images))
    assert data.parts["test"].targets.tolist() == made_up_files.test_labels.tolist()
    assert torch.equal(data.parts["train"].inputs, torch.from_numpy(made_up_files.train_images))
    assert data.parts["train"].targets.tolist() == made_up_files.train_labels.tolist()


def test_a_users_folder_may_hold_packed_and_plain_files(made_up_files, tmp_path):
    made_up_files.put(tmp_path / "mixed")
    for name in list(made_up_files.contents)[:2]:
        (tmp_path / "mixed" / f"{name}.gz").unlink()
        (tmp_path / "mixed" / name).write_bytes(made_up_files.contents[name])
    assert _set_up(root=str(tmp_path / "mixed")).source == str(tmp_path / "mixed")


def test_a_users_folder_may_lie_in_the_home_folder(made_up_files, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    made_up_files.put(tmp_path / "data")
    assert _set_up(root="~/data").source == str(tmp_path / "data")


def test_looks_in_the_users_folder_then_the_systems_then_the_cache(made_up_files, tmp_path):
    cache = made_up_files.put(tmp_path / "cache" / "dlcore" / "FashionMNIST" / "raw", packed=False)
    assert _set_up().source == str(cache)
    system = made_up_files.put(tmp_path / "system")
    assert _set_up().source == str(system)
    own = made_up_files.put(tmp_path / "own")
    assert _set_up(root=str(own)).source == str(own)


def test_a_folder_that_lacks_one_file_does_not_count(made_up_files, tmp_path):
    system = made_up_files.put(tmp_path / "system")
    cache = made_up_files.put(tmp_path / "cache" / "dlcore" / "FashionMNIST" / "raw")
    (system / "t10k-labels-idx1-ubyte.gz").unlink()
    assert _set_up().source == str(cache)


@pytest.mark.parametrize("offline_sample", [False, True])
def test_a_users_folder_without_the_files_is_an_error_even_with_the_sample(made_up_files, tmp_path, offline_sample):
    made_up_files.put(tmp_path / "system")
    with pytest.raises(ArgumentError) as caught:
        _set_up(root=str(tmp_path / "empty"), offline_sample=offline_sample)
    assert str(caught.value) == (
        "root: expected a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
        f"t10k-labels-idx1-ubyte (or the same with .gz), got '{tmp_path / 'empty'}'. Leave it out to use the system's "
        "package or the download."
    )


@pytest.mark.parametrize("offline_sample", [False, True])
def test_a_damaged_file_is_an_error_and_no_reason_for_the_sample(made_up_files, tmp_path, offline_sample):
    system = made_up_files.put(tmp_path / "system", packed=False)
    labels = system / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(DataError) as caught:
        _set_up(offline_sample=offline_sample)
    assert str(caught.value).startswith(
        f"{labels}: expected content with SHA-256 {made_up_files.checksums[labels.name]}"
    )


def test_data_are_read_once(made_up_files, tmp_path, monkeypatch):
    made_up_files.put(tmp_path / "system")
    reads = []
    read_idx = fashion_mnist.read_idx
    monkeypatch.setattr(fashion_mnist, "read_idx", lambda path, sha256: reads.append(path) or read_idx(path, sha256))
    data = _set_up()
    data.setup("fit")
    data.prepare_data()
    data.setup("test")
    assert len(reads) == 4


# What is made of them


def test_validation_samples_are_held_out_of_the_training_ones(made_up_files, tmp_path):
    made_up_files.put(tmp_path / "system")
    parts = _set_up().parts
    assert [len(parts[name]) for name in ("train", "val", "test")] == [100, 20, 40]
    both = torch.cat([parts["train"].indices, parts["val"].indices])
    assert torch.equal(both.sort().values, torch.arange(120))
    assert parts["val"].inputs is parts["train"].inputs  # nothing is copied


def test_the_splits_seed_and_nothing_else_determines_the_validation_samples(made_up_files, tmp_path):
    made_up_files.put(tmp_path / "system")

    def held_out(**arguments) -> list[int]:
        torch.rand(1)  # the state of the global generator has no part in it
        return _set_up(**arguments).parts["val"].indices.tolist()

    assert held_out() == held_out(split_seed=0, batch_size=7, scale=1)
    assert held_out() != held_out(split_seed=1)


def test_without_validation_samples_it_validates_on_the_held_out_ones(made_up_files, tmp_path):
    made_up_files.put(tmp_path / "system")
    parts = _set_up(val_size=0).parts
    assert parts["val"] is parts["test"]
    assert len(parts["train"]) == 120


@pytest.mark.parametrize("scale", [255, 1, 2_550_000, 0.5])
def test_pixels_are_divided_by_the_scale(made_up_files, tmp_path, scale):
    made_up_files.put(tmp_path / "system")
    data = _set_up(scale=scale, batch_size=16)
    inputs, targets = data.on_after_batch_transfer(next(iter(data.test_dataloader())), 0)
    assert (inputs.shape, inputs.dtype) == ((40, 1, 28, 28), torch.float32)
    assert targets.dtype == torch.int64
    expected = torch.from_numpy(made_up_files.test_images).double()[:, None] / scale
    torch.testing.assert_close(inputs.double(), expected, rtol=1e-6, atol=0)


def test_the_stored_pictures_stay_as_they_are(made_up_files, tmp_path):
    made_up_files.put(tmp_path / "system")
    data = _set_up()
    for batch in data.train_dataloader():
        data.on_after_batch_transfer(batch, 0)
    assert torch.equal(data.parts["train"].inputs, torch.from_numpy(made_up_files.train_images))


def test_knows_its_facts_before_and_after_it_is_read(made_up_files, tmp_path):
    system = made_up_files.put(tmp_path / "system")
    data = FashionMNIST(val_size=20, scale=1)
    facts = {
        "tasks": ["multiclass"],
        "in_features": 784,
        "image_shape": (1, 28, 28),
        "num_classes": 10,
        "class_names": NAMES,
        "scale": 1,
    }
    assert data.facts() == {**facts, "source": "", "is_sample": False}
    data.setup()
    assert data.facts() == {**facts, "source": str(system), "is_sample": False}
    json.dumps(data.facts())  # plain values: a checkpoint holds them


# Nothing to be found


@pytest.fixture
def small_sample(monkeypatch):
    """Drawing 24,000 pictures takes a second; 240 show the same."""
    monkeypatch.setattr(fashion_mnist, "draw_clothing", lambda n, seed: draw_clothing(n // 100, seed))


@pytest.mark.usefixtures("made_up_files", "small_sample")
def test_the_sample_is_used_when_asked_for_and_says_what_it_is():
    data = _set_up(offline_sample=True)
    facts = data.facts()
    assert facts["is_sample"] is True
    assert facts["source"] == "drawn by dlcore (not FashionMNIST)"
    assert (facts["num_classes"], facts["class_names"]) == (10, NAMES)
    assert [len(data.parts[name]) for name in ("train", "val", "test")] == [180, 20, 40]
    inputs, targets = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert (inputs.shape, inputs.dtype, targets.dtype) == ((180, 1, 28, 28), torch.float32, torch.int64)


@pytest.mark.usefixtures("made_up_files", "small_sample")
def test_the_samples_held_out_pictures_are_not_among_those_to_train_with():
    parts = _set_up(offline_sample=True).parts
    train = {picture.numpy().tobytes() for picture in parts["train"].inputs}
    assert train.isdisjoint(picture.numpy().tobytes() for picture in parts["test"].inputs)


@pytest.mark.usefixtures("made_up_files")
def test_the_sample_is_always_the_same_and_its_parts_are_drawn_from_other_seeds(monkeypatch):
    drawn = []

    def draw(n, seed):
        drawn.append((n, seed))
        return draw_clothing(n // 100, seed)

    monkeypatch.setattr(fashion_mnist, "draw_clothing", draw)
    for split_seed in (1, 2):
        _set_up(offline_sample=True, split_seed=split_seed)
    (train, test), again = drawn[:2], drawn[2:]
    assert again == [train, test]
    assert train[1] != test[1]


@pytest.mark.usefixtures("small_sample")
def test_the_sample_is_not_used_where_there_are_files(made_up_files, tmp_path):
    made_up_files.put(tmp_path / "system")
    assert _set_up(offline_sample=True).facts()["is_sample"] is False


@pytest.mark.usefixtures("made_up_files")
@pytest.mark.parametrize(("download", "reason"), [(True, "no network in tests"), (False, "--data.download is false")])
def test_without_files_the_error_names_the_reason_and_three_ways(download, reason):
    with pytest.raises(DataError) as caught:
        _set_up(download=download)
    assert str(caught.value) == (
        f"FashionMNIST is not on this machine and cannot be downloaded ({reason}). Three ways: (1) Debian and Ubuntu: "
        "apt-get install dataset-fashion-mnist; (2) put the four files into a folder and give it: --data.root FOLDER; "
        "(3) train on pictures that dlcore draws itself: --data.offline_sample true."
    )


@pytest.mark.usefixtures("made_up_files", "small_sample")
def test_more_validation_samples_than_the_sample_has_are_refused():
    with pytest.raises(ArgumentError, match=r"^val_size: expected less than the 200 training samples, got 200\.$"):
        _set_up(offline_sample=True, val_size=200)


# Arguments


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("batch_size", 0, "a whole number at least 1"),
        ("eval_batch_size", -5, "a whole number at least 1"),
        ("scale", 0, "a number above 0"),
        ("scale", -1.0, "a number above 0"),
        ("scale", float("nan"), "a number above 0"),
        ("scale", float("inf"), "a number above 0"),
        ("val_size", -1, "a whole number at least 0 and below 60,000"),
        ("val_size", 60_000, "a whole number at least 0 and below 60,000"),
    ],
)
def test_refuses_values_that_cannot_be(argument, value, expected):
    with pytest.raises(ArgumentError) as caught:
        FashionMNIST(**{argument: value})
    assert str(caught.value) == f"{argument}: expected {expected}, got {value!r}."


def test_augmentation_moves_training_pictures_only(made_up_files, tmp_path):
    root = str(made_up_files.put(tmp_path / "files"))

    def batches(**changes):
        data = FashionMNIST(root=root, val_size=20, batch_size=100, **changes)
        data.setup()
        data.order_seed = 7
        train, val = next(iter(data.train_dataloader())), next(iter(data.val_dataloader()))
        return (*data.on_after_batch_transfer(train, 0), data.on_after_batch_transfer(val, 0)[0])

    plain, targets, val = batches()
    flipped, same_targets, same_val = batches(flip=1.0)
    assert torch.equal(targets, same_targets)
    assert torch.equal(val, same_val)
    torch.testing.assert_close(flipped, plain.flip(-1))
    moved, _, _ = batches(shift=0.1, erase=0.5)
    assert moved.shape == plain.shape
    assert not torch.allclose(moved, plain)
    assert moved.min() >= 0
    assert moved.max() <= 1
    again, _, _ = batches(shift=0.1, erase=0.5)
    assert torch.equal(moved, again)


def test_inverted_pictures_have_a_white_background(made_up_files, tmp_path):
    root = str(made_up_files.put(tmp_path / "files"))

    def pictures(**changes):
        data = FashionMNIST(root=root, val_size=20, batch_size=100, **changes)
        data.setup()
        data.order_seed = 7
        loaders = data.train_dataloader(), data.val_dataloader(), data.test_dataloader()
        return [data.on_after_batch_transfer(next(iter(loader)), 0)[0] for loader in loaders]

    for changes in ({}, {"shift": 0.1, "erase": 0.5}):  # what augmentation adds is background, white too
        for plain, inverted in zip(pictures(**changes), pictures(invert=True, **changes), strict=True):
            torch.testing.assert_close(inverted, 1 - plain)
