"""Text is cut exactly as jieba cuts it: the same words on much varied text, with any dictionary."""

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dlcore.cache import locked
from dlcore.text import word_tables
from dlcore.text.dictionary import Dictionary, quiet_jieba
from dlcore.text.documents import normalize
from dlcore.text.segmentation import FIRST_OTHER, Segmenter
from dlcore.text.word_tables import WordTables

SENTENCE = "北京冬奥的进度条已经过半,不少外国运动员在完成自己的比赛后踏上归途。"
SONG_CI = Path(__file__).parents[3] / "shared" / "corpora" / "song_ci.txt"
PIECES = [
    *"的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所",
    *("明月", "东风", "运动员", "中华人民共和国", "T恤", "AA制", "卡拉OK", "hello", "GPT-4", "3.14", "100%", "C++"),
    *(
        "，",
        "。",
        "！",
        "\n",
        "\n\n",
        " ",
        "\t",
        "\u3000",
        "🙂",
        "👨\u200d👩\u200d👧",
        "é",
        "ß",
        "한국",
        "カタカナ",
        "𠮷",
    ),
    *(
        "繁體字",
        "龍鳳",
        "憂鬱",
        "臺灣",
        "後來",
        "&",
        "+",
        "#",
        ".",
        "_",
        "%",
        "-",
        "·",
        "《",
        "》",
        "…",
        "0",
        "x",
        "Z9",
    ),
    *("\u2028", "\x1f", "a_b"),
]


@pytest.fixture(scope="session")
def jieba_cut():
    """jieba itself, by a dictionary."""
    made = {}

    def cut(text, hmm, dictionary=None):
        key = (dictionary or Dictionary()).digest
        if key not in made:
            made[key] = quiet_jieba().Tokenizer()
            made[key].FREQ, made[key].total, _ = (dictionary or Dictionary()).read()
            made[key].initialized = True
        return made[key].lcut(text, HMM=hmm)

    return cut


def varied_text(seed, length):
    chance = random.Random(seed)
    return "".join(chance.choice(PIECES) for _ in range(length))


def random_words(tables, seed, count):
    """Words of the dictionary after one another, in which others overlap."""
    nodes = np.random.default_rng(seed).choice(np.flatnonzero(tables.weights > -np.inf), count)
    return "".join(tables.text(node) for node in nodes.tolist())


def test_the_textbooks_sentence(make_segmenter):
    assert make_segmenter().cut(SENTENCE) == [
        *("北京", "冬奥", "的", "进度条", "已经", "过半", ",", "不少", "外国", "运动员", "在", "完成", "自己", "的"),
        *("比赛", "后", "踏上", "归途", "。"),
    ]


