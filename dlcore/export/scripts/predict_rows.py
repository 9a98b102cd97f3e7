"""Answers for the rows of a CSV file: python predict_rows.py model.onnx FILE.csv; needs onnxruntime."""

import csv
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(Path(sys.argv[1]))
about = json.loads(session.get_modelmeta().custom_metadata_map["dlcore"])


def number(text: str, kind: list[str] | str | None) -> float:
    """Return a cell as the model takes it: a number, days since 1970, the position of a category; NaN for nothing."""
    if not text.strip():
        return float("nan")
    if kind == "date":
        try:
            return (datetime.fromisoformat(text.strip()).replace(tzinfo=None) - datetime(1970, 1, 1)) / timedelta(
                days=1
            )
        except ValueError:
            sys.exit(f"{sys.argv[2]}: expected dates as 2024-05-01 or 2024-05-01 13:45, got {text!r}")
    if kind is None:
        return float(text)
    return kind.index(text.strip()) if text.strip() in kind else -1.0


with open(sys.argv[2], encoding="utf-8-sig", newline="") as file:  # noqa: PTH123
    table = csv.DictReader(file)
    if missing := set(about["columns"]) - set(table.fieldnames or ()):
        sys.exit(
            f"{sys.argv[2]}: expected the columns of the training, got a file without {', '.join(sorted(missing))}"
        )
    rows = [[number(row[name], kind) for name, kind in about["columns"].items()] for row in table]
answers = session.run(None, {"inputs": np.array(rows, dtype=np.float64)})[0]
for row in answers:
    best = row.argmax()
    print(f"{about['classes'][best]} {row[best]:.1%}" if about["classes"] else " ".join(f"{value:g}" for value in row))
