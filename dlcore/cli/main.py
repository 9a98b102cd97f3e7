"""Entry point of the command line: find the command, and report every error in one line."""

from __future__ import annotations

import errno
import importlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from dlcore.cli.streams_and_signals import ending_signals, lasting_streams
from dlcore.config.request import COMMANDS, check_files, read_request
from dlcore.errors import ArgumentError, DlcoreError, ProcessLost, UnknownNameError
from dlcore.lazy_imports import import_lazily
from dlcore.plain_text import printable
from dlcore.processes import rank_of_process, says_it
from dlcore.translation import unknown_language

# Commands beside those of Lightning's trainer: the module of each, whose `run` takes the words after the command.
_MODULES = {
    "check": "dlcore.cli.check",
    "compare": "dlcore.cli.compare",
    "explain": "dlcore.cli.explain",
    "export": "dlcore.cli.export",
    "generate": "dlcore.cli.generate",
    "lessons": "dlcore.cli.lessons",
    "lr_find": "dlcore.cli.lr_find",
    "mistakes": "dlcore.cli.mistakes",
    "neighbors": "dlcore.cli.neighbors",
    "recipes": "dlcore.cli.recipes",
    "show": "dlcore.cli.show.show_command",
    "study": "dlcore.cli.study.study_command",
    "sync": "dlcore.cli.sync",
    "try": "dlcore.cli.try_page.try_command",
    "why": "dlcore.cli.why.why_command",
}
# Long commands that keep their results: they continue if nobody reads their output.
_WORK = (*COMMANDS, "study", "lr_find", "mistakes")
_LESS_MEMORY = "Take smaller batches (--data.batch_size), a smaller model or less data."
_REMEDIES = {
    errno.ENOSPC: "Make room on that disk.",
    errno.EDQUOT: "Make room within your quota on that disk.",
    errno.EFBIG: "Allow larger files (ulimit -f).",
    errno.EMFILE: "Allow more open files (ulimit -n 4096).",
    errno.ENFILE: "Allow more open files on this machine.",
    errno.ENOMEM: _LESS_MEMORY,
    errno.EAGAIN: "Allow more processes and threads (ulimit -u).",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command."""
    argv = list(sys.argv[1:] if argv is None else argv)
    import_lazily()
    logging.getLogger("matplotlib").addFilter(_is_not_of_its_cache)
    with lasting_streams(output=bool(argv) and argv[0] in _WORK), ending_signals() as interrupts:
        try:
            if wrong := unknown_language():
                raise ArgumentError("DLCORE_LANG", "en or zh_CN", wrong, "Leave it out: the locale decides.")
            return _dispatch(argv)
        except DlcoreError as error:
            of_all = isinstance(error, ProcessLost)
            if not error.spoken and (of_all or says_it(str(error))):
                _print_error(str(error), of_all)
            return error.exit_code
        except BrokenPipeError:  # the reader of a pipe has left; before OSError, its base class
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:
            if error.errno is None:
                raise
            _print_error(_of_the_system(error))
            return 2
        except MemoryError as error:
            said = f" ({error})" if str(error) else ""
            _print_error(f"The machine, or a limit of this process, has no memory left{said}. {_LESS_MEMORY}")
            return 2
        except KeyboardInterrupt as error:
            number = getattr(error, "number", signal.SIGINT)
            _print_error(f"Interrupted{f' by {signal.Signals(number).name}' * (number != signal.SIGINT)}.")
            return 128 + number
        except Exception:
            if not interrupts:
                raise
            _print_error("Interrupted.")
            return 128 + interrupts[0]


def _is_not_of_its_cache(record: logging.LogRecord) -> bool:
    """Return whether matplotlib says something of use: without a cache folder it is a second slower, and no more."""
    return not str(record.msg).startswith(
        ("mkdir -p failed for path", "Matplotlib created a temporary cache directory")
    )


def _of_the_system(error: OSError) -> str:
    """Return the system's message, with the file if known, and a remedy."""
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    remedy = _REMEDIES.get(error.errno or 0, "Check that the folder is there and may be written to." * bool(place))
    return f"{place}{': ' * bool(place)}{error.strerror}. {remedy}".rstrip()


def _dispatch(argv: list[str]) -> int:
    # Local imports: the tour, help and recipes answer without torch.
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
    if command in _MODULES:
        module = importlib.import_module(_MODULES[command])
        if not hasattr(module, "SUBJECT") or command == "study":  # they print their own help
            return int(module.run(argv[1:]))
        from dlcore.cli.show.subject import run_subject

        return run_subject(module, argv[1:])
    if command not in COMMANDS:
        raise UnknownNameError("command", command, [*COMMANDS, *_MODULES], "See: python -m dlcore --help")
    if {"-h", "--help"} & set(argv):
        from dlcore.cli.help import print_command_help

        print_command_help(command, argv[1:])
        return 0
    request = read_request(["--help" if word == "--help-all" else word for word in argv])
    check_files(request)
    if command == "predict" and any(flag.name in ("text", "texts_file") for flag in request.flags):
        from dlcore.cli import predict_text

        return predict_text.run(request)
    from dlcore.cli.trainer_commands import run_trainer_command

    if any(flag.name == "help" or flag.name.endswith(".help") for flag in request.flags):
        from dlcore.cli.help import plain_help

        with plain_help(command):
            return run_trainer_command(request)
    return run_trainer_command(request)


def _print_error(text: str, of_all: bool = False) -> None:
    if os.environ.get("DLCORE_DEBUG"):
        traceback.print_exc()
    sys.stdout.flush()
    rank = 0 if of_all else rank_of_process()
    print(f"dlcore{f' (process {rank})' * (rank > 0)}: {printable(text)}", file=sys.stderr)
