import itertools
import math
import re

import pytest
import torch
from crossed import crossed
from scripted_networks import VOCABULARY, WORDS, CharacterTokenizer, RandomGRU, Table

from dlcore.errors import ArgumentError, CheckpointError
from dlcore.text import END, UNKNOWN, Vocabulary
from dlcore.text.constrained_decoding import ConstrainedDecoder, Progress
from dlcore.text.generation import generate_texts
from dlcore.text.sampling import Sampling
from dlcore.text.text_constraints import TextConstraints
from dlcore.text.tokenizer import read_prompt

TOKENIZER = CharacterTokenizer()


def write(network, *prompts, vocabulary=VOCABULARY, tokenizer=TOKENIZER, sampling=None, num=1, seed=0, **form):
    guide = ConstrainedDecoder(TextConstraints(**form), vocabulary)
    found = [read_prompt(text, tokenizer) for text in prompts or ("",)]
    return list(generate_texts(network, guide, found, sampling, num, seed))


def han(text):
    return len(re.findall("[\u4e00-\u9fff]", text))


@pytest.mark.parametrize("length", [1, 2, 3, 7, 50])
def test_the_length_in_characters_is_exact(length):
    texts = write(RandomGRU(), "", "明月", num=40, length=length)
    assert {len(text.generated) for text in texts} == {length}
    assert {text.text[: len(text.prompt)] for text in texts} == {"", "明月"}
    if length > 10:
        assert any("不知道" in text.pieces for text in texts)
        assert any("\n\n" in text.pieces for text in texts)


@pytest.mark.parametrize("length", [1, 2, 30])
def test_the_length_in_tokens_is_exact(length):
    texts = write(RandomGRU(), num=40, length=length, unit="tokens")
    assert {len(text.pieces) for text in texts} == {length}


def test_what_is_unknown_never_comes_even_where_it_is_all_but_certain():
    table = torch.full((len(VOCABULARY), len(VOCABULARY)), 1e-9)
    table[:, UNKNOWN] = 1.0
    for sampling in (None, Sampling(do_sample=False), Sampling(num_beams=2)):
        for text in write(Table(table), sampling=sampling, length=30):
            assert len(text.generated) == 30
            assert not {"□", "<unk>"} & set(text.pieces)


def test_a_document_ends_behind_an_empty_line_or_the_text_with_it():
    after = {END: "明", "明": "月", "月": END}
    chain = torch.full((len(VOCABULARY), len(VOCABULARY)), 1e-9)
    for word, following in after.items():
        row, column = (VOCABULARY.id(x) if isinstance(x, str) else x for x in (word, following))
        chain[row, column] = 1.0
    sampling = Sampling(do_sample=False)
    assert write(Table(chain), sampling=sampling, length=10)[0].text == "明月\n\n明月\n\n明月"
    assert write(Table(chain), sampling=sampling, length=10, stop_at_end=True)[0].text == "明月"
    in_tokens = write(Table(chain), "明", sampling=sampling, length=4, unit="tokens")[0]
    assert in_tokens.pieces == ("月", "\n\n", "明", "月")


def test_a_text_neither_begins_with_an_empty_document_nor_has_one_nor_ends_with_a_parting():
    table = torch.full((len(VOCABULARY), len(VOCABULARY)), 1e-3)
    table[:, END] = 1.0
    for length in range(1, 12):
        for text in write(Table(table), num=5, length=length):
            assert "\n\n" not in (text.pieces[0], text.pieces[-1])
            assert not {("\n\n", "\n\n"), ("\n", "\n\n")} & set(itertools.pairwise(text.pieces))


def test_the_same_seed_gives_the_same_text_whatever_the_batch():
    network, guide = RandomGRU(), ConstrainedDecoder(TextConstraints(length=40), VOCABULARY)
    prompts = [read_prompt(text, TOKENIZER) for text in ("", "明月", "春风不知道", "Ab")]

    def texts(batch_size, seed=3, num=5):
        return [text.text for text in generate_texts(network, guide, prompts, None, num, seed, batch_size)]

    assert texts(1) == texts(3) == texts(20) == texts(64)
    assert texts(64)[:2] == texts(64, num=2)[:2]
    assert texts(1) != texts(1, seed=4)
    assert len(set(texts(64))) == 20


def test_a_prompt_of_2000_characters_and_an_empty_one():
    long = "明月春风，不知道🙂" * 220
    texts = write(RandomGRU(), long, "", length=20)
    assert [text.text[:-20] for text in texts] == [long, ""]
    assert {len(text.generated) for text in texts} == {20}


def test_the_prompt_is_read_as_if_in_one_piece():
    network = RandomGRU()
    ids = torch.tensor([[END, *TOKENIZER.encode("明月春风，" * 50)]])
    expected = network(ids)[0][0, -1].log_softmax(0)
    text = write(network, "明月春风，" * 50, sampling=Sampling(do_sample=False), length=1)[0]
    assert text.log_probs[0] in [pytest.approx(value) for value in expected.tolist()]


