"""The baseline of texts: exact where words tell the class, chance where only their order does, and never in the way."""

import pytest

from dlcore.data import LabelledText, Table
from dlcore.insight.preflight import check_recipe
from dlcore.insight.text_baseline import text_baseline


@pytest.fixture
def texts(tmp_path):
    def write(pairs, **settings):
        path = tmp_path / "texts.csv"
        path.write_text("\n".join(["text,label", *(f"{text},{label}" for text, label in pairs)]), encoding="utf-8")
        data = LabelledText(str(path), level="char", **settings)
        data.setup("fit")
        return data

    return write


def test_words_that_tell_the_class_are_enough(texts):
    data = texts([(f"{'甲乙丙'[n % 3]}的第{n}句", "ABC"[n % 3]) for n in range(90)])
    assert text_baseline(data, "val") == text_baseline(data, "test") == 1


def test_of_the_order_of_words_it_knows_nothing(texts):
    data = texts([(("甲前乙后", "乙前甲后")[n % 2] * (1 + n // 2 % 5), "AB"[n % 2]) for n in range(200)], test_size=0.3)
    assert text_baseline(data, "test") == pytest.approx(0.5, abs=0.05)


def test_it_needs_training_texts(texts, tmp_path):
    data = texts([(f"{'甲乙'[n % 2]}{n}", "AB"[n % 2]) for n in range(40)])
    (tmp_path / "others.csv").write_text("text,label\n甲,A\n乙,B\n", encoding="utf-8")
    later = LabelledText(str(tmp_path / "others.csv"), level="char")
    later.expect(None, data.state_dict())
    later.setup("test")
    later.test_dataloader()
    assert text_baseline(later, "test") is None
    assert text_baseline(Table(builtin="moons"), "test") is None


def test_check_counts_tokens_without_padding_and_tells_the_baseline(texts, tmp_path):
    texts([(f"{'甲乙'[n % 2]}{'很' * (n % 7)}好{n}", "AB"[n % 2]) for n in range(200)])
    words = ("-c", "cnn_topics", f"--data.path={tmp_path / 'texts.csv'}", "--data.level=char", "--data.min_freq=3")
    report = check_recipe(*words, "--model.embedding_dim=8", "--model.hidden_size=8", "--trainer.accelerator=cpu")
    assert report["labels"].numbers["baseline"] > 0.9
    assert any("TF-IDF and logistic regression" in finding.seen for finding in report["labels"].findings)
    assert report["inputs"].numbers["unknown"] < 0.1
    assert report["inputs"].numbers["tokens"] < 200 * 8
    assert report["overlap"].numbers["share"] == 0
