"""Commands on labelled texts: from a table to a trained classifier, its test, and answers for new texts."""

import csv

import pytest

from dlcore.cli.main import main
from dlcore.errors import ArgumentError, CheckpointError
from dlcore.runs import fit
from dlcore.runs.text_classification import classify, load_text_classifier

SMALL = (
    *("--data.level=char", "--data.min_freq=1", "--model.embedding_dim=16", "--model.hidden_size=16"),
    *("--model.optimizer.lr=0.02", "--model.word_dropout=0", "--model.embedding_dropout=0", "--model.dropout=0"),
    *("--trainer.accelerator=cpu", "--progress_display=off", "--early_stopping=off"),
)
COLUMNS = ("--data.path=评论.csv", "--data.text=评论", "--data.label=情感")


def read(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture
def reviews(workplace):
    """A table of reviews: 好 and 坏, of which the one that 不 precedes does not count."""
    pairs = [
        (f"{'房间餐厅服务早餐'[n % 4 * 2 : n % 4 * 2 + 2]}{text}", label)
        for n in range(40)
        for text, label in (("不好只有坏", "差"), ("不坏只有好", "佳"), ("坏而不好", "差"), ("好而不坏", "佳"))
    ]
    with (workplace / "评论.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("评论", "情感"), *((f"{text}{n}", label) for n, (text, label) in enumerate(pairs))]
        )
    return workplace


@pytest.mark.outcome
@pytest.mark.parametrize("recipe", ["rnn_topics", pytest.param("cnn_topics", marks=pytest.mark.matrix)])
def test_from_a_table_to_answers_for_new_texts(recipe, reviews, capsys):
    run = fit("-c", recipe, *COLUMNS, *SMALL, "--trainer.max_epochs=12")
    assert {"val/accuracy", "val/f1", "train/accuracy"} <= set(run.metrics)
    assert run.metrics["val/accuracy"] > 0.8
    (reviews / "新.csv").write_text("评论\n早餐好而不坏\n服务不好只有坏\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["test", "--ckpt_path=best"]) == 0
    assert "TF-IDF and logistic regression: " in capsys.readouterr().out
    assert main(["predict", "--ckpt_path=best", "--data.path=新.csv"]) == 0
    answers = read(run.folder / "predictions_新.csv")
    assert [answer["predicted"] for answer in answers] == ["佳", "差"]
    assert [answer["text"] for answer in answers] == ["早餐好而不坏", "服务不好只有坏"]
    (reviews / "评论.csv").unlink()
    assert main(["predict", "--text", "早餐好而不坏龘", "--text=服务不好只有坏"]) == 0
    said = capsys.readouterr().out
    assert "龘" in said
    assert "for it" in said
    rows = read(run.folder / "predictions_text.csv")
    assert [row["predicted"] for row in rows] == ["佳", "差"]
    assert float(rows[0]["probability of 佳"]) > 0.5


def test_each_word_is_left_out_to_see_what_it_contributes(reviews):
    fit("-c", "rnn_topics", *COLUMNS, *SMALL, "--trainer.max_epochs=1")
    loaded = load_text_classifier("best")
    whole, without = classify(["服务不好只有坏", "服务好只有坏"], loaded)
    assert whole.words == list("服务不好只有坏")
    best = next(iter(whole.probabilities))
    fall = (whole.probabilities[best], without.probabilities[best])
    assert fall[0] / fall[1] == pytest.approx(2.718281828 ** whole.contributions[2], rel=1e-6)
    assert sum(whole.probabilities.values()) == pytest.approx(1)
    assert len(classify("好", loaded)[0].contributions) == 1
    assert classify("好" * 300, loaded)[0].cut_off == 100
    with pytest.raises(ArgumentError, match="text: expected a text with at least one word"):
        classify("  \u3000", loaded)


def test_texts_of_a_file_are_classified(reviews, capsys):
    run = fit("-c", "cnn_topics", *COLUMNS, *SMALL, "--trainer.max_epochs=1")
    (reviews / "文.txt").write_bytes("好而不坏\r\n\r\n坏而不好\r\n".encode("gb18030"))
    assert main(["predict", "--ckpt_path=best", "--texts_file=文.txt"]) == 0
    assert [row["text"] for row in read(run.folder / "predictions_text_文.csv")] == ["好而不坏", "坏而不好"]
    for words, message in (
        (["--text="], "--text: expected a text behind it, got nothing"),
        (["--text", "好", "坏"], "--text: expected one text behind it, and no other words, got '坏'"),
        (["--texts_file=gone.txt"], "--texts_file: expected a text file with a text a line, got 'gone.txt'"),
        (["--text=好", "--data.level=word"], "--data.level: expected --ckpt_path alone beside --text, got 'word'"),
    ):
        assert main(["predict", "--ckpt_path=best", *words]) == 2
        assert message in capsys.readouterr().err


def test_other_models_classify_no_texts(reviews, text_run):
    with pytest.raises(CheckpointError, match=r"expected a checkpoint of a text classifier in .* Train one first"):
        load_text_classifier("best")
    with pytest.raises(CheckpointError, match="expected a text classifier's checkpoint, got one of TextRNN"):
        load_text_classifier(text_run)
