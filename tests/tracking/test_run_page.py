import math
from pathlib import Path

import pytest

from dlcore.tracking.run_page import RunFacts, run_page, without_places

COLUMNS = {
    "step": [10.0, 20.0, 30.0],
    "epoch": [1.0, 2.0, 3.0],
    "train/loss": [1.0, 0.5, 0.25],
    "val/loss": [1.1, 0.7, 0.75],
    "train/accuracy": [0.5, 0.75, 0.9],
    "val/accuracy": [0.5, 0.8125, 0.8],
    "train/loss_step": [1.0, 0.5, 0.25],
    "lr": [0.1, 0.1, 0.1],
}
FACTS = RunFacts("mine, version_3", {"Model": "MLP, 12 parameters", "Data": "songs|明月 *x*: 3 train", "Device": ""})


def event(kind, step, text="", **more):
    return {"time": f"2026-11-21T15:00:{step:02}+00:00", "step": step, "epoch": step / 10, "kind": kind} | {
        "text": text or f"It {kind}.",
        **more,
    }


STORY = [
    event("started", 0, command="python -m dlcore fit -c mine --model.dropout 0.5"),
    event("new_best", 10, "first"),
    event("learning_rate_cut", 10, "Cut: no gain."),
    event("new_best", 20, "second"),
    event("finished", 30, seconds=75.0),
]


def lines(*arguments, **more):
    return run_page(*arguments, **more).splitlines()


def test_a_page_says_what_was_trained_how_it_went_and_how_to_do_it_again():
    assert lines(FACTS, COLUMNS, STORY, ["The gap is wide.", "a|b"], "curves.png") == [
        "# mine, version_3",
        "",
        "**Finished after 3 epochs: best val/accuracy 81.25% at epoch 2.**",
        "",
        "- Model: MLP, 12 parameters",
        r"- Data: songs\|明月 \*x\*: 3 train",
        "- Time of training, with validation: 1 min 15 s",
        "",
        "## Result",
        "",
        "| metric | best validation | last validation | last training | gap |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| loss | 0.7 (epoch 2) | 0.75 | 0.25 | +0.5 |",
        "| accuracy | 81.25% (epoch 2) | 80.00% | 90.00% | +10.00 points |",
        "",
        "Gap: by how much validation is worse than training; below 0 it is better.",
        "",
        "## Findings",
        "",
        "- The gap is wide.",
        r"- a\|b",
        "",
        "## Curves",
        "",
        "![Curves of the run over its epochs](curves.png)",
        "",
        "## What happened",
        "",
        "- epoch 0, step 0: It started.",
        "- epoch 1, step 10: Cut: no gain.",
        "- epoch 2, step 20: second",
        "- epoch 3, step 30: It finished.",
        "",
        "## Do it again",
        "",
        "```bash",
        "python -m dlcore fit -c mine --model.dropout 0.5",
        "```",
    ]


@pytest.mark.parametrize(
    ("ends", "headline"),
    [
        ([event("interrupted", 15)], "Interrupted after 1.5 epochs"),
        ([event("failed", 10)], "Failed after 1 epoch"),
        ([event("stopped_early", 20), event("finished", 20)], "Finished early after 2 epochs"),
        # It stopped early once, but not in the end.
        ([event("stopped_early", 20), event("resumed", 20), event("finished", 30)], "Finished after 3 epochs"),
        ([event("not_finite", 9, metric="val/loss"), event("finished", 20)], "Finished after 2 epochs, diverged"),
        ([event("not_finite", 9, metric="val/r2"), event("finished", 20)], "Finished after 2 epochs"),
        ([], "Not ended"),
    ],
)  # fmt: skip
def test_the_headline_says_how_it_ended(ends, headline):
    page = lines(FACTS, COLUMNS, [event("started", 0), *ends])
    assert page[2] == f"**{headline}: best val/accuracy 81.25% at epoch 2.**"


def test_the_times_of_all_sessions_add_up_and_a_killed_one_counts_until_its_last_event():
    events = [event("started", 0), event("new_best", 10), event("resumed", 10), event("finished", 30, seconds=3600)]
    assert "- Time of training, with validation: 1 h 0 min" in lines(FACTS, COLUMNS, events)
    assert "- Time of training, with validation: 10.0 s" in lines(FACTS, COLUMNS, events[:2])


def test_a_run_that_ended_at_once_has_a_page_too():
    page = lines(FACTS, {"step": []}, [event("started", 0), event("failed", 1, "Failed: no|w.")])
    assert page[2] == "**Failed after 0.1 epochs.**"
    assert page[-1] == r"- epoch 0.1, step 1: Failed: no\|w."
    assert "## Result" not in page


def test_lost_numbers_are_told_in_one_line():
    events = [event("not_finite", 5, "Not finite: a is NaN.", metric="a")] + [
        event("not_finite", step, metric=name) for step, name in ((6, "b_"), (7, "c"))
    ]
    columns = {**COLUMNS, "val/loss": [math.nan] * 3}
    page = lines(FACTS, columns, events)
    assert r"- epoch 0.5, step 5: Not finite: a is NaN. Then: b\_ (step 6), c (step 7)." in page
    assert "| loss |  | nan | 0.25 |  |" in page


def test_of_many_events_the_middle_is_left_out():
    events = [event("learning_rate_cut", step, f"cut {step}") for step in range(60)]
    page = lines(FACTS, COLUMNS, events)
    told = page[page.index("## What happened") + 2 :]
    assert told[19:22] == [
        "- epoch 1.9, step 19: cut 19",
        "- … 20 more are in events.jsonl …",
        "- epoch 4, step 40: cut 40",
    ]


def test_the_users_folders_are_not_told(tmp_path, monkeypatch):
    home, work = tmp_path / "home" / "ann", tmp_path / "home" / "ann" / "work"
    work.mkdir(parents=True)
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.chdir(work)
    text = f"{work}/photos and {home}/photos, in {work} or {home}; {home}-2/x stays"
    assert without_places(text) == f"photos and ~/photos, in . or ~; {home}-2/x stays"
    page = run_page(RunFacts("x", {"Data": f"from {home}/songs"}), COLUMNS, STORY)
    assert "from ~/songs" in page
