"""A checkpoint from anybody: nothing in it is run, whichever command reads it."""

import socket
import threading

import numpy as np
import pytest
import torch

from dlcore.cache import cache_folder
from dlcore.cli.main import main
from dlcore.data.images.pixel_cache import decoded
from dlcore.data.images.pixel_files import PixelFormat
from dlcore.errors import CheckpointError
from dlcore.runs import fit
from dlcore.runs.checkpoint_file import read_checkpoint
from dlcore.text.dictionary import Dictionary
from dlcore.text.word_tables import WordTables
from dlcore.tracking.run_file import new_run_folder

REFUSED = "holds objects other than plain values"
COMMANDS = {
    "fit": ["fit", "--trainer.max_epochs=2"],
    "validate": ["validate"],
    "test": ["test"],
    "predict": ["predict"],
    "generate": ["generate", "--length=5"],
    "neighbors": ["neighbors", "明月"],
    "show model": ["show", "model"],
    "show config": ["show", "config"],
}
ONE = ("--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--progress_display=off", "--run_summary=off")


def write(path, content, zipped=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path, _use_new_zipfile_serialization=zipped)


def whole(**more):
    """What a checkpoint holds, as far as a reader looks before it uses it."""
    model = {"class_path": "dlcore.models.MLP", "init_args": {}}
    data = {"class_path": "dlcore.data.FashionMNIST", "init_args": {"offline_sample": True}}
    config = {"seed_everything": 0, "model": model, "data": data, "trainer": {"max_epochs": 1}}
    record = {"version": "0.1.0", "name": "mine", "config": config, "facts": {}}
    return {"state_dict": {}, "global_step": 1, "epoch": 0, "hyper_parameters": {}, "dlcore": record, **more}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(
            words,
            id=name,
            marks=pytest.mark.fault(
                f"a checkpoint with a hostile pickle, given to `{name}`",
                "FILE: expected a checkpoint, but the file (… bytes) holds objects other than plain values.",
            ),
        )
        for name, words in COMMANDS.items()
    ],
)
def test_a_hostile_checkpoint_is_refused_by_each_command(words, refused, hostile, workplace):
    write(workplace / "evil.ckpt", whole(more=hostile))
    assert REFUSED in refused(*words, "--ckpt_path=evil.ckpt")


@pytest.mark.fault("a hostile pickle in torch's older format", "FILE: expected a checkpoint, but the file … is damaged")
def test_a_hostile_checkpoint_of_the_older_format_is_refused(refused, hostile, workplace):
    write(workplace / "evil.ckpt", whole(more=hostile), zipped=False)
    assert "expected a checkpoint, but the file" in refused("test", "--ckpt_path=evil.ckpt")


@pytest.mark.parametrize("place", ["state_dict", "optimizer_states", "callbacks", "loops", "dlcore"])
def test_it_does_not_matter_where_in_it_the_code_is(place, hostile, tmp_path):
    write(tmp_path / "evil.ckpt", whole(**{place: {"inner": [hostile]}}))
    with pytest.raises(CheckpointError, match=REFUSED):
        read_checkpoint(tmp_path / "evil.ckpt")


@pytest.mark.fault(
    "a hostile last.ckpt planted in a run's folder", "FILE: expected a checkpoint, … Going on from previous"
)
def test_a_planted_checkpoint_is_refused_where_last_and_best_are_looked_for(refused, hostile, workplace):
    folder = new_run_folder(workplace / "lightning_logs", "mlp_fashion_mnist")
    for name in ("last", "best"):
        write(folder / "checkpoints" / f"{name}.ckpt", whole(more=hostile))
    assert REFUSED in refused("test", "--ckpt_path=best")
    assert REFUSED in refused("fit", "--ckpt_path=last")
    assert REFUSED in refused("predict", f"--ckpt_path={folder}")


@pytest.mark.fault(
    "--model.weights of a hostile pickle", "model.weights: expected a file with a state dict: names and tensors"
)
def test_weights_run_no_code(refused, hostile, workplace):
    write(workplace / "evil.pth", {"conv1.weight": hostile})
    words = ("--model=CNN", "--model.architecture=resnet18", "--model.weights=evil.pth", *ONE)
    assert refused("fit", *words).startswith("model.weights: expected a file with a state dict: names and tensors")


@pytest.mark.fault(
    "a hostile pickle in the cache of pictures", "FOLDER was cut short, changed or in part removed: it is built again."
)
def test_the_cache_of_pictures_runs_no_code(hostile, workplace, capsys):
    from PIL import Image

    (workplace / "photos").mkdir()
    Image.new("RGB", (8, 8)).save(workplace / "photos" / "a.png")
    form = PixelFormat((8, 8), 3, "crop")
    decoded(workplace / "photos", ["a.png"], form, keep=True)
    for kept in (cache_folder() / "images").rglob("*.json"):
        write(kept, {"moments": hostile, "broken": {}})
    assert decoded(workplace / "photos", ["a.png"], form, keep=True).pixels.shape == (1, 3, 8, 8)
    assert "is built again" in capsys.readouterr().err


@pytest.mark.fault("a hostile pickle in the cache of words", "nothing: the tables are built again")
def test_the_cache_of_words_runs_no_code(hostile, workplace):
    dictionary = Dictionary("明月 5\n春风 3\n".encode())
    before = np.array(WordTables.of(dictionary).weights)
    (kept,) = (cache_folder() / "words").rglob("weights.npy")
    kept.chmod(0o600)
    np.save(kept, np.array([hostile], dtype=object), allow_pickle=True)
    after = WordTables.of(dictionary)
    assert np.array_equal(after.weights, before)


