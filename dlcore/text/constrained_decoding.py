"""Constrained decoding: which words are allowed next, so that the text ends in exactly the requested form.

A word longer than the remaining length is not allowed, and so on for each position of a line: the network chooses among
the allowed words. Shapes: V words.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import torch
from torch import Tensor

from dlcore.errors import ArgumentError
from dlcore.text.text_constraints import LONGEST_LINE, TextConstraints
from dlcore.text.vocabulary import END, UNKNOWN, Vocabulary

_HAN = "[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_MARKS = "，。！？；：、…—,.!?;:"
_PARTING = "\n\n"  # separator of two documents
_BEFORE_FIRST_LINE = -1


class Progress(NamedTuple):
    """Progress of a text within its form."""

    made: int = 0  # characters or tokens so far
    line: int = 0  # number of the current line, from 0; -1 for a line of the prompt that must end first
    column: int = 0  # characters in the current line
    closed: bool = False  # whether the current line has its punctuation mark
    fresh: bool = False  # whether a document or a line starts here, so that the document cannot end
    finished: bool = False  # whether the text is complete


class _Choice(NamedTuple):
    """Allowed words: of one kind and at most `room` characters (None: any number), and some words in addition."""

    kind: str | None
    room: int | None = None
    line_break: bool = False
    marks: bool = False
    end: bool = False


class ConstrainedDecoder:
    """Restricts texts to a form, with the words of a vocabulary; masks are on `device`.

    It is an `ArgumentError` if the vocabulary lacks what the form needs: line breaks, words of one character.

    Attributes:
        words_by_size: Token ids grouped by the length that a word adds to a text.
    """

    def __init__(self, form: TextConstraints, vocabulary: Vocabulary, device: torch.device | str = "cpu") -> None:
        self.form, self.vocabulary, self.device = form, vocabulary, device
        words = vocabulary.words
        self._break = vocabulary.id("\n")
        han = re.compile(f"{_HAN}+")
        kinds: dict[str, list[bool]] = {
            "any": [True] * len(words),
            "in a line": [len(word.splitlines()) == 1 and "\n" not in word for word in words],
            "han": [han.fullmatch(word) is not None for word in words],
        }
        self._sizes = torch.tensor([len(word) for word in words])
        self._longest = max(map(len, words[END + 1 :]), default=0)
        self._kinds = {kind: torch.tensor(found) for kind, found in kinds.items()}
        for number, character in enumerate(form.acrostic):
            inside = "han" if form.line_length else "in a line"
            pairs = zip(words, kinds[inside], strict=True)
            begins = [word == character or (fits and word.startswith(character)) for word, fits in pairs]
            self._kinds[f"acrostic {number}"] = torch.tensor(begins)
        for found in self._kinds.values():
            found[: END + 1] = False  # unknown words are never allowed; the end of a document has its own rules
        self._marks = torch.tensor([len(word) == 1 and word in _MARKS for word in words])
        # Group words by the length that they add, for a search that compares texts of equal length.
        added = torch.ones_like(self._sizes) if form.unit == "tokens" else self._sizes.clone()
        if form.unit == "characters":
            added[END], added[UNKNOWN] = len(_PARTING), 1
        self.words_by_size = [(added == size).nonzero().flatten().to(device) for size in torch.unique(added)]
        self._masks: dict[_Choice, Tensor] = {}
        self._check_vocabulary()

    def _check_vocabulary(self) -> None:
        form = self.form
        name = "line_length" if form.line_length else "acrostic" if form.acrostic else "lines"
        if form.has_lines and self._break == UNKNOWN:
            raise ArgumentError(name, "nothing, since the network knows no line breaks", getattr(form, name))
        kind = "han" if form.line_length else "in a line" if form.has_lines else "any"
        if form.unit == "characters" and not bool((self._kinds[kind] & (self._sizes == 1)).any()):
            words = "no Chinese character as a word of its own" if kind == "han" else "no word of one character"
            if form.has_lines:
                remedy = "Leave it out, or train on characters: --data.level char, or with --data.rare split."
                raise ArgumentError(name, f"nothing, since the network knows {words}", getattr(form, name), remedy)
            remedy = "Count tokens: unit tokens."
            raise ArgumentError("unit", f"tokens, since the network knows {words}", form.unit, remedy)

    # Start of a text

    def start(self, prompt: str) -> Progress:
        """Return the progress of a text that starts with a prompt; its lines must be able to make the form's length."""
        form = self.form
        if not form.has_lines:
            return Progress(fresh=form.stop_at_end or not prompt or prompt.endswith("\n"))
        begun = prompt.rpartition("\n")[2].rstrip("\r")
        start = Progress()
        if begun:
            fits = begun[0] == form.acrostic[0] if form.acrostic else True
            if form.line_length:
                fits = fits and len(begun) < form.line_length and re.fullmatch(f"{_HAN}+", begun) is not None
            elif form.total is None:
                fits = fits and len(begun) < LONGEST_LINE
            start = Progress(column=len(begun)) if fits else Progress(line=_BEFORE_FIRST_LINE)
        if form.total is not None and not self._can_be_long(start, form.total):
            reach = ((form.line_length or 1) + 2) * (len(form.acrostic) + 3)  # possible lengths are not farther apart
            near = range(max(1, form.total - reach), form.total + reach)
            possible = [n for n in near if self._can_be_long(start, n)]
            below = [n for n in possible if n < form.total][-1:]
            nearest = below + [n for n in possible if n > form.total][:1]
            lines = f"lines of {form.line_length} characters" if form.line_length else f"the lines of {form.acrostic}"
            after = " after this prompt" * bool(prompt)
            expected = f"one that {lines} can make{after}, such as {' or '.join(map(str, nearest))}"
            raise ArgumentError("length", expected, form.total, "Or give lines in its place.")
        return start

    def _can_be_long(self, start: Progress, length: int) -> bool:
        if start.line == _BEFORE_FIRST_LINE:
            start, length = Progress(), length - 1
        if self.form.line_length:
            return self._lines_fit(length, self.form.line_length - start.column, 0)
        return length >= max(1, 2 * len(self.form.acrostic) - 1 - bool(start.column))

    def _lines_fit(self, left: int, missing: int, line: int, closed: bool = False) -> bool:
        """Return whether lines of `line_length` characters can fill the remaining length exactly.

        The current line lacks `missing` characters; closed says whether it has its mark.
        """
        size, left = self.form.line_length or 0, left - missing
        least = max(0, len(self.form.acrostic) - 1 - line)  # further lines that the acrostic needs
        most = left // (size + 1)  # each further line has a line break before it
        if not self._marks.any():
            return most >= least and left % (size + 1) == 0
        # Marks fill the rest, at most one a line: of `more` further lines the rest is at most more + 1.
        rest = left - (not closed)
        return left >= 0 and most >= max(least, -(-rest // (size + 2)))

    # Allowed words

    def allowed(self, progress: Progress) -> Tensor:
        """Return the mask of the words that are allowed next (V,), at least one."""
        choice = self._choice(progress)
        if choice not in self._masks:
            self._masks[choice] = self._mask(choice).to(self.device)
        return self._masks[choice]

    def _mask(self, choice: _Choice) -> Tensor:
        mask = torch.zeros(len(self.vocabulary), dtype=torch.bool)
        if choice.kind is not None:
            mask |= self._kinds[choice.kind]
            if choice.room is not None:
                mask &= self._sizes <= choice.room
            if choice.kind.startswith("acrostic") and not mask.any():
                mask[UNKNOWN] = True  # represents a character that is not in the vocabulary
        if choice.marks:
            mask |= self._marks
        if choice.line_break:
            mask[self._break] = True
        if choice.end:
            mask[END] = True
        return mask

    def _choice(self, progress: Progress) -> _Choice:
        form = self.form
        left = None if form.total is None else form.total - progress.made
        if form.has_lines:
            choice = self._choice_of_measured if form.line_length else self._choice_of_free
            return choice(progress, left)
        rest = left or 0
        parting = 1 if form.unit == "tokens" else len(_PARTING)
        end = not progress.fresh and (form.stop_at_end or rest > parting)
        return _Choice("any", None if form.unit == "tokens" else min(rest, self._longest), end=end)

    def _choice_of_measured(self, progress: Progress, left: int | None) -> _Choice:
        """Return the choice in lines of a given length."""
        size, line = self.form.line_length or 0, progress.line
        missing = size - progress.column
        if line == _BEFORE_FIRST_LINE or progress.closed:
            return _Choice(None, line_break=True)
        if missing > 0:
            return _Choice(self._kind(progress, "han"), min(missing, self._longest))
        if left is None:
            return _Choice(None, line_break=True, marks=True)
        can_break, can_close = (
            self._lines_fit(left - 1, size, line + 1),
            self._lines_fit(left - 1, 0, line, closed=True),
        )
        return _Choice(None, line_break=can_break, marks=can_close)

    def _choice_of_free(self, progress: Progress, left: int | None) -> _Choice:
        """Return the choice in lines that the network ends."""
        line, column = progress.line, progress.column
        if line == _BEFORE_FIRST_LINE:
            return _Choice(None, line_break=True)
        due = len(self.form.acrostic) - line  # lines of the acrostic still missing, with this one
        if left is None:
            room = LONGEST_LINE - column
        elif due > 1:
            # No line takes more than its share of the remaining length, so that enough is left for all of them.
            room = (left + column + 1) // due - 1 - column
        else:
            room = left
        can_break = column > 0 and (left is None or left > 1)
        if room <= 0:
            return _Choice(None, line_break=True)
        return _Choice(self._kind(progress, "in a line"), min(room, self._longest), line_break=can_break)

    def _kind(self, progress: Progress, usual: str) -> str:
        begins = progress.column == 0 and progress.line < len(self.form.acrostic)
        return f"acrostic {progress.line}" if begins else usual

    # Progress after a word

    def advance(self, progress: Progress, number: int) -> tuple[str, Progress]:
        """Return the text that a word adds, and the progress after it."""
        form = self.form
        last_line = form.line_count is not None and progress.line == form.line_count - 1
        is_break = form.has_lines and number == self._break
        if number == END:
            piece = "" if form.stop_at_end else _PARTING
        elif is_break and last_line:
            piece = ""
        else:
            piece = form.acrostic[progress.line] if number == UNKNOWN else self.vocabulary.words[number]
        made = progress.made + (1 if form.unit == "tokens" else len(piece))
        finished = made == form.total or (number == END and form.stop_at_end)
        if not form.has_lines:
            return piece, Progress(made, fresh=number in (END, self._break), finished=finished)
        if is_break:
            return piece, Progress(made, progress.line + 1, finished=finished or last_line)
        closed = form.line_length is not None and progress.column == form.line_length
        column = progress.column if closed else progress.column + len(piece)
        return piece, Progress(made, progress.line, column, closed, finished=finished or (closed and last_line))
