"""A wheel, installed where its sources are not: recipes, studies, lyrics and all commands are there."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.process, pytest.mark.timeout(900)]
# The classes of README's "Add a model" and of docs/own_classes.md.
PAGES = (ROOT / "README.md", ROOT / "docs" / "own_classes.md")
QUICK = "--trainer.max_epochs=1 --trainer.limit_train_batches=2 --trainer.limit_val_batches=1 --trainer.accelerator=cpu"
# The first fit draws its figures; others need not.
PLAIN = f"{QUICK} --parameter_distribution=off --run_summary=off"
COMMANDS = f"""
recipes
recipes copy mlp_table_binary mine.yaml
fit -c mine.yaml {QUICK} --data.batch_size=50
study show scaling
study scaling --quick --dry_run
show data -c mlp_table_binary
fit -c rnn_lyrics {PLAIN} --model.embedding_dim=8 --model.hidden_size=8
generate --prompt 明月 --length 10
fit -c cnn_topics {PLAIN} --model.embedding_dim=8 --model.hidden_size=8
predict --ckpt_path best --text 今天股市大涨
fit --model my_model.Bottleneck {PLAIN}
fit --model my_model.Classifier --data my_data.Digits --trainer.callbacks my_callback.LargestWeight {PLAIN}
"""
PROGRAM = """
import sys
from dlcore.cli.main import main
for words in open("commands").read().strip().splitlines():
    print("$", words, flush=True)
    if main(words.split()):
        sys.exit(words)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which a wheel is installed that was built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("dlcore", "configs"):
        shutil.copytree(ROOT / name, folder / "sources" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "sources")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    # Without a network where the environment can build: pyproject.toml asks for setuptools 77.
    here = int(metadata.version("setuptools").partition(".")[0]) >= 77
    build = [*pip, "wheel", ".", "--no-deps", *["--no-build-isolation"] * here, "-w", "../dist"]
    done = subprocess.run(build, cwd=folder / "sources", capture_output=True, text=True, timeout=200)
    if done.returncode and not here:
        pytest.skip(f"needs setuptools 77, or a network to fetch it: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True, capture_output=True)
    shutil.rmtree(folder / "sources")
    return folder / "site"


def test_all_of_it_works_in_an_empty_folder(installed, tmp_path):
    for page in PAGES:
        for text in re.findall(r"```python\n(# \w+\.py\n.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            with (tmp_path / text.splitlines()[0].removeprefix("# ")).open("a", encoding="utf-8") as file:
                file.write(text)
    (tmp_path / "commands").write_text(COMMANDS, encoding="utf-8")
    surroundings = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    surroundings["DLCORE_LANG"] = "zh_CN"  # the catalogue is there too
    program = f"import dlcore\nassert {str(installed)!r} in dlcore.__file__, dlcore.__file__\n{PROGRAM}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cnn_fashion_mnist" in done.stdout
    assert "训练结束" in done.stdout
    assert re.search(r"\$ generate.*\n明月", done.stdout), done.stdout


def test_it_has_each_recipe_and_study_once(installed):
    names = sorted(str(path.relative_to(ROOT / "configs")) for path in (ROOT / "configs").rglob("*.yaml"))
    carried = installed / "dlcore" / "configs"
    assert sorted(str(path.relative_to(carried)) for path in carried.rglob("*.yaml")) == names
    assert not (installed / "configs").exists()
    for name in names:
        assert (carried / name).read_bytes() == (ROOT / "configs" / name).read_bytes()
