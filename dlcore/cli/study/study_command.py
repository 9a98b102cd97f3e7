"""``study``: list studies, show, copy or run one."""

from __future__ import annotations

from pathlib import Path

from dlcore.cli.recipes import ACTIONS, check_words, copy_yaml, list_yaml, say_copied, show_yaml
from dlcore.cli.show.subject import Option, Subject, print_subject_help, wants_help
from dlcore.cli.study.study_request import ALL, StudyRequest, read_study_request
from dlcore.cli.terminal import one_line_warnings, open_console, print_heading, print_names
from dlcore.config.recipe import recipe_text
from dlcore.errors import ConfigError
from dlcore.studies import find_study, study_names
from dlcore.studies.claim import ANY_METRIC, QUANTITIES
from dlcore.translation import _

SUBJECT = Subject(
    "study",
    "Train the variants of a study, compare them, and judge its claims.",
    "NAME|FILE|all [--flag VALUE ...]   or   study [-c RECIPE] --vary SETTING=VALUES",
    "Any flag of fit beats that of every variant. Runs that are done are not repeated; one that was interrupted goes "
    "on. Runs, picture, report.html, results.json and results.csv lie in lightning_logs/study_NAME/. `study` alone "
    "lists the studies; `study show NAME` prints one, `study copy NAME FILE` starts your own. `study all` carries out "
    "all that come with dlcore, and lays their claims side by side in lightning_logs/studies.html.",
    (
        Option("vary", "SETTING=A,B,C", "Make the variants here: every value; of several --vary, every combination."),
        Option(
            "vary",
            "SETTING=A..B",
            "Numbers between, for --random or --optuna: 0..0.5; whole ones 1..8; on a logarithmic scale 1e-5..1e-1 "
            "(with an e) or 16..1024:log.",
        ),
        Option("random", "N", "Of the combinations of --vary, only so many, chosen by chance."),
        Option(
            "optuna",
            "N",
            "A search of N trials over --vary that goes where the metric of checkpoint.monitor was "
            "best (pip install 'dlcore[optuna]'); the same command with a greater N goes on.",
        ),
        Option("seeds", "1", "How many seeds each variant is trained with (3), or which: 0,7."),
        Option(
            "folds",
            "K",
            "Cross-validation: each variant is trained once for each of K folds (5), which tests it; the mean has an "
            "interval that allows for the folds' overlap, and out_of_fold_VARIANT.csv has the prediction of each "
            "sample by the run that has not seen it. For data with the arguments folds and fold (tables, pictures, "
            "labelled texts; --data.group keeps groups together). --vary may be left out.",
        ),
        Option("x", "epoch", "The horizontal axis of the curves: epoch, samples or seconds."),
        Option("jobs", "N", "Runs at a time; left out: one a GPU, without any one a core."),
        Option("quick", "", "Cut to what the study's file says: fewer epochs, one seed; a folder of its own."),
        Option(
            "backend",
            "local",
            "Where runs are trained: local processes, or a cluster of ray or dask whose machines all see this folder.",
        ),
        Option("backend_address", "ADDR", "Of the cluster; left out: by RAY_ADDRESS, DASK_SCHEDULER_ADDRESS, or own."),
        Option("redo", "", "Train again what is done already."),
        Option("dry_run", "", "List the runs and check their settings; train nothing."),
    ),
    (
        "study circles",
        "study all --quick",
        "study scaling --seeds 3 --trainer.max_epochs 2",
        "study -c mlp_textbook --vary model.dropout=0,0.25,0.5 --vary data.batch_size=32,256",
        "study -c mlp_table_binary --folds 5",
        "study --optuna 20 --vary model.optimizer.lr=1e-5..1e-1 --vary model.dropout=0..0.5",
    ),
)


def run(argv: list[str]) -> int:
    """Run ``study …``."""
    if wants_help(argv) or argv[:1] == ["help"]:
        print_subject_help(SUBJECT)
        _print_claim_help()
        return 0
    action, *words = argv or ["list"]
    if action not in ACTIONS:
        return _carry_out(read_study_request(SUBJECT, argv))
    check_words("study", action, words, "study")
    if action == "show":
        show_yaml(recipe_text(find_study(words[0])))
    elif action == "copy":
        _copy(words[0], words[1])
    else:
        list_yaml(
            study_names(),
            find_study,
            _("Studies: each trains some variants, compares them and judges its claims"),
            _("Run one: python -m dlcore study NAME"),
            _("All of them: python -m dlcore study all --quick"),
            _("Look at one: python -m dlcore study show NAME"),
            _("Start your own: python -m dlcore study copy NAME FILE"),
            _("More: python -m dlcore study --help"),
        )
    return 0


def _carry_out(request: StudyRequest) -> int:
    from dlcore.cli.study.carry_out import carry_out, dry_run

    one_line_warnings()
    return dry_run(request) if request.dry_run else carry_out(request)


def _print_claim_help() -> None:
    """Print the quantities that a claim in a study's file may use."""
    console = open_console()
    print_heading(console, 'Claims, as in  holds: accuracy("NAME") < 0.4 and gap("NAME") > 1%')
    rows = [(f'{name}("NAME"{", N" * numbers})', meaning) for name, (numbers, meaning) in QUANTITIES.items()]
    rows += [(f'{name}("val/rmse", "NAME")', meaning) for name, meaning in ANY_METRIC.items()]
    print_names(console, rows, column=37)


def _copy(name: str, target: str) -> None:
    content, path = recipe_text(find_study(name)), Path(target).expanduser()
    if path.stem in (*study_names(), ALL) and path.suffix in (".yaml", ".yml"):
        raise ConfigError(f"{path}: a study of that name comes with dlcore, and would share its runs. Choose another.")
    copy_yaml(content, path, "study", name)
    runs = _("Runs will be in {folder}.").format(folder=f"lightning_logs/study_{path.stem}/")
    say_copied(path, runs, "study")