def test_each_prompt_is_read_once_and_finished_texts_leave_the_batch():
    table = torch.full((len(VOCABULARY), len(VOCABULARY)), 1.0)
    network = Table(table)
    texts = write(network, "明", num=6, length=3)
    assert network.batches[0] == 1
    steps = [len(text.pieces) for text in texts]
    assert network.batches[1:] == [sum(length > step for length in steps) for step in range(1, max(steps))]


def test_log_probabilities_are_the_networks_own():
    table = torch.full((len(VOCABULARY), len(VOCABULARY)), 0.5 / (len(VOCABULARY) - 1))
    table[:, VOCABULARY.id("明")] = 0.5
    text = write(Table(table), sampling=Sampling(top_k=1, temperature=0.3), length=4)[0]
    assert text.text == "明明明明"
    assert text.log_probs == pytest.approx([math.log(0.5)] * 4)
    assert text.mean_log_prob == pytest.approx(math.log(0.5))
    assert text.perplexity == pytest.approx(2.0)


def test_no_ngram_comes_twice_but_where_nothing_else_is_left():
    texts = write(RandomGRU(sharpness=20), sampling=Sampling(no_repeat_ngram_size=2), length=60)
    pairs = list(zip(texts[0].pieces, texts[0].pieces[1:], strict=False))
    assert len(set(pairs)) == len(pairs)
    single = Vocabulary(["明"])
    text = write(Table(torch.ones(3, 3)), vocabulary=single, sampling=Sampling(no_repeat_ngram_size=1), length=5)[0]
    assert len(text.generated.replace("\n\n", "")) >= 1


def test_pieces_are_told_as_they_come():
    told = []
    guide = ConstrainedDecoder(TextConstraints(length=9), VOCABULARY)
    texts = generate_texts(
        RandomGRU(), guide, [read_prompt("明", TOKENIZER)], on_piece=lambda *piece: told.append(piece)
    )
    text = next(texts)
    assert told == [(0, 0, piece) for piece in text.pieces]


@pytest.mark.parametrize("sampling", [None, Sampling(num_beams=2)])
def test_a_network_that_diverged_is_an_error(sampling):
    with pytest.raises(CheckpointError, match="not finite: its training diverged"):
        write(Table(torch.full((len(VOCABULARY), len(VOCABULARY)), math.nan)), sampling=sampling)


# Lines


@pytest.mark.parametrize("sampling", [None, Sampling(do_sample=False), Sampling(num_beams=3)])
@pytest.mark.parametrize("size", [5, 7, 1])
@pytest.mark.parametrize("seed", range(5))
def test_each_line_has_its_number_of_chinese_characters(size, sampling, seed):
    for prompt in ("", "明", "Beatles", "明月，\n春"):
        text = write(RandomGRU(seed=seed), prompt, sampling=sampling, line_length=size, lines=4, seed=seed)[0]
        begun = "" if text.generated.startswith("\n") else prompt.rpartition("\n")[2]
        lines = (begun + text.generated.removeprefix("\n")).split("\n")
        assert len(lines) == 4
        for line in lines:
            assert han(line) == size
            assert re.fullmatch("[\u4e00-\u9fff]+[，。]?", line)


@pytest.mark.parametrize("length", [29, 30, 34, 35, 100, 101])
def test_lines_of_a_size_have_the_exact_length_together(length):
    for text in write(RandomGRU(), num=20, line_length=5, length=length):
        assert len(text.generated) == length
        assert {han(line) for line in text.generated.split("\n")} == {5}


def test_a_length_that_lines_cannot_have_is_refused_with_the_nearest_ones():
    with pytest.raises(
        ArgumentError, match=r"length: expected one that lines of 7 characters can make, such as 8 or 15, got 10"
    ):
        write(RandomGRU(), line_length=7, length=10)
    with pytest.raises(ArgumentError, match="after this prompt, such as 3, got 1"):
        write(RandomGRU(), "明月", line_length=5, length=1)
    with pytest.raises(ArgumentError, match="such as 7, got 4"):
        write(RandomGRU(), acrostic="春夏秋冬", length=4)


