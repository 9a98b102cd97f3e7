"""``try``: open a page on this machine, on which a trained model answers pictures, rows, texts or prompts."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from typing import TYPE_CHECKING

from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.cli.terminal import one_line_warnings, open_console, print_columns, short_path
from dlcore.config.recipe import find_recipe, recipe_name
from dlcore.config.request import Flag, Request, check_files
from dlcore.errors import ArgumentError, FitError
from dlcore.translation import _

if TYPE_CHECKING:
    from dlcore.cli.try_page.pages import Page

SUBJECT = Subject(
    "try",
    "Open a page on which a trained model answers: drop or draw a picture, fill in a row, type a text.",
    "[-c RECIPE] [--flag VALUE ...]",
    "The page shows the answer with its probabilities, and what decided it. It listens to this machine only, loads "
    "nothing from elsewhere and tells nobody. Ctrl-C ends it. It needs gradio: pip install -e '.[try]'.",
    (
        Option("ckpt_path", "best|last|FILE", "The checkpoint; left out: the best of the newest run (of -c RECIPE)."),
        Option("port", "7860", "Port of the page; if it is not given and taken, the next free one."),
    ),
    ("try", "try -c rnn_topics", "try --ckpt_path last --port 8000"),
)
HOST = "127.0.0.1"
_PORT, _PORTS = 7860, 100
_SIZE = "20mb"  # of an uploaded file
_WAITING = 20  # questions in the queue; more are refused


def run(argv: list[str]) -> int:
    """Open the page, and serve it until Ctrl-C."""
    words = read_words(SUBJECT, argv)
    wanted = words.given.get("ckpt_path") or "best"
    check_files(Request("try", flags=[Flag("ckpt_path", wanted)]))
    port = free_port(int(words.number("port", _PORT, whole=True)), "port" in words.given)
    one_line_warnings()
    name = recipe_name(find_recipe(words.recipes[-1])) if words.recipes else None
    with tempfile.TemporaryDirectory(prefix="dlcore_try") as folder:
        # Read when gradio is imported: it counts no uses, and asks for no newer version.
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        os.environ["GRADIO_TEMP_DIR"] = folder  # of pictures that were dropped
        try:
            import gradio  # noqa: F401
        except ImportError as error:
            raise FitError(
                "try: expected the package gradio, which is not installed. Install what the page needs: pip install "
                "'dlcore[try]' (in dlcore's own folder: pip install -e '.[try]')"
            ) from error
        from dlcore.cli.try_page.pages import page_of

        _serve(page_of(wanted, name, words.recipe[2 * len(words.recipes) :]), port)
    return 0


def free_port(wanted: int, must_be: bool) -> int:
    """Return the port; the next free one, if it is taken and was not asked for."""
    if not 0 < wanted < 1 << 16:
        raise ArgumentError("--port", "a number from 1 to 65535", wanted)
    for port in range(wanted, wanted + (1 if must_be else _PORTS)):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((HOST, port))
            except OSError:
                continue
            return port
    raise ArgumentError("--port", "a port that is free", wanted, "Leave it out: the next free one is taken.")


def launch(page: Page, port: int) -> None:
    """Serve a page in the background."""
    import gradio
    from starlette.middleware import Middleware

    from dlcore.cli.try_page.only_here import OnlyHere

    page.blocks.queue(max_size=_WAITING)
    page.blocks.launch(
        server_name=HOST, server_port=port, share=False, quiet=True, prevent_thread_lock=True, ssr_mode=False,
        max_file_size=_SIZE, footer_links=[], show_error=False, enable_monitoring=False, mcp_server=False,
        theme=gradio.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        app_kwargs={"middleware": [Middleware(OnlyHere)]},
    )  # fmt: skip


def _serve(page: Page, port: int) -> None:
    """Serve the page until Ctrl-C."""
    launch(page, port)
    rows = [
        (_("model"), short_path(page.checkpoint)),
        (_("page"), f"http://{HOST}:{port}"),
        ("", _("It listens to this machine only. Ctrl-C ends it.")),
    ]
    print_columns(open_console(), rows, column=8, indent=0)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        page.blocks.close(verbose=False)
