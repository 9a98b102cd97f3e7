"""Few samples: the recipes for scarce data beside the usual ones, without one setting at a time, and scikit-learn.

Each data set is drawn several times: some samples train and validate, others test, and all ways get the same draws. The
score is the accuracy, or R² of a regression, in points. Data sets marked * took no part in the choice of the settings.
Run: python -m benchmarks.scarce_data tables|pictures [--draws 4] [--ways NAME …] [--sets NAME …] [--json scarce.json]
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import tempfile
import time
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from benchmarks.scarce_sets import SETS
from dlcore.callbacks import EarlyStopping, ReduceLROnPlateau, StepsPerExecution, WeightAveraging
from dlcore.runs import prepare

STEERING = (StepsPerExecution, EarlyStopping, ReduceLROnPlateau, WeightAveraging)
TESTED = 1_000
USUAL, RECIPE, LINEAR, BOOSTING = "usual recipe", "this recipe", "linear model", "gradient boosting"
OWN_UNIT = "target in its own unit"
NUMBERS = ("diabetes", "friedman 1", "smoothness*", "friedman 2*")  # data sets whose target is a number
ONE_CYCLE = "--model.lr_scheduler OneCycleLR --model.lr_scheduler.max_lr 0.006 --model.optimizer.lr 0.006"
WAYS = {
    "tables": {
        RECIPE: [],
        OWN_UNIT: ["--data.standardize_target", "false"],
        "no weight decay": ["--model.optimizer.weight_decay", "0"],
        "one-cycle rate": [*ONE_CYCLE.split(), "--early_stopping", "off"],
    },
    "pictures": {
        RECIPE: [],
        "no mixup": ["--data.mixup", "0"],
        "no shift": ["--data.shift", "0"],
    },
}


def write_table(name: str, seed: int, folder: Path) -> tuple[list[str], list[str]]:
    """Write a draw of a table as two files; return the words for the usual recipe, and for the one of few rows."""
    count, draw = SETS["tables"][name]
    rows = draw(count + TESTED, seed)
    rows[:count].to_csv(folder / "train.csv", index=False)
    rows[count:].to_csv(folder / "test.csv", index=False)
    words = ["--data.path", f"{folder}/train.csv", "--data.test_path", f"{folder}/test.csv", "--data.missing", "mean"]
    usual = ["-c", "mlp_table_regression"]
    if rows["target"].dtype.kind not in "fi":
        usual = ["-c", "mlp_table_binary", "--model.task", "multiclass"]
    return [*usual, *words], ["-c", "mlp_table_few_rows", *words]


def write_pictures(name: str, seed: int, folder: Path) -> tuple[list[str], list[str]]:
    """Write a draw of pictures as folders; return the words for the usual recipe, and for the one of few pictures."""
    count, draw = SETS["pictures"][name]
    pictures, labels = draw(count + TESTED, seed)
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        place = folder / ("train" if number < count else "test") / f"class {label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{number}.png")
    words = ["--data.root", str(folder), "--data.cache", "false", "--data.size", "32"]
    words += ["--data.channels", "1" if pictures.ndim == 3 else "3"]
    words += ["--data.flip", "0"] if name.startswith("digits") else []
    return ["-c", "cnn_images", *words], ["-c", "cnn_few_images", *words]


def score(words: list[str], folder: Path) -> tuple[float, LightningDataModule]:
    """Train as `fit` with these words does, without its figures and files, and test the best checkpoint."""
    command = prepare("fit", *words)
    best = ModelCheckpoint(folder, "best", monitor="val/loss", save_weights_only=True, enable_version_counter=False)
    steering = [each for each in command.trainer.callbacks if isinstance(each, STEERING)]
    trainer = Trainer(
        accelerator="cpu", max_epochs=command.trainer.max_epochs, callbacks=[*steering, best], logger=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(command.model, command.datamodule)
    found = trainer.test(command.model, command.datamodule, ckpt_path=best.best_model_path, verbose=False)[0]
    return 100 * found.get("test/accuracy", found.get("test/r2", float("nan"))), command.datamodule


def others(data: LightningDataModule, of_tables: bool) -> dict[str, float]:
    """Return the scores of a linear model and, on tables, of boosting: they learn from the validation rows too."""
    train, val, test = (data.parts[part] for part in ("train", "val", "test"))

    def arrays(indices: torch.Tensor, part=train) -> tuple[np.ndarray, np.ndarray]:
        return data.transform(part.inputs[indices]).flatten(1).numpy(), part.targets[indices].flatten().numpy()

    known, asked = arrays(torch.cat([train.indices, val.indices])), arrays(test.indices, test)
    is_number = known[1].dtype.kind == "f"
    models = {LINEAR: LinearRegression() if is_number else LogisticRegression(max_iter=1_000)}
    if of_tables:
        models[BOOSTING] = (HistGradientBoostingRegressor if is_number else HistGradientBoostingClassifier)()
    return {name: 100 * model.fit(*known).score(*asked) for name, model in models.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=WAYS)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--ways", nargs="*")
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--json", type=Path, default=Path("scarce.json"), help="results; those in it are kept")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    found: dict[str, dict[str, float]] = json.loads(given.json.read_text()) if given.json.is_file() else {}
    ways, began = WAYS[given.kind], time.process_time()
    write = write_table if given.kind == "tables" else write_pictures
    for seed in range(given.draws):
        for name in given.sets or SETS[given.kind]:
            scores = found.setdefault(f"{name}/{seed}", {})
            with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
                usual, few = write(name, seed, Path(folder))
                runs = {USUAL: usual, **{way: [*few, *flags] for way, flags in ways.items()}}
                if "mlp_table_regression" not in usual:
                    runs.pop(OWN_UNIT, None)
                for way in [way for way in runs if way in (given.ways or runs) and way not in scores]:
                    scores[way], data = score([*runs[way], "--seed_everything", str(seed)], Path(folder))
                    scores |= {} if LINEAR in scores else others(data, given.kind == "tables")
            given.json.write_text(json.dumps(found, indent=1))
            print(name, seed, {way: round(value, 1) for way, value in scores.items()}, flush=True)
    show(found, [USUAL, *ways, LINEAR, BOOSTING], given.sets or list(SETS[given.kind]))
    print(f"{(time.process_time() - began) / 60:.1f} min of CPU")


def show(found: dict[str, dict[str, float]], ways: list[str], names: list[str]) -> None:
    """Print the mean of each way, and the mean of its differences from the usual recipe with their range over sets."""
    gains: dict[tuple[str, str], list[float]] = {}
    for name in names:
        draws = [scores for key, scores in found.items() if key.rpartition("/")[0] == name and RECIPE in scores]
        kind = "numbers" if name in NUMBERS else "classes"
        cells = []
        for way in ways:
            pairs = [(scores[way], scores[USUAL]) for scores in draws if way in scores]
            cells.append(f"{statistics.mean(score for score, _ in pairs):.1f}" if pairs else "–")
            if pairs:
                group = f"{kind}, {'held apart' if name.endswith('*') else 'chosen on'}"
                gains.setdefault((way, group), []).append(statistics.mean(score - usual for score, usual in pairs))
        print(f"| {name} ({len(draws)} draws) |", " | ".join(cells), "|")
    for (way, group), own in sorted(gains.items(), key=lambda item: (item[0][1], ways.index(item[0][0]))):
        print(f"{group}, {way}: {statistics.mean(own):+.1f} ({min(own):+.1f} to {max(own):+.1f})")


if __name__ == "__main__":
    main()
