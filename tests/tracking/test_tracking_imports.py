import json
import subprocess
import sys

import pytest

import dlcore.tracking

HEAVY = ("lightning", "tensorboard", "matplotlib", "torchvision", "torchmetrics")


def modules_after(code):
    code += "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.process
def test_import_brings_in_neither_lightning_nor_tensorboard_nor_matplotlib():
    loaded = modules_after("import dlcore.tracking")
    assert not loaded & set(HEAVY)


@pytest.mark.process
def test_logger_brings_in_tensorboard_only_when_it_writes():
    loaded = modules_after("from dlcore.tracking import RunLogger; RunLogger('somewhere', 'name', 0)")
    assert not {"tensorboard", "torch.utils.tensorboard"} & loaded


def test_every_exported_name_is_there():
    assert all(getattr(dlcore.tracking, name) is not None for name in dlcore.tracking.__all__)