@pytest.mark.parametrize("hmm", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_varied_text(make_segmenter, jieba_cut, hmm, seed):
    text = varied_text(seed, 6000)
    assert make_segmenter(hmm=hmm).cut(text) == jieba_cut(text, hmm)


@pytest.mark.parametrize("hmm", [False, True])
def test_words_that_overlap_in_runs_of_any_length(make_segmenter, jieba_cut, jieba_tables, hmm):
    for count, between in ((300, "，"), (120, ""), (2000, "")):  # the last ones are longer than 255 characters
        texts = [random_words(jieba_tables, seed, count // 30 if between else count) for seed in range(10)]
        text = between.join(texts)
        assert make_segmenter(hmm=hmm).cut(text) == jieba_cut(text, hmm)


@pytest.mark.parametrize("hmm", [False, True])
def test_characters_by_chance(make_segmenter, jieba_cut, hmm):
    chance = random.Random(0)
    ranges = [(0x4E00, 0x9FD5), (0x20, 0x7E), (0x3000, 0x303F), (0x9FD0, 0xA000), (0x1F600, 0x1F640), (1, 0x2FFF)]
    text = "".join(chr(chance.randint(*chance.choice(ranges))) for _ in range(20000)).replace("\r\n", "\n")
    assert make_segmenter(hmm=hmm).cut(text) == jieba_cut(text, hmm)


@pytest.mark.parametrize("text", ["", "月", "\n", "\n\n", "ab", "a月", "🙂", "。。", "一" * 300, "a" * 300, "1.5%"])
def test_short_and_odd_text(make_segmenter, jieba_cut, text):
    for hmm in (False, True):
        assert make_segmenter(hmm=hmm).cut(text) == jieba_cut(text, hmm)


@pytest.mark.skipif(not SONG_CI.is_file(), reason="needs the Song lyrics in shared/corpora")
@pytest.mark.parametrize("hmm", [False, True])
def test_real_text(make_segmenter, jieba_cut, hmm):
    text = normalize(SONG_CI.read_text(encoding="utf-8"))[500_000:650_000]
    assert make_segmenter(hmm=hmm).cut(text) == jieba_cut(text, hmm)


def test_with_words_of_the_users_own(own_cache, make_segmenter, jieba_cut):
    user = "\ufeff进度条已经 5 n\n冬奥的\n\n北京冬奥 3\n运动员 0\n踏上归途。\n云计算 nz\n已经 100000000\n".encode()
    dictionary = Dictionary(user=user)
    text = SENTENCE + varied_text(5, 3000)
    for hmm in (False, True):
        made = make_segmenter(dictionary, hmm)
        assert made.cut(text) == jieba_cut(text, hmm, dictionary)
        assert made.cut("北京冬奥的") != make_segmenter(None, hmm).cut("北京冬奥的")


def test_words_of_frequency_0_are_never_joined(own_cache, make_segmenter):
    words = "他 5\n来到 5\n了 5\n网易 5\n大厦 5\n".encode()
    plain, split = Dictionary(words), Dictionary(words, "杭研 0\n".encode())
    sentence = "他来到了网易杭研大厦"
    for dictionary, expected in ((plain, ["杭研"]), (split, ["杭", "研"]), (plain, ["杭研"])):
        made = make_segmenter(dictionary, hmm=True)
        assert made.cut(sentence) == ["他", "来到", "了", "网易", *expected, "大厦"]


@pytest.mark.parametrize("hmm", [False, True])
def test_another_dictionary(own_cache, make_segmenter, jieba_cut, hmm):
    # Zeros, prefixes that are no words, a word twice, signs that are in no word.
    lines = "甲 10\n乙 10 n\n丙 10\n甲乙 10\n乙丙 10\n丁戊己庚 7\n丁 0\n己庚 3\na1 5\nb 4\n甲乙 20\n戊，己 9\n月 1\n"
    dictionary = Dictionary(lines.encode())
    chance = random.Random(1)
    text = "".join(chance.choice("甲乙丙丁戊己庚辛，a1b月") for _ in range(5000))
    made = make_segmenter(dictionary, hmm)
    assert made.cut(text) == jieba_cut(text, hmm, dictionary)
    assert made.cut("甲乙丙") == jieba_cut("甲乙丙", hmm, dictionary)


def test_of_equally_probable_ways_the_longer_word_wins(own_cache, make_segmenter, jieba_cut):
    dictionary = Dictionary("甲 10\n乙 10\n丙 10\n甲乙 10\n乙丙 10\n".encode())
    made = make_segmenter(dictionary)
    for text in ("甲乙丙", "甲乙丙" * 5, "甲乙丙" * 100):
        assert made.cut(text) == ["甲乙", "丙"] * (len(text) // 3) == jieba_cut(text, False, dictionary)


def test_raw_numbers_stand_for_the_words(make_segmenter):
    text = varied_text(7, 2000)
    for hmm in (False, True):
        made = make_segmenter(hmm=hmm)
        numbers, others = made.raw(text)
        words = [
            made.known(number) if number < made.first_other else others[number - made.first_other]
            for number in numbers.tolist()
        ]
        assert words == made.cut(text)
        assert numbers.dtype == np.uint32
        assert len(set(others)) == len(others)


def test_characters_are_cut_without_a_dictionary():
    made = Segmenter(None)
    assert made.cut("明月\n🙂") == ["明", "月", "\n", "🙂"]
    numbers, others = made.raw("明月\n🙂")
    assert (numbers.tolist(), others, made.first_other) == ([ord(sign) for sign in "明月\n🙂"], [], FIRST_OTHER)


def test_words_do_not_depend_on_what_stands_behind_a_line_break(make_segmenter):
    lines = varied_text(8, 3000).split("\n")
    made = make_segmenter()
    together = made.cut("\n".join(lines))
    apart = [word for line, after in pairwise([*lines, ""]) for word in [*made.cut(line), "\n"]]
    assert together == apart[:-1]


def test_tables_are_kept_for_the_user_alone(own_cache, monkeypatch):
    dictionary = Dictionary("甲乙 5\n丙 2\n".encode())
    first = WordTables.of(dictionary)
    (place,) = (own_cache / "words").glob(f"*-{word_tables._VERSION}")  # the lock lies beside it
    assert place.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in place.iterdir()} == {0o600}
    monkeypatch.setattr(Dictionary, "read", lambda self: pytest.fail("read again"))
    again = WordTables.of(Dictionary("甲乙 5\n丙 2\n".encode()))
    assert np.array_equal(first.weights, again.weights)
    assert first.unknown == again.unknown
    with pytest.raises(pytest.fail.Exception, match="read again"):
        WordTables.of(Dictionary("甲乙 6\n丙 2\n".encode()))


def test_tables_without_a_cache(own_cache):
    own_cache.parent.write_text("a file where the cache folder should be")
    assert Segmenter(Dictionary("甲乙 5\n丙 2\n".encode())).cut("甲乙丙") == ["甲乙", "丙"]


def test_damaged_tables_are_made_anew(own_cache):
    dictionary = Dictionary("甲乙 5\n丙 2\n".encode())
    WordTables.of(dictionary)
    (place,) = (own_cache / "words").glob(f"*-{word_tables._VERSION}")  # the lock lies beside it
    (place / "keys.npy").write_bytes(b"")
    assert Segmenter(dictionary).cut("甲乙丙") == ["甲乙", "丙"]


def test_tables_that_another_process_makes_are_waited_for(own_cache, tmp_path, monkeypatch):
    (tmp_path / "词.txt").write_text("明月 5\n东风 3\n", encoding="utf-8")
    dictionary = Dictionary.of_files(str(tmp_path / "词.txt"), None)
    made = WordTables._make(dictionary)
    place = own_cache / "words" / f"{dictionary.digest[:32]}-{word_tables._VERSION}"
    monkeypatch.setattr(WordTables, "_make", lambda dictionary: pytest.fail("made twice"))
    with ThreadPoolExecutor(1) as pool:
        with locked(place.with_name("lock")):
            waiting = pool.submit(WordTables.of, dictionary)
            time.sleep(0.2)
            place.mkdir()
            made._save(place)
        assert waiting.result(timeout=20).weights.tolist() == made.weights.tolist()


@pytest.mark.process
def test_importing_makes_no_tables_of_signs():
    program = (
        "from dlcore.text import segmentation as module\n"
        "print([name for name, value in vars(module).items() if isinstance(value, module.np.ndarray)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.strip() == "[]"
