"""Which files a corpus has, and how they are encoded; bad ones are named with the place of the fault."""

import os

import pytest

from dlcore.errors import ArgumentError, DataError
from dlcore.text.corpus import Corpus
from dlcore.text.corpus_files import each_once, look_through, named_files, open_text

POEM = "静夜思\n床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。\n"


def find_files(root):
    return each_once(named_files(root))


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_folder_is_searched_in_natural_order(write, tmp_path):
    for name in (
        "诗/10.txt",
        "诗/9.txt",
        "诗/1/卷2.TXT",
        "诗/1/卷10.txt",
        "诗/.hidden.txt",
        "诗/picture.png",
        "诗/a.text",
        "诗/README.md",
    ):
        write(name, POEM)
    (tmp_path / "诗" / "circle").symlink_to(tmp_path / "诗", target_is_directory=True)
    found = [str(path.relative_to(tmp_path / "诗")) for path in find_files(str(tmp_path / "诗"))]
    assert found == ["1/卷2.TXT", "1/卷10.txt", "9.txt", "10.txt", "a.text"]


def test_a_file_a_pattern_and_a_list(write, tmp_path):
    one, two, other = write("1.txt", POEM), write("2.txt", POEM), write("novel", POEM)
    assert find_files(str(other)) == [other]
    assert find_files(str(tmp_path / "*.txt")) == [one, two]
    assert find_files([str(other), str(tmp_path / "?.txt")]) == [other, one, two]


@pytest.mark.parametrize("root", ["absent.txt", "absent/*.txt", "", []])
def test_what_is_not_there_is_named(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ArgumentError, DataError), match=r"root: expected|expected text files"):
        find_files(root)


def test_a_folder_without_text(write, tmp_path):
    write("pictures/a.png", b"\x89PNG")
    with pytest.raises(DataError, match=r"pictures: expected text files \(\.txt, \.text\) in the folder, got none"):
        find_files(str(tmp_path / "pictures"))


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (POEM.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + POEM.encode(), "utf-8"),
        (POEM.encode("gb18030"), "gb18030"),
        ("𠮷野家，龘，€".encode("gb18030"), "gb18030"),
        ("联通".encode("gb18030") + b"\n" + POEM.encode("gb18030"), "gb18030"),  # the famous word that looks like UTF-8
        (b"plain ASCII\n", "utf-8"),
        (("明月" * 300_000).encode("gb18030"), "gb18030"),  # more than a block
        (("明月a" * 300_000).encode(), "utf-8"),
    ],
)
def test_encodings_are_found(write, content, encoding):
    assert look_through(write("a.txt", content)).encoding == encoding


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (POEM.encode() + b"\xff" + POEM.encode(), len(POEM.encode())),
        (POEM.encode()[:-2] + b"\n" + POEM.encode() * 3, len(POEM.encode()) - 4),
        (("明月" * 200_000).encode() + b"\xff\n", 1_200_000),
        (("月" * 100).encode()[:-1], 297),
    ],
)
def test_damaged_utf_8_is_an_error_with_its_place(write, content, place):
    with pytest.raises(DataError, match=rf"坏\.txt: expected UTF-8, got other bytes, at byte {place:,}\."):
        look_through(write("坏.txt", content))


def test_what_is_neither(write):
    content = POEM.encode("gb18030") * 3 + b"\xff\xff"
    place = len(content) - 2
    with pytest.raises(DataError, match=rf"expected UTF-8 or GB18030, got .* not GB18030 at byte {place:,}"):
        look_through(write("a.txt", content))


def test_binary_files_are_refused(write):
    with pytest.raises(DataError, match="expected text, got a NUL byte at byte 3"):
        look_through(write("a.txt", b"abc\0def"))
    with pytest.raises(DataError, match=r"expected UTF-8 or GB18030, got UTF-16\. Save it as UTF-8"):
        look_through(write("b.txt", POEM.encode("utf-16")))
    with pytest.raises(DataError, match="got a NUL byte at byte 1,400,000"):
        look_through(write("c.txt", b"ab\n " * 350_000 + b"\0"))


def test_empty_files(write, own_cache):
    empty, full = write("empty.txt", b""), write("full.txt", POEM)
    with pytest.raises(DataError, match=r"empty\.txt: expected text, got an empty file"):
        Corpus.find(str(empty))
    assert [file.path for file in Corpus.find([str(empty), str(full)]).files] == [full]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
@pytest.mark.fault(
    "A text may not be read",
    "“FILE: cannot be read (Permission denied).”",
)
def test_a_file_that_may_not_be_read(write):
    path = write("a.txt", POEM)
    path.chmod(0)
    with pytest.raises(DataError, match="cannot be read"):
        look_through(path)


def test_files_that_have_not_changed_are_not_read_again(write, own_cache, monkeypatch):
    path = write("a.txt", POEM)
    first = Corpus.find(str(path))
    monkeypatch.setattr("dlcore.text.corpus.look_through", lambda *_: pytest.fail("read again"))
    assert Corpus.find(str(path)) == first
    path.write_text(POEM + "完")
    with pytest.raises(pytest.fail.Exception, match="read again"):
        Corpus.find(str(path))


def test_the_digest_is_that_of_the_content(write, own_cache):
    one = Corpus.find(str(write("a.txt", POEM))).digest
    assert Corpus.find(str(write("b.txt", POEM))).digest == one
    assert Corpus.find(str(write("a.txt", POEM + "完"))).digest != one


def test_a_file_counts_once_whatever_its_names(write, tmp_path):
    one, two = write("1.txt", POEM), write("2.txt", POEM)
    (tmp_path / "3.txt").symlink_to(one)
    assert find_files([str(two), str(tmp_path), str(tmp_path / "*.txt")]) == [two, one]


