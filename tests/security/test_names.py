"""Names that data bring along (of classes, files, columns, runs) stay names, wherever they are shown or kept."""

import csv
import io
import re
import sys
from pathlib import Path

import pytest
from forked_command import command, fork_workers
from PIL import Image

from dlcore.cli.main import main
from dlcore.cli.terminal import PlainConsole
from dlcore.config.recipe import recipe_name
from dlcore.plain_text import csv_cell, file_name, printable
from dlcore.studies.study import folder_name
from dlcore.tracking import confusion_matrix
from dlcore.tracking.run_page import escaped

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no files of such names")
ONE = ("--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--parameter_distribution=off")
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
CLEAR = "\x1b[2J\x1b[H"  # clears a terminal, and goes to its corner

NAMES = [
    *("..", ".", "../../etc", "/etc/passwd", "a/b", "a\\b", "x\0y", "a\nb", CLEAR, "", "   ", "CON", "nul.txt", "a."),
    *("b" * 400, "网" * 400, "\u202egnp"),
]
SEEN = "a tame name in lightning_logs"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.fault(f"a run is to be called {name[:20]!r}", SEEN))
        for name in NAMES
    ],
)  # fmt: skip
def test_no_name_leads_out_of_its_folder(name, tmp_path):
    for tame in (file_name(name), folder_name(name)):
        folder = tmp_path / "runs" / tame
        folder.mkdir(parents=True)
        assert folder.resolve().parent == tmp_path / "runs"
        assert len(tame.encode()) <= 151
        assert not STEERS.search(tame)
        assert tame.upper().partition(".")[0] not in ("CON", "NUL")
        folder.rmdir()


@pytest.mark.parametrize("name", ["mlp_textbook", "网络 2", "a-b=c+d", "v1.2", "Übung"])
def test_ordinary_names_stay_as_they_are(name):
    assert file_name(name) == name


@pytest.mark.fault("a recipe's file is called ...yaml", "its runs lie in lightning_logs/run")
def test_a_recipe_whose_name_is_a_way_up(workplace, small):
    (workplace / "...yaml").write_text(
        "model: MLP\ndata:\n  class_path: FashionMNIST\n  init_args: {offline_sample: true}\n"
    )
    assert recipe_name(workplace / "...yaml") == "run"
    assert recipe_name(f"x/{CLEAR}.yaml") == "_[2J_[H"
    assert main(["fit", "-c", "...yaml", *small, *ONE]) == 0
    assert (workplace / "lightning_logs" / "run" / "version_0" / "config.yaml").is_file()
    assert not (workplace / "version_0").exists()


# A folder of pictures whose classes and files have hostile names

CLASSES = (f"{CLEAR}rm -rf", "<script>alert(1)</script>", "=HYPERLINK(1)", "$\\frac{$ `|*x*`")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    top = tmp_path_factory.mktemp("photos")
    for number, name in enumerate(CLASSES):
        # A class's name is that of a folder: no slash can be in it.
        folder = top / name.replace("/", "")
        folder.mkdir()
        for picture in range(12):
            Image.new("RGB", (16, 16), (60 * number, 20 * picture, 0)).save(folder / f"={CLEAR}<b>{picture}.png")
    return top


@pytest.fixture
def trained(photos, workplace, capsys):
    """The folder of a run on them, and all that was printed."""
    flags = (f"--data.root={photos}", "--data.size=16", "--data.batch_size=8", "--data.val_size=0.25", *ONE)
    code = main(["fit", "--model=CNN", "--data=ImageFolder", *flags, "--model.channels=[4]"])
    assert code == 0, capsys.readouterr()
    assert main(["test", "--ckpt_path=last"]) == 0
    assert main(["predict", "--ckpt_path=last"]) == 0
    said = capsys.readouterr()
    return workplace / "lightning_logs" / "mlp_fashion_mnist" / "version_0", said.out + said.err


@pytest.mark.figures
@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.fault(
    "classes and pictures called <script>…, =HYPERLINK(…), \\x1b[2J…, $\\frac{$",
    "the names, to the letter; nothing is steered, run or computed",
)
def test_hostile_names_of_classes_and_files(trained):
    folder, said = trained
    assert not STEERS.search(said)
    path = folder / "predictions.csv"
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))
    assert len(rows) > 1
    cells = {cell for row in rows for cell in row}
    assert not [cell for cell in cells if cell.startswith(("=", "@"))]
    assert "<script>" not in (folder / "summary.md").read_text("utf-8").replace("\\<script", "")
    for name in ("summary.md", "config.yaml", "events.jsonl", "predictions.csv", "test.json"):
        assert not STEERS.search((folder / name).read_text("utf-8")), name


