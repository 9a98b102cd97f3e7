"""``export``: a trained model as a file that other programs run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.cli.terminal import new_table, one_line_warnings, open_console, print_columns, short_path
from dlcore.config.recipe import find_recipe, recipe_name
from dlcore.config.request import Flag, Request, check_files
from dlcore.plain_text import shell_word
from dlcore.translation import _

if TYPE_CHECKING:
    from dlcore.export import Export

SUBJECT = Subject(
    "export",
    "Write a trained model as a file that runs without dlcore: ONNX, torch.export or safetensors.",
    "[-c RECIPE] [--flag VALUE ...]",
    "Scaling, normalisation, the columns of a table, words and class names go into the file. It is kept only if its "
    "answers on test samples agree with those of predict, to 1e-5. A script beside it shows how to use it.",
    (
        Option("ckpt_path", "best|last|FILE", "The checkpoint; left out: the best of the newest run (of -c RECIPE)."),
        Option("format", "onnx", "onnx; torch (torch.export, a .pt2 file); safetensors (the weights alone)."),
        Option("int8", "", "A second ONNX file with weights of 8 bits, a quarter as large; says what it costs."),
        Option("out", "FOLDER", "Folder for the files; left out: export/ in the run's folder."),
    ),
    ("export", "export -c cnn_images --int8", "export --ckpt_path last --format torch --out model/"),
)
_NAMED = 4  # classes


def run(argv: list[str]) -> int:
    """Export a checkpoint."""
    words = read_words(SUBJECT, argv)
    wanted = words.given.get("ckpt_path") or "best"
    check_files(Request("export", flags=[Flag("ckpt_path", wanted)]))
    name = recipe_name(find_recipe(words.recipes[-1])) if words.recipes else None
    flags = words.recipe[2 * len(words.recipes) :]
    one_line_warnings()
    from dlcore.export import export_model

    made = export_model(
        wanted, words.given.get("format") or "onnx", "int8" in words.given, words.given.get("out"), name, flags
    )
    _print(made)
    return 0


def _print(made: Export) -> None:
    console, exported, about = open_console(), made.exported, made.exported.about
    rows = [
        (_("exported"), ", ".join(path.name for path in made.files)),
        (_("folder"), short_path(made.path.parent)),
        (_("from"), _("{file}, step {step:,}").format(file=short_path(exported.path), step=about["step"])),
    ]
    if made.path.suffix != ".safetensors":
        rows += [(_("inputs"), _inputs(made)), (_("answers"), _answers(made))]
    if exported.writes_text:
        checked = _("writes the same {n} words as torch").format(n=made.compared)
    else:
        what = _("random samples, since the test samples are not here") if exported.random else _("test samples")
        checked = _("{n:,} {what}: answers differ from predict's by at most {difference:.1g}").format(
            n=made.compared, what=what, difference=made.difference
        )
    rows.append((_("checked"), checked))
    print_columns(console, rows, column=12, indent=0)
    if len(made.speeds) > 1:
        console.print(_table(made))
    script = next(path.name for path in made.files if path.suffix == ".py")
    arguments = {"classify_pictures.py": "photo.jpg", "predict_rows.py": "rows.csv", "write_text.py": "明月"}
    argument = _("'a text of your own'") if script == "classify_texts.py" else arguments.get(script, "")
    line = f"cd {shell_word(short_path(made.path.parent))} && python {script} {made.path.name} {argument}".rstrip()
    console.print(_("To use it: {command}").format(command=line), soft_wrap=True)  # it is copied


def _inputs(made: Export) -> str:
    """Return what the network takes, in words."""
    about = made.exported.about
    if about["kind"] == "picture":
        height, width = about["size"]
        return _("pixels 0 to 255, uint8, (N, {channels}, {height}, {width}); scaling is inside").format(
            channels=about["channels"], height=height, width=width
        )
    if about["kind"] == "table":
        return _("rows, float64, (N, {n}): the file's numbers; standardisation is inside").format(
            n=len(about["columns"])
        )
    if about["kind"] == "text":
        return _("token ids, int64, (N, T); the words are inside")
    if about["kind"] == "text model":
        return _("one token id of each text, int64, (N,), and the state; the words are inside")
    kind, *shape = about["input"]
    return f"{kind}, (N, {', '.join(map(str, shape))})"


def _answers(made: Export) -> str:
    about = made.exported.about
    if made.exported.writes_text:
        return _("scores of the next word, (N, {n:,}), and the state after it").format(n=len(about["words"]))
    classes = about.get("classes")
    if not classes:
        return _("numbers") if about.get("task") == "regression" else _("what forward() returns")
    shown = ", ".join(classes[:_NAMED]) + ", …" * (len(classes) > _NAMED)
    return _("probabilities, (N, {n}): {classes}").format(n=len(classes), classes=shown)


def _table(made: Export) -> object:
    heads = ["", _(">size"), _(">one sample"), _(">256 at once")]
    table = new_table(*heads, *([f">{made.score}"] if made.score else []))
    for speed in made.speeds:
        score = [] if not made.score else ["–" if speed.score is None else f"{speed.score:.4f}"]
        size = f"{speed.size / 1e6:.2f} MB" if speed.size >= 1e5 else f"{speed.size / 1e3:.0f} kB"
        latency = f"{speed.latency * 1e3:.2f} ms"
        table.add_row(speed.name, size, latency, _("{n:,.0f} a second").format(n=speed.throughput), *score)
    return table
