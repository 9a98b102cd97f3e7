"""A corpus is read block by block: what parts documents does not depend on where blocks end."""

import random

import pytest

from dlcore.text.corpus_files import look_through
from dlcore.text.documents import part, read_blocks


@pytest.fixture
def read(tmp_path):
    """The documents of texts, read in blocks of a size."""

    def read(texts, documents, size=1 << 19, encoding="utf-8"):
        files = []
        for number, text in enumerate(texts):
            path = tmp_path / f"{number}.txt"
            path.write_bytes(text.encode(encoding))
            files.append(look_through(path))
        found, goes_on = [], False
        for block in read_blocks(files, documents, size):
            pieces = part(block.text, block.ends, goes_on, documents)
            if goes_on:
                found[-1] += pieces[0]
                pieces = pieces[1:]
            found += pieces
            goes_on = not block.ends
            assert found or not goes_on
        assert not goes_on
        return found

    return read


def test_blank_lines_part_documents(read):
    text = "\ufeff\r\n  \r\n静夜思\r\n床前明月光\r\n\r\n \u3000\r\n\r\n春晓\r\n  春眠不觉晓  \r\n\t\r\n第三\n\n\n"
    assert read([text], "blank_line") == ["静夜思\n床前明月光", "春晓\n  春眠不觉晓", "第三"]


def test_files_part_documents(read):
    texts = ["一\n\n二\n", "\n三", "四\n\n"]
    assert read(texts, "blank_line") == ["一", "二", "三", "四"]
    assert read(texts, "file") == ["一\n\n二", "三", "四"]
    assert read(texts, "none") == ["一\n\n二\n\n三\n四"]


def test_another_encoding(read):
    assert read(["静夜思\r\n\r\n春晓𠮷"], "blank_line", encoding="gb18030") == ["静夜思", "春晓𠮷"]


@pytest.mark.parametrize("documents", ["blank_line", "file", "none"])
@pytest.mark.parametrize("seed", range(6))
def test_the_size_of_blocks_changes_nothing(read, documents, seed):
    chance = random.Random(seed)
    pieces = ["明月", "，", "\n", "\r\n", "\n\n", "\n \n", "\r\n\u3000\r\n", "a", " ", "长" * 9]
    texts = ["明" + "".join(chance.choice(pieces) for _ in range(300)) + "月" for _ in range(3)]
    whole = read(texts, documents)
    assert len(whole) > 10 or documents != "blank_line"
    for size in (1, 2, 7, 50):
        assert read(texts, documents, size) == whole


def test_a_line_longer_than_a_block_is_cut_behind_a_sign(tmp_path):
    (tmp_path / "a.txt").write_text("明月几时有，" * 5000 + "把酒问青天")
    blocks = list(read_blocks([look_through(tmp_path / "a.txt")], "blank_line", 1000))
    assert "".join(block.text for block in blocks) == "明月几时有，" * 5000 + "把酒问青天"
    assert all(block.text.endswith("，") for block in blocks[:-1])
    assert max(len(block.text) for block in blocks) <= 2000
    assert [block.ends for block in blocks] == [False] * (len(blocks) - 1) + [True]