@pytest.mark.process
@pytest.mark.fault("a damaged picture called \\x1b[2J….png", "the name, spelled out: \\x1b[2J")
def test_an_error_spells_out_what_would_steer_the_terminal(refused, workplace):
    (workplace / "photos" / "a").mkdir(parents=True)
    (workplace / "photos" / "b").mkdir(parents=True)
    for number in range(24):
        Image.new("RGB", (16, 16), (9 * number, 0, 0)).save(workplace / "photos" / "ab"[number % 2] / f"{number}.png")
    (workplace / "photos" / "a" / f"{CLEAR}.png").write_bytes(b"no picture")
    said = refused("fit", "-c", "cnn_images", "--data.root=photos", "--data.size=16", *ONE)
    assert "\\x1b[2J\\x1b[H.png" in said
    assert not STEERS.search(said)


@pytest.mark.fault("a column of a table called \\x1b[2J…", "the name, spelled out")
def test_names_of_columns(workplace, capsys):
    rows = "".join(f"{n % 7},{n % 3},{n % 2}\n" for n in range(60))
    Path("rows.csv").write_text(f"{CLEAR}a,=b,<script>y\n{rows}")
    words = ["-c", "mlp_table_binary", "--data.path=rows.csv", "--data.target=<script>y"]
    main(["fit", *words, *ONE])
    main(["show", "data", *words])
    main(["check", *words])
    said = capsys.readouterr()
    assert "a" in said.out
    assert not STEERS.search(said.out + said.err)


def test_a_console_shows_text_and_keeps_its_own_colours(capsys):
    console = PlainConsole()
    console.print(f"a{CLEAR}b\u202ec")
    assert capsys.readouterr().out == "a\\x1b[2J\\x1b[Hb\\u202ec\n"
    assert printable("明月\n\tok é") == "明月\n\tok é"


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd|x", "@SUM(A1)", "\t=1"])
def test_a_cell_is_no_formula(text):
    assert csv_cell(text) == f"'{text}"


def test_a_cell_steers_no_terminal():
    assert csv_cell("\r=1") == "\\r=1"
    assert csv_cell(f"a{CLEAR}") == "a\\x1b[2J\\x1b[H"


@pytest.mark.parametrize("text", ["-1.5", "+2e-3", "a=b", "", "明月", "-inf", "3"])
def test_numbers_and_ordinary_cells_stay_as_they_are(text):
    assert csv_cell(text) == text


def test_names_in_pictures_are_no_mathematics(tmp_path):
    import numpy as np

    confusion_matrix(np.eye(3), ["$\\frac{$", "<b>$x$", "a$b"]).savefig(tmp_path / "matrix.png")
    assert (tmp_path / "matrix.png").stat().st_size > 1000


def test_markdown_shows_names_to_the_letter():
    assert escaped("<script>alert(1)</script>") == "\\<script\\>alert(1)\\</script\\>"
    assert "\n" not in escaped("a\n# b\n\n<img src=x>")


@pytest.mark.process
@pytest.mark.fault(
    "a study whose title, variants and claims hold HTML", "the text, to the letter, in report.html and results.csv"
)
def test_a_report_shows_text_and_no_html(tmp_path):
    bad = "<script>alert(1)</script>"
    work = tmp_path / "work"
    work.mkdir()
    (work / "evil.yaml").write_text(
        f"title: {bad}\nabout: {bad}\nrecipe: mlp_table_binary\n"
        "settings: {trainer.max_epochs: 1, trainer.accelerator: cpu, early_stopping: null}\n"
        f"variants:\n  '{bad}': {{data.batch_size: 64}}\n  '=1+1': {{data.batch_size: 32}}\n"
        f"claims:\n- says: {bad}\n  holds: accuracy('=1+1') > 2\n  textbook: {bad}\n  why_not: {bad}\n"
    )
    command(work, "study", "evil.yaml", "--jobs=1", before=(fork_workers,)).check(0)
    (report,) = work.rglob("report.html")
    page = report.read_text("utf-8")
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    (table,) = work.rglob("results.csv")
    assert "\n'=1+1," in table.read_text("utf-8")
