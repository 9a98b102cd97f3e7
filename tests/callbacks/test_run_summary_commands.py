"""The page of a run of the command line: ended by a signal, switched off, gone on, of text."""

import os
import re
import signal

import pytest
from forked_command import command
from PIL import Image
from run_pages import events_of, in_both, page_of

from dlcore.cli.main import main
from dlcore.runs import fit
from dlcore.tracking import read_metrics
from dlcore.tracking.timeline import read_events


def end_this_process():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_process_that_is_ended_by_sigterm_leaves_all_that_was_handed_over(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    words = [
        *("fit", "-c", "mlp_table_binary", "--trainer.max_epochs=100000", "--early_stopping=off"),
        *("--trainer.log_every_n_steps=1", "--parameter_distribution=on", "--trainer.accelerator=cpu"),
    ]
    ended = command(work, *words, at_step=(50, end_this_process))
    ended.check(128 + signal.SIGTERM)
    folder = work / "lightning_logs" / "mlp_table_binary" / "version_0"
    step = int(re.search(r"Interrupted by SIGTERM at step ([\d,]+)", ended.said)[1].replace(",", ""))
    assert step >= 50
    events = read_events(folder)
    assert [events[0]["kind"], events[-1]["kind"]] == ["started", "interrupted"]
    assert events[0]["command"].startswith("python -m dlcore fit -c mlp_table_binary --trainer.max_epochs 100000")
    assert (events[-1]["signal"], events[-1]["step"]) == ("SIGTERM", step)
    # Each step has its row, and each number of each row is in TensorBoard's file.
    assert read_metrics(folder)["step"] == list(range(1, step + 1))
    assert in_both(folder) > 2 * step
    assert [image.step for image in events_of(folder).Images("curves")] == [step]
    with Image.open(folder / "curves.png") as picture:
        picture.load()
    page = page_of(folder)
    assert "**Interrupted after " in page
    assert f"step {step:,}: Interrupted by SIGTERM" in page
    assert str(tmp_path) not in page


def test_a_fit_has_a_summary_unless_it_is_switched_off(workplace, small):
    run = fit(*small, "--trainer.max_epochs=1", "--model.dropout=0.25")
    assert "--model.dropout 0.25" in page_of(run.folder)
    assert "built-in sample" in page_of(run.folder)
    assert "Adam, lr 0.001" in page_of(run.folder)
    assert [event["kind"] for event in read_events(run.folder)] == ["started", "new_best", "finished"]
    without = fit(*small, "--trainer.max_epochs=1", "--run_summary=off")
    assert not (without.folder / "summary.md").exists()
    assert [event["kind"] for event in read_events(without.folder)] == ["started", "new_best", "finished"]


def test_the_end_of_a_fit_names_the_page(workplace, small, capsys):
    assert main(["fit", *small, "--trainer.max_epochs=1"]) == 0
    assert re.search(r"\nsummary +lightning_logs/mlp_fashion_mnist/version_0/summary\.md\n", capsys.readouterr().out)
    assert main(["fit", *small, "--trainer.max_epochs=1", "--run_summary=off"]) == 0
    assert "summary" not in capsys.readouterr().out


def test_a_run_that_goes_on_has_one_page_with_both_commands(workplace, small):
    first = fit(*small, "--trainer.max_epochs=1")
    fit("--ckpt_path=last", "--trainer.max_epochs=2")
    page = page_of(first.folder)
    assert "Finished after 2 epochs" in page
    assert "\npython -m dlcore fit --ckpt_path last --trainer.max_epochs 2\n" in page
    kinds = [event["kind"] for event in read_events(first.folder)]
    assert [kind for kind in kinds if kind != "new_best"] == ["started", "finished", "resumed", "finished"]


def test_a_text_run_has_a_page_that_speaks_of_tokens(text_run):
    page = page_of(text_run)
    assert re.search(r"- Data: ChineseCorpus: [\d,]+ train, [\d,]+ val, [\d,]+ test tokens, from poems\.txt", page)
    assert "| bits per character | " in page
    assert "--text_samples.prompts '['\"'\"''\"'\"', " in page
    assert "明月" in page
