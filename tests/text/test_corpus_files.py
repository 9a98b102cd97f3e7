"""Which files a corpus has, and how they are encoded; bad ones are named with the place of the fault."""

import os

import pytest

from dlcore.errors import ArgumentError, DataError
from dlcore.text.corpus import Corpus
from dlcore.text.corpus_files import each_once, look_through, named_files

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
    monkeypatch.setattr("dlcore.text.corpus.look_through", lambda path: pytest.fail("read again"))
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
