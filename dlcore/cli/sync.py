"""``sync``: send runs to a tracker: what could not be sent while they trained, or whole runs."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.cli.terminal import HEADING, open_console
from dlcore.config.secrets import message_without_secrets
from dlcore.config.tracker_kinds import KINDS, Kind
from dlcore.errors import ConfigError, DataError, DlcoreError, TrackerError, in_a_line
from dlcore.tracking.trackers.client import check_installed
from dlcore.tracking.trackers.journal import journal_kinds, sole_sender
from dlcore.tracking.trackers.sending import Sender
from dlcore.translation import _

SUBJECT = Subject(
    "sync",
    "Send runs to a tracker: what could not be sent while they trained, or whole runs.",
    "[RUN ...] [--tracker mlflow|swanlab|wandb]",
    "A run is its folder (lightning_logs/RECIPE/version_N, or what follows lightning_logs/), or a folder with several, "
    "as that of a study; left out, the newest one. What the tracker has is not sent again.",
    (Option("tracker", "|".join(KINDS), "The tracker; left out, those that the run was sent to before."),),
    (
        "sync",
        "sync mlp_textbook/version_0 --tracker mlflow",
        "sync lightning_logs/study_learning_rate",
    ),
)


def run(argv: list[str]) -> int:
    """Send runs."""
    words = read_words(SUBJECT, argv)
    if words.recipe:
        raise ConfigError(f"sync: expected runs and --tracker, got {words.recipe[0]!r}.")
    kind = words.choice("tracker", KINDS) if words.given.get("tracker") else None
    from dlcore.insight.run_comparison import find_run, newest_run

    found = [find_run(name) for name in words.names] or [newest_run()]
    folders = [run for folder in found for run in _runs_in(folder)]
    console = open_console()
    for folder in folders:
        kinds: list[Kind] = [each for each in KINDS if each == kind] if kind else journal_kinds(folder)
        if not kinds:
            raise DataError(f"{folder}: was not sent to a tracker yet. Name one: --tracker {KINDS[0]}")
        for each in kinds:
            what, address = send_run(folder, each)
            console.print(Text(str(folder), style=HEADING), soft_wrap=True)
            sent = what or _("nothing was missing")
            console.print(Text(f"  {each}: {sent}"), soft_wrap=True)
            console.print(Text(f"  {address}"), soft_wrap=True)  # not wrapped: it must be copied whole
    return 0


def send_run(folder: Path, kind: Kind) -> tuple[str, str]:
    """Send what a tracker lacks of a run.

    Returns:
        What was sent, in words, and where it is seen.

    Raises:
        TrackerError: The tracker did not take it.
    """
    check_installed(kind)
    with sole_sender(folder, kind):
        sender = Sender(folder, kind)
        try:
            sent = sender.send(ended=True)
        except DlcoreError:
            raise
        except Exception as error:  # of the tracker's library
            said = message_without_secrets(in_a_line(error))
            raise TrackerError(
                f"{folder}: {kind} did not take the run: {said} What was sent is noted: the same command "
                "sends the rest."
            ) from error
        if sender.journal.unwritten is not None:
            raise sender.journal.unwritten
    return sent.words(), sender.journal.run.get("address", "")


def _runs_in(folder: Path) -> list[Path]:
    """Return the runs in a folder, which may be one itself."""
    found = [folder] if (folder / "metrics.csv").is_file() else [path.parent for path in folder.rglob("metrics.csv")]
    if not found:
        raise DataError(f"{folder}: holds no run that has logged a metric.")
    return sorted(found)
