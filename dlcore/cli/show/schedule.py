"""``show schedule``: the learning rate over a whole run, before it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.errors import ArgumentError

if TYPE_CHECKING:
    from dlcore.insight import SchedulePreview

SUBJECT = Subject(
    "show schedule",
    "The learning rate of each step of a run.",
    "[-c RECIPE] [--flag VALUE ...] | NAME [NAME ...]",
    "A picture, and a table of where the rate changes. The schedule is the very object that a training would use, "
    "stepped as it would be, over as many steps as the data, the batch size and the epochs make.",
    (
        Option("scale", "linear", "Scale of the rate: linear or log."),
        Option("out", "FILE.png", "File of the picture; left out: show/schedule_RECIPE.png."),
    ),
    (
        "show schedule --model.lr_scheduler CosineAnnealingLR --model.lr_scheduler.T_max 20",
        "show schedule -c mlp_textbook --trainer.max_epochs 10",
        "show schedule cosine exponential plateau",
    ),
)
_MOST_CHANGES = 10


def run(argv: list[str]) -> int:
    """Draw the schedule of a recipe."""
    words = read_words(SUBJECT, argv)
    log = words.choice("scale", ("linear", "log")) == "log"
    from dlcore.cli.panels import warn_of_sample
    from dlcore.cli.show.picture import picture_path, save_picture
    from dlcore.cli.show.prepared import prepared, recipe_title
    from dlcore.cli.terminal import open_console, print_columns
    from dlcore.insight.schedule_preview import preview_schedule
    from dlcore.tracking.figures.learning_rate import schedule_curve

    command = prepared(words)
    title = recipe_title(words)
    path = picture_path(words.given.get("out"), f"schedule_{title}")
    preview = preview_schedule(command.model, command.datamodule, command.trainer)
    if log and preview.rates.min() <= 0:
        raise ArgumentError("--scale", "linear, since the rate falls to 0", "log")
    console = open_console()
    print_columns(console, _rows(preview), column=13, indent=0)
    warn_of_sample(console, command.datamodule)
    name = preview.name or "constant learning rate"
    if preview.warmup_steps:
        name += f" after a warm-up of {preview.warmup_steps:,} steps"
    save_picture(schedule_curve(preview.rates, preview.steps_per_epoch, f"{name}: {title}", preview.notes, log), path)
    return 0


def _rows(preview: SchedulePreview) -> list[tuple[str, str]]:
    rates, per_epoch = preview.rates, preview.steps_per_epoch
    samples = f"{preview.samples:,} samples: " if preview.samples else ""
    batches = f"{preview.batches_per_epoch:,} batches, " if preview.batches_per_epoch != per_epoch else ""
    kind = "a step of it for each batch" if preview.per_batch else "a step of it for each epoch"
    rows = [
        ("schedule", f"{preview.name}, {kind}" if preview.name else "none: the rate stays as it is"),
        (
            "run",
            f"{len(rates):,} steps in {len(rates) / per_epoch:g} epochs ({samples}{batches}{per_epoch:,} an epoch)",
        ),
    ]
    if preview.warmup_steps:
        rows.append(("warm-up", f"{preview.warmup_steps:,} steps"))
    top, low = int(rates.argmax()), int(rates.argmin())
    places = {"first": 0, "greatest": top, "least": low, "last": len(rates) - 1}
    if rates[top] == max(rates[0], rates[-1]):
        del places["greatest"]
    if rates[low] == min(rates[0], rates[-1]):
        del places["least"]
    rows += [(word, f"{rates[place]:<11.4g}{_place(place + 1, per_epoch)}") for word, place in places.items()]
    changes = preview.changes
    for number, step in enumerate(changes[:_MOST_CHANGES] if len(changes) <= _MOST_CHANGES else ()):
        rows.append(("changes" if number == 0 else "", f"{rates[step - 1]:<11.4g}from {_place(int(step), per_epoch)}"))
    if not len(changes):
        rows.append(("changes", "never"))
    elif len(changes) > _MOST_CHANGES:
        first = _place(int(changes[0]), per_epoch)
        rows.append(
            ("changes", f"{len(changes):,} times, first at {first}, last at {_place(int(changes[-1]), per_epoch)}")
        )
    return [*rows, *(("note", note) for note in preview.notes)]


def _place(step: int, per_epoch: int) -> str:
    return f"step {step:,} (epoch {(step - 1) // per_epoch + 1})"
