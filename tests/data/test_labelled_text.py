"""Labelled texts: tables and folders in any form are read right or refused, and nothing is lost in silence."""

import itertools

import pytest
import torch
from labelled_rows import BAD, GOOD, csv_of, read, rows, texts_of

from dlcore.data import LabelledText
from dlcore.data.splits import cut_groups
from dlcore.data.texts.words import cut_texts, words_of
from dlcore.data.topics import topic_sentences
from dlcore.errors import ArgumentError, DataError, UnknownNameError
from dlcore.text import END, UNKNOWN, Tokenizer
from dlcore.text.dictionary import Dictionary
from dlcore.text.segmentation import Segmenter

# Forms of files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_a_table_is_read_in_any_form(table, encoding, separator):
    lines = [line.replace(",", separator) for line in csv_of(rows())]
    data = read(table(lines, encoding=encoding))
    facts = data.facts()
    assert facts["class_names"] == ["好评", "差评"]
    assert (facts["num_classes"], facts["tasks"]) == (2, ["multiclass"])
    assert sorted(texts_of(data, "train") + texts_of(data, "val") + texts_of(data, "test")) == sorted(
        t for t, _ in rows()
    )


def test_columns_are_found_by_place_in_a_file_without_names(table):
    path = table([f"{label}\t{text}" for text, label in rows()], "news.txt")
    data = read(path, text=1, label=0, header=False)
    assert len(data.parts["train"].inputs) == 20
    with pytest.raises(ArgumentError, match="header: expected true or false, where text and label are places"):
        read(path, text=1, label=0)


def test_a_quotation_mark_that_swallows_rows_is_refused(table):
    lines = [f"{label}\t{text}" for text, label in rows()]
    lines[3], lines[8] = lines[3].replace("\t", '\t"'), lines[8] + '"'
    with pytest.raises(DataError, match=r"expected one text in row 4, got several lines with a tab in them"):
        read(table(lines, "news.tsv"), text=1, label=0, header=False)


def test_another_encoding_is_named_or_given(table):
    path = table(csv_of(rows()), encoding="utf-16")
    with pytest.raises(DataError, match=r"--data\.encoding utf-16"):
        read(path)
    assert read(path, encoding="utf-16").facts()["class_names"] == ["好评", "差评"]


def test_a_spreadsheet_is_read_or_the_way_to_read_it_is_told(tmp_path):
    path = tmp_path / "评论.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"Save it as CSV \(UTF-8\)"):
        read(str(path))


def test_words_like_null_are_texts(table):
    data = read(table(csv_of([("null", "好评"), ("?", "差评"), *rows()])))
    everything = {text for part in data.parts for text in texts_of(data, part)}
    assert {"null", "?"} <= everything


@pytest.fixture
def folder(tmp_path):
    """Write a folder of class folders; give its path."""

    def write(*above):
        for part, (number, (text, label)) in itertools.product(above or ("",), enumerate(rows())):
            place = tmp_path / "texts" / part / label
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}.txt").write_bytes(f"{text}{part}\n".encode("gb18030" if number % 3 else "utf-8"))
        return tmp_path / "texts"

    return write


def test_a_folder_of_class_folders_is_read(folder, capsys):
    top = folder()
    (top / "readme.txt").write_text("not of a class")
    data = read(root=str(top))
    assert data.facts()["class_names"] == ["好评", "差评"]
    assert sum(len(part) for part in data.parts.values()) == 20
    assert texts_of(data, "train")[0].startswith("好评/")
    assert "1 files outside the class folders are not read, such as readme.txt" in capsys.readouterr().out


def test_folders_train_and_test_are_parts(folder):
    data = read(root=str(folder("train", "test")))
    assert all(name.startswith("test/") for name in texts_of(data, "test"))
    assert all(name.startswith("train/") for name in texts_of(data, "train") + texts_of(data, "val"))
    assert {name: len(part) for name, part in data.parts.items()} == {"train": 17, "val": 3, "test": 20}


def test_a_folder_without_classes_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(DataError, match="expected a folder for each of at least two classes"):
        read(root=str(tmp_path))


