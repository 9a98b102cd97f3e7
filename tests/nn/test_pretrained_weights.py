"""Weights to begin from: each usual form of a file, what is said of it, and the errors of a wrong one."""

import urllib.request
from urllib.error import URLError

import pytest
import torch
from torch import nn
from torchvision import models

from dlcore.callbacks import FineTuning
from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.models import CNN
from dlcore.nn import make_architecture
from dlcore.nn.pretrained_weights import read_weights

NAME = "small_resnet(blocks=1, width=4)"


def network(outputs=5, channels=1, **settings):
    return make_architecture(NAME, (channels, 16, 16), outputs, **settings)


@pytest.fixture(scope="module")
def original():
    torch.manual_seed(1)
    return network().state_dict()


FORMS = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "model": lambda state: {"model": state, "optimizer": {"param_groups": []}},
    "several processes": lambda state: {f"module.{key}": value for key, value in state.items()},
    "of a module": lambda state: {"state_dict": {f"model.module.{key}": value for key, value in state.items()}},
    "beside others": lambda state: (
        {f"student.{key}": value for key, value in state.items()} | {"margin": torch.ones(1)}
    ),
    "half": lambda state: {key: value.half() if value.is_floating_point() else value for key, value in state.items()},
    "before 2017": lambda state: {key: value for key, value in state.items() if "num_batches" not in key},
}


@pytest.mark.parametrize("form", FORMS)
def test_each_usual_form_of_a_file_is_read(form, original, tmp_path, capsys):
    torch.save(FORMS[form](original), tmp_path / "file.pth")
    found = network(weights=str(tmp_path / "file.pth")).state_dict()
    for key, value in original.items():
        assert torch.equal(found[key], value.half().float() if form == "half" else value), key
    said = capsys.readouterr().out
    assert said.startswith(f"Weights: {len(original)} of {len(original)} tensors from {tmp_path / 'file.pth'}")
    assert ("not used: margin" in said) == (form == "beside others")
    assert said.count("\n") == 1


def test_safetensors_are_read(original, tmp_path):
    torch_files = pytest.importorskip("safetensors.torch")
    torch_files.save_file({key: value.contiguous() for key, value in original.items()}, tmp_path / "a.safetensors")
    found = network(weights=str(tmp_path / "a.safetensors")).state_dict()
    assert all(torch.equal(found[key], value) for key, value in original.items())
    (tmp_path / "b.safetensors").write_bytes(b"no such file")
    with pytest.raises(ArgumentError, match="weights: expected a file with a state dict"):
        read_weights(str(tmp_path / "b.safetensors"))


def test_a_checkpoint_of_dlcores_is_read_into_any_cnn(tmp_path):
    settings = {"channels": [4, 4], "image_shape": [1, 8, 8]}
    first = CNN(num_classes=3, **settings)
    torch.save({"state_dict": first.state_dict(), "dlcore": {}, "global_step": 1}, tmp_path / "last.ckpt")
    second = CNN(num_classes=2, weights=str(tmp_path / "last.ckpt"), **settings)
    assert torch.equal(second.network.block_1.conv_1.weight, first.network.block_1.conv_1.weight)
    assert second.head.out_features == 2


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (lambda key: True, "output is drawn anew (3 outputs instead of 5)."),
        (lambda key: not key.startswith("output"), "output is drawn anew (the file has none)."),
    ],
)
def test_the_output_layer_is_drawn_anew_for_other_classes(keep, said, original, tmp_path, capsys):
    torch.save({key: value for key, value in original.items() if keep(key)}, tmp_path / "file.pth")
    torch.manual_seed(5)
    drawn = network(3).state_dict()["output.weight"]
    torch.manual_seed(5)
    found = network(3, weights=str(tmp_path / "file.pth")).state_dict()
    assert torch.equal(found["output.weight"], drawn)
    assert torch.equal(found["conv.weight"], original["conv.weight"])
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("before", "now"), [(3, 1), (1, 3), (3, 4)])
def test_equal_channels_give_what_equal_channels_gave(before, now, tmp_path, capsys):
    first = network(channels=before).eval()
    torch.save(first.state_dict(), tmp_path / "file.pth")
    second = network(channels=now, weights=str(tmp_path / "file.pth")).eval()
    grey = torch.rand(2, 1, 16, 16)
    expected = first(grey.expand(2, before, 16, 16))
    torch.testing.assert_close(second(grey.expand(2, now, 16, 16)), expected, rtol=1e-4, atol=1e-5)
    assert f"conv fitted from {before} to {now} channels" in capsys.readouterr().out


def test_a_network_without_any_of_the_files_names_is_an_error(original, tmp_path):
    torch.save({f"wrong{key}": value for key, value in original.items()}, tmp_path / "file.pth")
    with pytest.raises(ArgumentError) as caught:
        network(weights=str(tmp_path / "file.pth"))
    assert "whose conv.weight has shape (4, 1, 3, 3), not none" in str(caught.value)


def test_a_wider_network_is_named(tmp_path):
    wide = make_architecture("small_resnet(blocks=1, width=8)", (1, 16, 16), 5)
    torch.save(wide.state_dict(), tmp_path / "file.pth")
    with pytest.raises(ArgumentError, match=r"conv\.weight has shape \(4, 1, 3, 3\), not \(8, 1, 3, 3\)"):
        network(weights=str(tmp_path / "file.pth"))


# By name


def test_torchvisions_weights_are_taken_by_name_from_the_cache(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    original = models.squeezenet1_1()
    file = models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    torch.save(original.state_dict(), tmp_path / "checkpoints" / file)
    found = make_architecture("squeezenet1_1", (3, 64, 64), 4, weights="IMAGENET1K_V1")
    assert torch.equal(found.features[0].weight, original.features[0].weight)
    assert "from IMAGENET1K_V1; classifier.1 is drawn anew (4 outputs instead of 1,000)." in capsys.readouterr().out


def test_without_a_network_the_file_and_its_folder_are_named(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", offline)
    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(ArgumentError) as caught:
        make_architecture("resnet18", (3, 64, 64), 4, weights="IMAGENET1K_V1")
    said = str(caught.value)
    assert said.startswith("weights: expected a network to download https://")
    assert f"Download resnet18-f37072fd.pth elsewhere; put it into {tmp_path}/checkpoints, or give it as a file" in said
    assert "\n" not in said


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'IMAGENET1K_V1'"):
        make_architecture("resnet18", (3, 64, 64), 4, weights="IMAGENET1K_V7")


# timm


def test_timms_networks_are_fitted_to_channels_and_classes(tmp_path, capsys):
    timm = pytest.importorskip("timm")
    original = timm.create_model("resnet10t")
    torch.save(original.state_dict(), tmp_path / "file.pth")
    found = make_architecture("timm:resnet10t", (1, 64, 64), 4, weights=str(tmp_path / "file.pth")).eval()
    assert found(torch.zeros(2, 1, 64, 64)).shape == (2, 4)
    assert torch.equal(found.layer1[0].conv1.weight, original.layer1[0].conv1.weight)
    assert "fc is drawn anew (4 outputs instead of 1,000)" in capsys.readouterr().out
    with pytest.raises(UnknownNameError, match="Did you mean 'resnet1"):
        make_architecture("timm:resnet19", (3, 64, 64), 4)


def test_timms_networks_can_be_fine_tuned():
    pytest.importorskip("timm")
    model = CNN(architecture="timm:resnet10t", image_shape=[3, 64, 64], num_classes=4)
    assert isinstance(model.head, nn.Linear)
    assert len(FineTuning().plan(model)) > 4
