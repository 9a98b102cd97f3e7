"""``show activation``: functions and their derivatives."""

from __future__ import annotations

from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.errors import ArgumentError, UnknownNameError

_OUT = Option("out", "FILE.png", "File of the picture; left out: show/activation_NAMES.png.")
SUBJECT = Subject(
    "show activation",
    "Functions, each with its derivative.",
    "NAME [NAME ...] | --all",
    "A picture: a row a function, on the left the function, on the right its derivative by autograd, with the places "
    "where it saturates. Softmax and its kind, which work on a whole vector, are shown on nine scores. Names are those "
    "of torch.nn, in any case: relu, LeakyReLU, leaky_relu.",
    (
        Option("overlay", "", "All on one chart, and their derivatives on another."),
        Option("all", "", "A sheet of all activations that torch.nn has, function and derivative on one chart."),
        _OUT,
    ),
    (
        "show activation relu sigmoid tanh",
        "show activation softmax --out softmax.png",
        "show activation tanh sigmoid --overlay",
        "show activation --all",
    ),
)
_MOST_ROWS = 12


def run(argv: list[str]) -> int:
    """Draw the named activations."""
    words = read_words(SUBJECT, argv)
    if words.recipe:
        flag = words.recipe[0].partition("=")[0].lstrip("-")
        raise UnknownNameError("option of `show activation`", flag, [option.name for option in SUBJECT.options])
    everything = "all" in words.given
    if not words.names and not everything:
        raise ArgumentError(
            "show activation", "one or more names, or --all", None, "For example: python -m dlcore show activation relu"
        )
    if words.names and everything:
        raise ArgumentError("--all", "no names with it", " ".join(words.names))
    if len(words.names) > _MOST_ROWS:
        raise ArgumentError("show activation", f"at most {_MOST_ROWS} names", len(words.names), "All: --all.")
    # Import torch only now: the errors above are reported at once.
    from dlcore.cli.show.picture import picture_path, save_picture
    from dlcore.insight.activation_curves import activation_curve
    from dlcore.nn import activation_names
    from dlcore.tracking.figures.activations import VectorCurve, activation_overlay, activation_rows, activation_sheet

    curves = [activation_curve(name) for name in (activation_names() if everything else words.names)]
    path = picture_path(words.given.get("out"), "_".join(["activation", *(["all"] if everything else words.names)]))
    overlay = "overlay" in words.given
    vectors = [curve.name for curve in curves if isinstance(curve, VectorCurve)]
    if overlay and vectors:
        raise ArgumentError("--overlay", "activations of single numbers", ", ".join(vectors))
    draw = activation_overlay if overlay else activation_sheet if everything else activation_rows
    save_picture(draw(curves), path)
    by_name = {curve.name: curve for curve in curves}
    if overlay and {"Tanh", "Sigmoid"} <= {*by_name}:
        print("tanh(x) + 1 = 2 sigmoid(2x): tanh is a sigmoid, twice as steep and twice as high, moved down by 1.")
    return 0