# Splits


def test_classes_keep_their_shares(table):
    pairs = [(f"{GOOD}{n}", "好评") for n in range(80)] + [(f"{BAD}{n}", "差评") for n in range(20)]
    data = read(table(csv_of(pairs)), val_size=0.2, test_size=0.2)
    for name, (good, bad) in {"train": (48, 12), "val": (16, 4), "test": (16, 4)}.items():
        split = data.parts[name]
        assert torch.bincount(split.targets[split.indices]).tolist() == [good, bad]


def test_no_template_is_in_two_parts_and_each_topic_is_in_all():
    template = {each.text: each.template for each in topic_sentences()}
    data = read(builtin="topics")
    groups = {name: {template[text] for text in texts_of(data, name)} for name in data.parts}
    assert all(not groups[one] & groups[other] for one, other in itertools.combinations(groups, 2))
    for split in data.parts.values():
        assert len(split.targets[split.indices].unique()) == 7
    assert sum(map(len, data.parts.values())) == len(template)
    assert 0.1 < len(data.parts["test"]) / len(template) < 0.2


def test_groups_too_few_to_hold_any_out_are_refused():
    sizes = {"test_size": 0.9, "val_size": 0.1}
    with pytest.raises(ArgumentError, match="test_size: expected so few"):
        cut_groups(torch.tensor([0, 0, 1, 1]).numpy(), torch.tensor([0, 0, 1, 1]).numpy(), sizes, 0)


def test_topics_are_many_sentences_of_each_topic_each_once():
    sentences = topic_sentences()
    assert len({each.text for each in sentences}) == len(sentences)
    counts = {topic: sum(each.topic == topic for each in sentences) for topic in {each.topic for each in sentences}}
    assert set(counts) == {"体育", "财经", "科技", "美食", "旅游", "健康", "教育"}
    assert min(counts.values()) > 200
    assert not any(sign in each.text for each in sentences for sign in "{}")


def test_files_of_their_own_validate_and_test(table):
    path, other = table(csv_of(rows())), table(csv_of(rows(6)), "其他.csv")
    data = read(path, val_path=other, test_path=other)
    assert {name: len(part) for name, part in data.parts.items()} == {"train": 20, "val": 6, "test": 6}
    with pytest.raises(DataError, match="expected labels of the training"):
        read(path, val_path=table(csv_of([("一般", "中评")]), "中.csv"))


