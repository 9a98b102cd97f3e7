"""Small tables of labelled texts, and what LabelledText reads of them."""

from dlcore.data import LabelledText

GOOD, BAD = "这部电影很好看我很喜欢", "房间又脏又吵服务太差"


def rows(count=20):
    return [(f"{(GOOD, BAD)[n % 2]}第{n}次", ("好评", "差评")[n % 2]) for n in range(count)]


def csv_of(pairs, head="评论,情感"):
    return [head, *(f"{text},{label}" for text, label in pairs)]


def read(path=None, level="char", **settings):
    names = {"text": "评论", "label": "情感"} if path else {}
    data = LabelledText(path, level=level, **{**names, **settings})
    data.setup("fit")
    return data


def texts_of(data, part):
    split = data.parts[part]
    return [split.names[index] for index in split.indices.tolist()]
