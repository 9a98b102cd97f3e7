"""Encodings of text: UTF-8 and GB18030 are read, others are recognised by their most frequent characters."""

from __future__ import annotations

import codecs

from dlcore.errors import ArgumentError

_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "utf-8-sig": "utf-8"}  # these read the same text, and more
_FEW = 80  # bytes outside ASCII below which frequencies say nothing
_LEAST = 0.1  # share of the most frequent characters among those outside ASCII
_KINDS = 4  # of them there must be at least
_LEAST_OF_LETTERS = 0.5  # the same for an alphabet: each byte is some letter
_LEAST_CHINESE = 0.05  # hundreds of characters of the Song dynasty's poems have at least three times as much

_CHINESE = (
    "的一是人了不在有大中国國和为為这這上他个個地年来來我会會以到时時要出生学學说說道民家子也成行下们們于於后後就发發自之对對得"
    "主长長可过過天作分方用多你着部能而高面门門动動日心小同花风風春无無云雲山香江玉水清如何处處归歸相雨谁誰酒千歌飞飛寒新今梦夢"
    "夜明情西满滿东東更愁南声聲楼樓未青空與"
)
_KANA, _CYRILLIC = "のにはをたがでてとしれさいるかなもらっすくまー、。", "оеаинтсрвлкмОЕАИНТСРВЛКМ"
_USUAL = {
    "gb18030": _CHINESE,
    "big5": "的一是不了人我在有他這中大來上國說們你，。",
    "cp932": _KANA,
    "euc_jp": _KANA,
    "cp949": "이다는에을의가하고지은를로기사한도리자어나인대",
    "koi8-r": _CYRILLIC,
    "cp1251": _CYRILLIC,
}
_NAMES = {"big5": "Big5", "cp932": "Shift-JIS", "euc_jp": "EUC-JP", "cp949": "EUC-KR", "koi8-r": "KOI8-R"}


def _euro(error: UnicodeError) -> tuple[str, int]:
    """Decode the one byte that Windows' code page 936 has and GB18030 lacks."""
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0x80:
        return "€", error.start + 1
    raise error


codecs.register_error("dlcore_euro", _euro)


def errors_of(encoding: str) -> str:
    """Return how Python treats bytes that it cannot decode: as errors, except for the euro sign of code page 936."""
    return "dlcore_euro" if encoding == "gb18030" else "strict"


def decoder_of(encoding: str) -> codecs.IncrementalDecoder:
    """Return a decoder that raises `UnicodeDecodeError`; a byte order mark of UTF-8 is a character."""
    return codecs.getincrementaldecoder(encoding)(errors_of(encoding))


def check_encoding(name: str) -> str:
    """Return Python's name of an encoding; an unknown one is an `ArgumentError`."""
    try:
        "a".encode(name)  # refuses what is no encoding of text
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        expected = "the name of an encoding (utf-8, gb18030, big5, shift_jis, …)"
        raise ArgumentError("encoding", expected, name, "Left out, UTF-8 and GB18030 are detected.") from None
    return _WIDER.get(known, known)


def shown_name(encoding: str) -> str:
    """Return an encoding's usual name."""
    return _NAMES.get(encoding, encoding.upper())


def other_encoding(beginning: bytes) -> str | None:
    """Return the encoding that the beginning of a text is in, if that is neither UTF-8 nor GB18030.

    Almost any pairs of bytes are Chinese characters in GB18030. What they mean in the encoding of the text is more
    frequent in its language; rare Chinese characters of no known encoding give an empty name.
    """
    count = len(beginning) - len(beginning.decode("ascii", "ignore"))
    if count < _FEW:
        return None
    chinese, _ = _usual(beginning, "gb18030")
    for encoding in _USUAL:
        share, kinds = _usual(beginning, encoding)
        least = _LEAST_OF_LETTERS if _USUAL[encoding] is _CYRILLIC else _LEAST
        if kinds >= _KINDS and share > max(least, 2 * chinese):
            return encoding
    return "" if 0 <= chinese < _LEAST_CHINESE and count >= 5 * _FEW else None


def _usual(beginning: bytes, encoding: str) -> tuple[float, int]:
    """Return the share of the most frequent characters among those outside ASCII, and how many of them there are.

    If bytes cannot be decoded, the share is -1.
    """
    try:
        text = decoder_of(encoding).decode(beginning)
    except UnicodeDecodeError:
        return -1, 0
    counts = [text.count(character) for character in _USUAL[encoding]]
    return sum(counts) / max(1, len(text) - len(text.encode("ascii", "ignore"))), sum(map(bool, counts))