@pytest.mark.parametrize(("target", "reason"), [("gone.txt", "No such file"), ("b.txt", "Too many levels")])
@pytest.mark.fault(
    "A link in a corpus leads nowhere",
    "the link and the reason",
)
def test_a_link_that_leads_nowhere_is_named(write, tmp_path, own_cache, target, reason):
    write("诗/a.txt", POEM)
    (tmp_path / "诗" / "b.txt").symlink_to(target)
    with pytest.raises(DataError, match=rf"b\.txt: cannot be read \({reason}"):
        Corpus.find(str(tmp_path / "诗"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_passed_over(write, tmp_path):
    path = write("诗/a.txt", POEM)
    os.mkfifo(tmp_path / "诗" / "pipe.txt")
    (tmp_path / "诗" / "folder.txt").mkdir()
    assert find_files(str(tmp_path / "诗")) == [path]


def test_big5_is_named_and_not_taken_for_gb18030(tmp_path):
    path = tmp_path / "繁體.txt"
    path.write_bytes("我們在這裡說話，他是一個不說話的人。\n來來往往的人，大家都有話要說。\n".encode("big5") * 30)
    with pytest.raises(DataError, match=r"got text that seems to be Big5\. Save it as UTF-8"):
        look_through(path)
    simplified = tmp_path / "简体.txt"
    simplified.write_bytes("我们在这里说话，他是一个不说话的人。\n人来人往。\n".encode("gb18030") * 30)
    assert look_through(simplified).encoding == "gb18030"


JAPANESE = "これは日本語の文章です。私は東京に住んでいます。今日は天気がいいですね。\n" * 9
KOREAN = "안녕하세요 저는 학생입니다 오늘은 날씨가 좋습니다. 모든 국민은 법 앞에 평등하다.\n" * 9
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n" * 3


@pytest.mark.parametrize(
    ("text", "written", "name", "given"),
    [
        (JAPANESE, "shift_jis", "Shift-JIS", "cp932"),
        (JAPANESE, "euc_jp", "EUC-JP", "euc_jp"),
        (KOREAN, "euc_kr", "EUC-KR", "cp949"),
        (RUSSIAN, "koi8-r", "KOI8-R", "koi8-r"),
        (RUSSIAN, "cp1251", "CP1251", "cp1251"),
        (RUSSIAN.replace(" ", ""), "cp1251", "CP1251", "cp1251"),
        (RUSSIAN.upper(), "koi8-r", "KOI8-R", "koi8-r"),
        ("國家圖書館舉辦書展，歡迎大家來參觀選購，這是他們的一大優惠。" * 9, "big5", "Big5", "big5"),
        (POEM, "utf-32", "UTF-32", "utf-32"),
        (POEM, "utf-16", "UTF-16", "utf-16"),
    ],
)
def test_other_encodings_are_named_and_can_be_given(write, own_cache, text, written, name, given):
    path = write("文.txt", text.encode(written))
    with pytest.raises(DataError, match=rf"文\.txt: expected UTF-8 or GB18030, got .*{name}\. Save it as UTF-8\."):
        look_through(path)
    with pytest.raises(DataError, match=rf"Save it as UTF-8, or give its encoding: --data\.encoding {given}\."):
        Corpus.find(str(path))
    (found,) = Corpus.find(str(path), given).files
    with path.open("rb") as binary, open_text(found, binary) as source:
        assert source.read() == text
    assert found.encoding == given


def test_rare_characters_only_are_not_taken_for_chinese(write, own_cache):
    rare = write("a.txt", "東京都交通局長公告令和五年度入札参加資格".encode("shift_jis") * 20)
    with pytest.raises(
        DataError, match=r"got text of rare characters only.* If it is GB18030: --data\.encoding gb18030"
    ):
        Corpus.find(str(rare))
    assert Corpus.find(str(rare), "gb18030").files[0].encoding == "gb18030"
    few = write("b.txt", "龘𠮷".encode("gb18030") * 10)
    assert look_through(few).encoding == "gb18030"


def test_the_euro_sign_of_code_page_936(write):
    content = (POEM * 9 + "价格").encode("gbk") + b"\x80100\n"
    for place in (0, 1, 2):  # also where a block ends
        path = write("a.txt", b"a" * ((1 << 20) - len(content) + 4 + place) + b"\n" + content)
        found = look_through(path)
        assert found.encoding == "gb18030"
        with path.open("rb") as binary, open_text(found, binary) as source:
            assert source.read().endswith("价格€100\n")


def test_a_given_encoding_must_fit(write, own_cache):
    path = write("a.txt", POEM.encode("gb18030"))
    with pytest.raises(DataError, match=r"a\.txt: expected text in UTF-8, got other bytes, at byte 0\. Give another"):
        Corpus.find(str(path), "utf-8")
    with pytest.raises(DataError, match=r"expected text in LATIN-1, got a NUL character"):
        look_through(write("b.txt", b"a\0b"), "latin-1")


def test_a_given_encoding_makes_another_text_only_where_it_is_one(write, own_cache):
    for content in (POEM.encode(), POEM.encode("gb18030"), b"plain ASCII\n"):
        path = write("a.txt", content)
        plain = look_through(path)
        assert look_through(path, plain.encoding) == plain
    assert look_through(path, "cp1252") == look_through(path, "gb18030") == plain
    path = write("b.txt", "模模".encode("gb18030"))  # valid UTF-8 too
    assert look_through(path, "gb18030").encoding == "gb18030"
    assert look_through(path, "gb18030").digest != look_through(path).digest