def test_groups_are_of_a_table_and_stay_together(table):
    path = table(
        csv_of([(f"{text},{number // 4}", label) for number, (text, label) in enumerate(rows(40))], "评论,人,情感")
    )
    data = read(path, group="人", val_size=0.2, test_size=0.2)
    people = [{int(text[text.index("第") + 1 : -1]) // 4 for text in texts_of(data, part)} for part in data.parts]
    assert sum(map(len, people)) == len(set.union(*people)) == 10
    for settings in ({"root": "文"}, {"builtin": "topics"}):
        with pytest.raises(ArgumentError, match="group: expected nothing without a table of texts"):
            LabelledText(group="人", **settings)


# Words


def test_the_vocabulary_is_that_of_the_training_texts(table):
    data = read(
        table(csv_of([(f"{text}{chr(0x5000 + n)}", label) for n, (text, label) in enumerate(rows(40))])), min_freq=1
    )
    known = set("".join(texts_of(data, "train")))
    words = data.tokenizer.vocabulary.words[2:]
    assert set(words) <= known
    split = data.parts["test"]
    assert (split.inputs[split.indices] == UNKNOWN).any()
    assert (data.parts["train"].inputs[data.parts["train"].indices] != UNKNOWN).all()


@pytest.mark.parametrize("level", ["word", "char"])
def test_rows_are_the_words_of_each_text(table, level, word_tables, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(word_tables))
    pairs = [("我 爱\u3000北京　天安门 ABC", "a"), *rows()]
    data = read(table(csv_of(pairs)), level=level, min_freq=1)
    split, vocabulary = data.parts["train"], data.tokenizer.vocabulary
    assert split.inputs.dtype == torch.int16
    for index in split.indices.tolist():
        ids = [vocabulary.id(word) for word in words_of(split.names[index], data.tokenizer)]
        assert split.inputs[index].tolist() == ids + [END] * (split.inputs.shape[1] - len(ids))


def test_blanks_are_no_words():
    cut = cut_texts(["好 的", "", "  ", "a\n b"], Segmenter(None))
    assert cut.lengths.tolist() == [2, 0, 0, 2]
    tokenizer = Tokenizer(cut.vocabulary(cut.lengths > 0, 1, None), Segmenter(None))
    assert words_of("好 的\u3000a", tokenizer) == ["好", "的", "a"]


def test_rare_words_are_unknown_and_long_texts_are_cut_off_and_it_is_said(table, capsys):
    data = read(table(csv_of(rows())), max_length=5, max_words=3)
    assert data.facts()["vocab_size"] == 5
    assert data.parts["train"].inputs.shape[1] == 5
    assert "20 of 20 texts (100.0%) are longer than max_length, 5, and cut off" in capsys.readouterr().out


def test_user_words_are_not_cut(tmp_path, word_tables, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(word_tables))
    (tmp_path / "words.txt").write_text("绝地反击战\n", encoding="utf-8")
    segmenter = Segmenter(Dictionary.of_files(None, str(tmp_path / "words.txt")))
    assert "绝地反击战" in cut_texts(["这是一场绝地反击战"], segmenter).words


# What is said and refused


def test_what_was_read_is_said(table, capsys):
    path = table(csv_of([*rows(), ("只有一条", "中评"), *rows(2), (rows()[0][0], "差评")]))
    read(path)
    said = capsys.readouterr().out
    assert "24 texts" in said
    assert "vocabulary" in said
    assert "unknown" in said
    assert "at most one training text of 中评" in said
    assert "1 texts occur with different labels" in said


def test_copies_in_the_held_out_part_are_counted(table, capsys):
    read(table(csv_of(rows(4) * 10)), val_size=0.5, test_size=0)
    assert "20 of 20 val texts are also training texts" in capsys.readouterr().out


def test_gaps_are_refused_or_left_out_as_told(table):
    path = table(csv_of([*rows(), ("", "好评"), ("没有标签", "")]))
    with pytest.raises(DataError, match=r"expected a text in each row, got none in row 21 .*--data.missing drop"):
        read(path)
    data = read(path, missing="drop")
    assert sum(len(part) for part in data.parts.values()) == 20


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"text": "评沦"}, UnknownNameError, r"There are: 评论, 情感\. Choose one: --data\.text 评论"),
        ({"label": 7}, ArgumentError, "label: expected a place from -2 to 1"),
        ({"label": "评论"}, DataError, "expected a few classes, with several texts each, got 20 different labels"),
        ({"level": "line"}, ArgumentError, "level: expected word or char"),
        ({"min_freq": 0}, ArgumentError, "min_freq: expected a whole number at least 1"),
        ({"user_dict": "x.txt"}, ArgumentError, "user_dict: expected nothing where level is char"),
        ({"val_size": 50}, ArgumentError, "val_size: expected at most"),
        ({"builtin": "topic"}, UnknownNameError, "Did you mean 'topics'"),
    ],
)
def test_wrong_settings_are_answered_in_words(table, settings, error, message):
    with pytest.raises(error, match=message):
        read(table(csv_of(rows())), **settings)


def test_a_single_class_and_missing_files_are_answered_in_words(table, tmp_path):
    with pytest.raises(DataError, match="got only '好评': there is nothing to learn"):
        read(table(csv_of([(text, "好评") for text, _ in rows()])))
    with pytest.raises(ArgumentError, match="path: expected a CSV or TSV file or a spreadsheet, got"):
        read("gone.csv")
    with pytest.raises(ArgumentError, match=r"That is a folder: --data\.root"):
        read(str(tmp_path))
    with pytest.raises(ArgumentError, match="path: expected a CSV file with a column of texts"):
        LabelledText()