CROOKED = {
    "a record that is a list": {"dlcore": [1]},
    "a record without a config": {"dlcore": {"name": "x"}},
    "a config without a model": {"dlcore": {"config": {"data": {}, "trainer": {}}}},
    "a name that is no text": {"dlcore": {**whole()["dlcore"], "name": 7}},
    "a step that is no number": {"global_step": "many"},
    "weights that are a list": {"state_dict": []},
}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            content,
            id=name,
            marks=pytest.mark.fault(f"a checkpoint with {name}", "FILE: expected a checkpoint as dlcore writes it"),
        )
        for name, content in CROOKED.items()
    ],
)
def test_a_crooked_checkpoint_is_a_line(content, refused, workplace):
    write(workplace / "crooked.ckpt", whole(**content))
    assert "expected a checkpoint as dlcore writes it" in refused("test", "--ckpt_path=crooked.ckpt")


@pytest.mark.fault("a text model's checkpoint with crooked settings", "FILE: expected a text model's checkpoint")
def test_a_crooked_text_model_is_a_line(refused, text_run, workplace):
    content = torch.load(text_run / "checkpoints" / "last.ckpt", weights_only=True)
    for name, change in {
        "hyper": {"hyper_parameters": {"no_such_argument": 1}},
        "vocabulary": {"ChineseCorpus": {"tokenizer": {"words": 3}}},
    }.items():
        write(workplace / f"{name}.ckpt", {**content, **change})
        said = refused("generate", f"--ckpt_path={name}.ckpt", "--length=3")
        assert said.startswith(f"{name}.ckpt: expected a text model's checkpoint"), said


@pytest.mark.fault(
    "a checkpoint whose name for its run is ../../elsewhere", "a run in lightning_logs, under a tame name"
)
def test_a_checkpoint_does_not_choose_a_folder_outside(workplace, small):
    run = fit(*small, *ONE, "--parameter_distribution=off")
    content = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)
    content["dlcore"]["name"] = "../../elsewhere"
    write(workplace / "given.ckpt", content)
    gone_on = fit("--ckpt_path=given.ckpt", "--trainer.max_epochs=2", *ONE[2:])
    assert gone_on.folder.parent == workplace / "lightning_logs" / ".._.._elsewhere"
    assert not (workplace.parent / "elsewhere").exists()


# Addresses


@pytest.fixture
def server():
    """A server of this machine that counts who comes: (port, connections)."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    came.append(listening.accept())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], came
        stop.set()
        thread.join()
        for connection, _ in came:
            connection.close()


SCHEMES = ("http", "https", "s3", "gs", "file", "hf", "ftp", "HTTP")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(
            words,
            id=name,
            marks=pytest.mark.fault(f"--ckpt_path of an address, given to `{name}`", "--ckpt_path: … Download it"),
        )
        for name, words in COMMANDS.items()
    ],
)
def test_a_checkpoint_behind_an_address_is_refused_and_not_fetched(words, refused, server):
    port, came = server
    for scheme in SCHEMES:
        said = refused(*words, f"--ckpt_path={scheme}://127.0.0.1:{port}/last.ckpt")
        assert said.startswith("--ckpt_path: expected "), said
        assert "ownload it" in said, said
    assert came == []


@pytest.mark.fault("model.weights of an address, by flag and by recipe", "model.weights: expected a file … Download it")
def test_weights_behind_an_address_are_refused_and_not_fetched(refused, server, workplace):
    port, came = server
    for scheme in SCHEMES:
        address = f"{scheme}://127.0.0.1:{port}/resnet18.pth"
        words = ("--model=CNN", "--data=FashionMNIST", "--model.architecture=squeezenet1_1", *ONE)
        said = refused("fit", *words, f"--model.weights={address}")
        assert said.startswith("model.weights: expected a file on this machine"), said
        assert "ownload it" in said
    (workplace / "mine.yaml").write_text(
        f"model:\n  class_path: CNN\n  init_args: {{architecture: squeezenet1_1, weights: '{address}'}}\n"
        "data: FashionMNIST\n"
    )
    assert "ownload it" in refused("fit", "-c", "mine.yaml", *ONE)
    assert came == []


@pytest.mark.fault("addresses in the place of recipes, classes and data", "one line, and no connection")
def test_no_other_setting_fetches_an_address(refused, server, workplace):
    port, came = server
    address = f"http://127.0.0.1:{port}/x.yaml"
    (workplace / "ckpt.yaml").write_text(f"ckpt_path: {address}\n")
    (workplace / "model.yaml").write_text(f"model: {address}\ndata: FashionMNIST\n")
    for words in (
        ("-c", address),
        ("-c", "ckpt.yaml"),
        ("-c", "model.yaml"),
        (f"--model={address}",),
        (f"--model.optimizer={address}",),
        (f"--data.root={address}",),
        ("-c", "mlp_table_binary", f"--data.path={address}", "--data.target=y"),
        ("-c", "cnn_images", f"--data.root={address}"),
        ("-c", "rnn_corpus", f"--data.root={address}"),
    ):
        refused("fit", *words, *ONE)
    assert main(["study", address]) == 2
    assert came == []