@pytest.mark.parametrize(
    ("form", "sampling", "acrostic"),
    crossed(
        [{}, {"line_length": 5}, {"line_length": 7}, {"length": 7}, {"length": 60}],
        [None, Sampling(do_sample=False), Sampling(num_beams=3)],
        ["春夏秋冬", "龘A🙂月"],
        others=pytest.mark.process,
    ),
)
def test_lines_begin_with_the_acrostic(form, sampling, acrostic):
    for prompt in ("", "明月\n", "不知道"):
        if form == {"length": 7} and prompt == "不知道":
            continue
        for seed in range(4):
            text = write(RandomGRU(seed=seed), prompt, sampling=sampling, acrostic=acrostic, seed=seed, **form)[0]
            lines = text.generated.removeprefix("\n" * (prompt == "不知道")).split("\n")
            assert "".join(line[:1] for line in lines[:4]) == acrostic
            assert all(lines[:4])
            if "length" in form:
                assert len(text.generated) == form["length"]
            else:
                assert len(lines) == 4
            if "line_length" in form:
                assert {len(re.sub("[，。]$", "", line)) for line in lines} == {form["line_length"]}


def test_a_prompt_that_begins_as_the_acrostic_does_is_its_first_line():
    lines = write(RandomGRU(), "春风", acrostic="春夏", line_length=5)[0].text.split("\n")
    assert [line[0] for line in lines] == ["春", "夏"]
    assert lines[0].startswith("春风")


def test_lines_without_a_size_are_held_to_30_characters():
    table = torch.full((len(VOCABULARY), len(VOCABULARY)), 1.0)
    table[:, VOCABULARY.id("\n")] = 1e-9
    lines = write(Table(table), lines=3)[0].text.split("\n")
    assert [len(line) for line in lines] == [30, 30, 30]


def test_greedy_lines_take_the_share_that_leaves_room_for_the_acrostic():
    table = torch.full((len(VOCABULARY), len(VOCABULARY)), 1.0)
    table[:, VOCABULARY.id("\n")] = 1e-9
    lines = write(Table(table), acrostic="春夏秋冬", length=40)[0].text.split("\n")
    assert [len(line) for line in lines] == [9, 9, 9, 10]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"length": 0}, "length: expected a whole number at least 1, got 0"),
        ({"lines": 0}, "lines"),
        ({"line_length": -1}, "line_length"),
        ({"length": 3, "lines": 3}, "lines: expected no number where length is given"),
        ({"unit": "words"}, "unit: expected characters or tokens"),
        ({"unit": "tokens", "line_length": 5}, "unit: expected characters where the lines have a form"),
        ({"stop_at_end": True, "acrostic": "春"}, "stop_at_end"),
        ({"acrostic": "春 夏"}, "acrostic: expected characters without blanks"),
        ({"acrostic": "春夏", "lines": 1}, "lines: expected at least 2"),
    ],
)
def test_a_form_that_cannot_be_is_refused(form, message):
    with pytest.raises(ArgumentError, match=message):
        TextConstraints(**form)


@pytest.mark.parametrize(
    ("words", "form", "message"),
    [
        (["明月", "春风"], {}, "unit: expected tokens, since the network knows no word of one character"),
        (["明", "月"], {"line_length": 5}, "line_length: expected nothing, since the network knows no line breaks"),
        (
            ["\n", "明月"],
            {"line_length": 5},
            "line_length: expected nothing, since the network knows no Chinese character",
        ),
        (["\n", "a", "b"], {"line_length": 5}, "line_length: expected nothing, since .* no Chinese character"),
        (["\n", "明月"], {"acrostic": "明"}, "acrostic: expected nothing, since the network knows no word of one"),
        (["\n", "明月"], {"lines": 2}, "lines: expected nothing, since the network knows no word of one character"),
    ],
)
def test_a_vocabulary_that_cannot_have_the_form_is_refused(words, form, message):
    with pytest.raises(ArgumentError, match=message):
        ConstrainedDecoder(TextConstraints(**form), Vocabulary(words))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num": 0}, "num"),
        ({"seed": -1}, "seed"),
        ({"num": 2, "sampling": Sampling(do_sample=False)}, "num: expected at most 1 where no word is drawn, got 2"),
        ({"num": 3, "sampling": Sampling(num_beams=2)}, "num: expected at most 2, the beams, got 3"),
    ],
)
def test_a_call_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        write(RandomGRU(), **arguments)


def test_the_words_of_the_test_are_as_they_are_meant():
    assert VOCABULARY.words[2:] == tuple(WORDS)


@pytest.mark.parametrize("marks", [True, False])
@pytest.mark.parametrize("acrostic", ["", "春夏"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_length_is_taken_where_some_lines_have_it_and_no_other(size, acrostic, marks):
    words = ["\n", "春", "夏", *(["，"] if marks else [])]
    guide = ConstrainedDecoder(TextConstraints(line_length=size, acrostic=acrostic, length=1000), Vocabulary(words))
    lengths = range(1, 60)
    counts = range(max(1, len(acrostic)), 60)
    possible = {lines * (size + 1) - 1 + extra for lines in counts for extra in range(lines + 1 if marks else 1)}
    assert [n for n in lengths if guide._can_be_long(Progress(), n)] == [n for n in lengths if n in possible]
