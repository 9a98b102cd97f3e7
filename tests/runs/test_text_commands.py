"""A text model by the command line: one run in one process and in two, its test, its answers."""

import csv
import json

import pytest
import torch
from world import World

from dlcore import runs
from dlcore.cli.main import main

SMALL = (
    "--model.embedding_dim=8",
    "--model.hidden_size=8",
    "--model.embedding_dropout=0",
    "--model.output_dropout=0",
    "--data.batch_size=8",
    "--data.sequence_length=10",
    "--data.eval_batch_size=5",
    "--trainer.limit_train_batches=6",
    "--trainer.max_epochs=1",
    "--progress_display=off",
)


@pytest.fixture
def poems(workplace):
    """80 documents of two lines each; every character follows from the one before it."""
    signs = "春夏秋冬风花雪月山水云雨"
    lines = [f"{signs[k % 12]}{signs[(k + 1) % 12]}{signs[(k + 2) % 12]}" for k in range(160)]
    path = workplace / "诗.txt"
    path.write_text("\n\n".join("\n".join(lines[k : k + 2]) for k in range(0, 160, 2)), encoding="utf-8")
    return ("-c", "rnn_lyrics", f"--data.root={path}", "--data.level=char", *SMALL)


def rows_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_a_run_its_test_and_its_answers(poems, workplace):
    run = runs.fit(*poems)
    assert run.linked == {"model.vocab_size"}
    assert run.model.embeddings.shape == (2 + 13, 8)  # twelve signs, the line break, <unk> and <end>
    assert {"val/loss", "val/perplexity", "val/bits_per_character", "val/unknown_share"} <= set(run.metrics)
    from dlcore.cli.main import main

    assert main(["test", "--ckpt_path=best"]) == 0
    report = json.loads((run.folder / "test.json").read_text(encoding="utf-8"))
    assert "confusion_matrix" not in report
    assert report["tokens"] == 4 * 8  # every 20th document: six signs, a line break and an end
    assert main(["predict", "--ckpt_path=best"]) == 0
    rows = rows_of(run.folder / "predictions.csv")
    assert [(row["index"], row["tokens"], row["characters"]) for row in rows] == [(str(k), "8", "7") for k in range(4)]
    assert all(len(row["beginning"]) == 3 for row in rows)
    # The documents' bits are those of the test.
    bits = sum(float(row["bits per character"]) * 7 for row in rows) / (4 * 7)
    assert bits == pytest.approx(report["test/bits_per_character"], abs=1e-4)


def test_what_batches_that_are_limited_cut_off_is_no_answer(poems):
    run = runs.fit(*poems)
    limited = runs.predict("--ckpt_path=last", "--data.sequence_length=3", "--trainer.limit_predict_batches=2")
    from dlcore.runs.predictions import write_predictions

    path, count = write_predictions(limited)
    assert path == run.folder / "predictions.csv"
    assert count == len(rows_of(path)) == 0  # six of eight tokens have been seen


def test_a_document_keeps_its_place_where_others_are_cut_off(workplace):
    from dlcore.runs.predictions import write_documents

    targets = torch.tensor([[5, 6, 1, 7], [8, 1, 9, 1]])  # the first row's second document has no end yet
    answers = torch.stack([targets.float(), torch.ones(2, 4), torch.ones(2, 4)])
    assert write_documents(workplace / "a.csv", [answers], str, [0, 3]) == 3
    assert [row["index"] for row in rows_of(workplace / "a.csv")] == ["0", "3", "4"]


def test_answers_to_several_files_have_a_plain_name(poems, workplace):
    from dlcore.runs.predictions import write_predictions

    run = runs.fit(*poems)
    names = {
        f"--data.root={workplace}/*.txt": "predictions_other.csv",
        f"--data.root=[{workplace}/诗.txt]": "predictions_other_2.csv",
        f"--data.root={workplace}/诗.txt": "predictions_诗.csv",
        "--data.root=.": f"predictions_{workplace.name}.csv",
    }
    for flag, name in names.items():
        path, count = write_predictions(runs.predict("--ckpt_path=last", flag))
        assert path == run.folder / name
        assert [row["index"] for row in rows_of(path)] == [str(k) for k in range(count)]


@pytest.mark.process
@pytest.mark.matrix
def test_two_processes_train_and_evaluate_as_one(poems, workplace):
    """Equal steps, and the perplexity that one process finds, to five digits."""
    words = ["fit", *poems, "--data.batch_size=4", "--trainer.accelerator=cpu"]
    world = World(workplace, [words, words])
    assert world.end(200) == [0, 0], world.said()
    folder = workplace / "lightning_logs" / "rnn_lyrics" / "version_0"
    (row,) = [row for row in rows_of(folder / "metrics.csv") if row["val/loss"]]
    kept = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == int(row["step"]) == 6
    carried = [part.shape for process in kept["exact_resume"] for part in process["attributes"]["carried"]]
    assert carried == [(1, 4, 8)] * 4  # layers, rows, hidden size: each process has its own
    alone = runs.validate("--ckpt_path=last", "--trainer.devices=1")
    for name in ("val/perplexity", "val/bits_per_character", "val/unknown_share"):
        assert alone.metrics[name] == pytest.approx(float(row[name]), rel=1e-5)
    # As many rows as two processes have together give one process the same training, but for rounding.
    one = runs.fit(*poems)
    assert one.trainer.global_step == 6
    assert one.metrics["val/loss"] == pytest.approx(float(row["val/loss"]), rel=1e-5)


def test_another_vocabulary_than_the_data_have_is_refused(poems):
    with pytest.raises(Exception, match=r"model\.vocab_size: expected 15, which ChineseCorpus has, got 9"):
        runs.fit(*poems, "--model.vocab_size=9")


def test_mixed_precision_clips_with_a_fused_optimizer(poems):
    run = runs.fit(*poems, "--trainer.precision=bf16-mixed", "--trainer.gradient_clip_val=0.01")
    assert run.trainer.optimizers[0].param_groups[0]["fused"]
    norm = sum(p.grad.square().sum() for p in run.model.parameters()).sqrt().item()
    assert norm == pytest.approx(0.01, rel=1e-3)


def test_too_many_rows_for_a_short_text_are_the_datas_matter(workplace, capsys):
    assert main(["fit", "-c", "rnn_lyrics", "--data.batch_size=100000", "--model.hidden_size=8"]) == 2
    assert "data.batch_size: expected a batch that " in capsys.readouterr().err
