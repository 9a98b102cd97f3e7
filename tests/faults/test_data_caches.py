"""What dlcore keeps of data in its cache, damaged: it is built again, with a word; what is mapped lives on."""

from __future__ import annotations

import json
import os
import random
import shutil
import time

import pytest
import torch
from forked_command import limit_files, within

from dlcore.data import ChineseCorpus, ImageFolder
from dlcore.data.images.pixel_cache import decoded
from dlcore.errors import DataError

HALVES = ["春风又绿江南岸", "明月何时照我还", "不知细叶谁裁出", "二月春风似剪刀", "举头望明月", "低头思故乡"]
ANEW = "was cut short, changed or in part removed: it is built again."


@pytest.fixture
def poems(tmp_path, monkeypatch):
    """A text, and a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    chances = random.Random(0)
    text = "\n\n".join("，\n".join(chances.sample(HALVES, 4)) + "。" for _ in range(150))
    (tmp_path / "poems.txt").write_text(text, encoding="utf-8")
    return tmp_path / "poems.txt"


def corpus_of(path):
    data = ChineseCorpus(root=str(path), level="char")
    data.setup("fit")
    return data


def one(folder, name):
    found = list(folder.rglob(name))
    assert len(found) == 1
    return found[0]


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def alter(path):
    content = bytearray(path.read_bytes())
    content[100:102] = b"\xff\xff"
    path.write_bytes(content)
    os.utime(path, (time.time() + 60, time.time() + 60))  # as if it were done a minute later


def flip(path):
    """A bit flips on the disk: size and time stay."""
    state, content = path.stat(), bytearray(path.read_bytes())
    content[4] ^= 4
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def of_more(path):
    path.write_bytes(path.read_bytes() * 2)


def make_older(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["stamps"]
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        pytest.param(
            "train.tokens",
            cut,
            marks=pytest.mark.fault("The token store is cut short", "“… was cut short, changed …: it is built again.”"),
        ),
        pytest.param(
            "train.offsets", cut, marks=pytest.mark.fault("The token store's offsets are cut short", "the same")
        ),
        pytest.param("meta.json", cut, marks=pytest.mark.fault("The token store's meta.json is cut short", "the same")),
        pytest.param(
            "train.tokens", os.unlink, marks=pytest.mark.fault("A file of the token store is removed", "the same")
        ),
        pytest.param(
            "train.tokens", alter, marks=pytest.mark.fault("Somebody writes into the token store", "the same")
        ),
        pytest.param(
            "meta.json",
            make_older,
            marks=pytest.mark.fault("The token store was made by an older dlcore, in another form", "the same"),
        ),
    ],
)
def test_a_damaged_token_store_is_made_anew(poems, tmp_path, capsys, name, harm):
    before = corpus_of(poems).store.part("train").tokens.copy()
    harm(one(tmp_path / "cache", name))
    assert (corpus_of(poems).store.part("train").tokens == before).all()
    assert ANEW in capsys.readouterr().err
    corpus_of(poems)
    assert ANEW not in capsys.readouterr().err


def build_within(limit, path):
    limit_files(limit)
    try:
        corpus_of(path) if path.is_file() else ImageFolder(str(path), size=16).setup("fit")
    except DataError as error:
        return str(error)
    return "made"


@pytest.mark.fault(
    "The disk is full while a token store is made",
    "“The corpus as numbers cannot be kept (…). Choose another cache folder by …”; no half store",
)
def test_no_half_token_store_on_a_full_disk(poems, tmp_path):
    said = within(build_within, 2000, poems)
    assert said.startswith("The corpus as numbers cannot be kept (")
    assert not list((tmp_path / "cache").rglob("meta.json"))
    assert within(build_within, 10**8, poems) == "made"


@pytest.mark.fault("The token store is removed while it is mapped into memory", "nothing: what is mapped lives on")
def test_a_token_store_that_is_removed_while_in_use(poems, tmp_path):
    part = corpus_of(poems).store.part("train")
    before = part.tokens.copy()
    shutil.rmtree(tmp_path / "cache")
    assert (part.tokens == before).all()


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of 24 pictures in two classes, and a cache of the test's own."""
    from PIL import Image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    chances = random.Random(0)
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            Image.frombytes("RGB", (20, 20), chances.randbytes(1200)).save(tmp_path / f"photos/{name}/{number}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        pytest.param("pixels", cut, marks=pytest.mark.fault("The cache of decoded pictures is cut short", "the same")),
        pytest.param("moments", cut, marks=pytest.mark.fault("Its statistics are cut short", "the same")),
        pytest.param("facts.json", cut, marks=pytest.mark.fault("Its facts.json is cut short", "the same")),
        pytest.param("facts.json", flip, marks=pytest.mark.fault("A bit of its facts.json is flipped", "the same")),
        pytest.param("facts.json", os.unlink, marks=pytest.mark.fault("Its facts.json is removed", "the same")),
        pytest.param("checksums", flip, marks=pytest.mark.fault("A bit of its checksums is flipped", "the same")),
        pytest.param("pixels", os.unlink, marks=pytest.mark.fault("Its pixels are removed", "the same")),
        pytest.param("pixels", alter, marks=pytest.mark.fault("Somebody writes into decoded pictures", "the same")),
        pytest.param(
            "pixels",
            flip,
            marks=pytest.mark.fault("A bit of decoded pictures is flipped, and the time stays", "the same"),
        ),
        pytest.param("pixels", of_more, marks=pytest.mark.fault("Decoded pictures of another number", "the same")),
    ],
)
def test_a_damaged_cache_of_pictures_is_made_anew(photos, tmp_path, capsys, name, harm):
    data = ImageFolder(str(photos), size=16)
    data.setup("fit")
    before = data.parts["train"].inputs.clone()
    harm(one(tmp_path / "cache", name))
    again = ImageFolder(str(photos), size=16)
    again.setup("fit")
    assert torch.equal(again.parts["train"].inputs, before)
    assert ANEW in capsys.readouterr().err
    decoded(photos, sorted(str(p.relative_to(photos)) for p in photos.rglob("*.png")), again.form, keep=True)


@pytest.mark.fault(
    "The disk is full while pictures are decoded",
    "“Decoded pictures cannot be kept (…). Choose another cache folder by …”; no half cache",
)
def test_no_half_cache_of_pictures_on_a_full_disk(photos, tmp_path):
    assert within(build_within, 2000, photos).startswith("Decoded pictures cannot be kept (")
    assert not list((tmp_path / "cache").rglob("pixels"))
    assert within(build_within, 10**8, photos) == "made"


@pytest.mark.fault("The cache of decoded pictures is removed while it is mapped", "nothing: what is mapped lives on")
def test_a_cache_that_is_removed_while_in_use(photos, tmp_path):
    data = ImageFolder(str(photos), size=16)
    data.setup("fit")
    before = data.parts["train"].inputs.clone()
    one(tmp_path / "cache", "pixels").unlink()
    assert torch.equal(data.parts["train"].inputs, before)


@pytest.mark.fault("Pictures are changed and removed while a run trains on them", "nothing: it has decoded them")
def test_pictures_that_vanish_while_in_use(photos):
    data = ImageFolder(str(photos), size=16)
    data.setup("fit")
    before = data.parts["train"].inputs.clone()
    for number, path in enumerate(photos.rglob("*.png")):
        path.unlink() if number % 2 else path.write_bytes(b"")
    assert torch.equal(data.parts["train"].inputs, before)
    assert len(next(iter(data.train_dataloader()))[0])
