import json
import subprocess
import sys

import pytest

import dlcore.tracking

HEAVY = ("lightning", "tensorboard", "matplotlib", "torchvision", "torchmetrics")


@pytest.mark.process
def test_import_brings_in_nothing_heavy_and_a_logger_no_tensorboard_until_it_writes():
    tell = "print(json.dumps(sorted(sys.modules)))"
    code = f"import dlcore.tracking, sys, json; {tell}\n"
    code += f"from dlcore.tracking import RunLogger; RunLogger('somewhere', 'name', 0); {tell}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    imported, made = ({*json.loads(line)} for line in done.stdout.splitlines())
    assert not imported & set(HEAVY)
    assert not {"tensorboard", "torch.utils.tensorboard"} & made


def test_every_exported_name_is_there():
    assert all(getattr(dlcore.tracking, name) is not None for name in dlcore.tracking.__all__)
