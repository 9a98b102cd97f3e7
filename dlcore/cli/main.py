"""The command line's front door: finds the command, and turns every error into one line."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from dlcore.configs.plain_text import printable
from dlcore.configs.request import COMMANDS, check_files, read_request
from dlcore.errors import DlcoreError, UnknownNameError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The words behind the program's name; None takes the process's own.

    Returns:
        The exit code: 0, or an error's own (2 for bad input, 130 after Ctrl-C).
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(argv)
    except DlcoreError as error:
        _print_error(str(error))
        return error.exit_code
    except BrokenPipeError:  # the reader of a pipe has left; before OSError, which it is one of
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        _print_error(f"{error.filename}: {error.strerror}. Check that the folder is there and may be written to.")
        return 2
    except KeyboardInterrupt:
        _print_error("Interrupted.")
        return 130


def _dispatch(argv: list[str]) -> int:
    # Imports stand where they are needed: the tour, help and recipes answer without torch.
    if not argv:
        from dlcore.cli.tour import print_tour

        print_tour()
        return 0
    command = argv[0]
    if command == "help" and len(argv) > 1:
        return _dispatch([*argv[1:], "--help"])
    if command in ("-h", "--help", "help"):
        from dlcore.cli.help import print_help

        print_help()
        return 0
    if command == "--version":
        from dlcore import __version__

        print(f"dlcore {__version__}")
        return 0
    if command == "recipes":
        from dlcore.cli import recipes

        return recipes.run(argv[1:])
    if command == "show":
        from dlcore.cli.show import front

        return front.run(argv[1:])
    if command == "lr_find":
        from dlcore.cli import lr_find

        return lr_find.run(argv[1:])
    if command == "check":
        from dlcore.cli import check

        return check.run(argv[1:])
    if command == "generate":
        from dlcore.cli import generate

        return generate.run(argv[1:])
    if command == "neighbors":
        from dlcore.cli import neighbors

        return neighbors.run(argv[1:])
    if command == "compare":
        from dlcore.cli import compare

        return compare.run(argv[1:])
    if command == "explain":
        from dlcore.cli import explain

        return explain.run(argv[1:])
    if command == "study":
        from dlcore.cli.study import front as study_front

        return study_front.run(argv[1:])
    if command not in COMMANDS:
        own = ["check", "compare", "explain", "generate", "lr_find", "neighbors", "recipes", "show", "study"]
        known = [*COMMANDS, *own]
        raise UnknownNameError("command", command, known, "See: python -m dlcore --help")
    if {"-h", "--help"} & set(argv):
        from dlcore.cli.help import print_command_help

        print_command_help(command, argv[1:])
        return 0
    request = read_request(["--help" if word == "--help-all" else word for word in argv])
    check_files(request)
    from dlcore.cli.trainer_commands import run_trainer_command

    return run_trainer_command(request)


def _print_error(text: str) -> None:
    if os.environ.get("DLCORE_DEBUG"):
        traceback.print_exc()
    sys.stdout.flush()
    rank = os.environ.get("RANK", "0")  # of a process that a launcher started
    print(f"dlcore{f' (process {rank})' * (rank != '0')}: {printable(text)}", file=sys.stderr)
