"""Normalisation in steps that each say what they changed: text in, clean text and its alignment out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from tagger.errors import ConfigurationError
from tagger.text._layout import line_edits
from tagger.text._pinyin import gloss_edits
from tagger.text._script import CONFIGS, is_traditional, to_simplified
from tagger.text._width import canonical_width
from tagger.text.alignment import Alignment, Edit

__all__ = [
    "DEFAULT_STEPS",
    "STEPS",
    "Normalized",
    "Normalizer",
    "Step",
    "apply_edits",
    "clean_controls",
    "join_lines",
    "remove_pinyin",
    "simplify",
    "unify_width",
]


@dataclass(frozen=True, slots=True)
class Normalized:
    """A clean text and where each of its characters comes from.

    Attributes
    ----------
    text : str
        Clean text.
    alignment : Alignment
        From the raw text to `text`.
    """

    text: str
    alignment: Alignment


Step = Callable[[str], Normalized]

DEFAULT_STEPS = ("controls", "pinyin", "width", "simplify")

_PICTOGRAPH = "\u2600-\u27bf\ufe0f\U0001f000-\U0001faff"
_SPACES = "\xa0\u1680\u2000-\u200a\u202f\u205f"
_BREAKS = "\r\x0b\x0c\x85\u2028\u2029"
_INVISIBLE = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u180e\u200b\u200c\u200e\u200f"
    "\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
)
_CONTROLS = re.compile(
    rf"\r\n|[{_SPACES}{_BREAKS}\ud800-\udfff]|[{_INVISIBLE}]+"
    # The joiner holds together the parts of one emoji, and nothing else that these texts are written in.
    rf"|(?<![{_PICTOGRAPH}])\u200d|\u200d(?![{_PICTOGRAPH}])"
)
_ONE_TO_ONE = {
    **dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F), " "),
    **dict.fromkeys(map(ord, _BREAKS), "\n"),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}


def apply_edits(text: str, edits: Iterable[Edit]) -> Normalized:
    """Replace ranges of a text and align the outcome.

    Parameters
    ----------
    text : str
        Raw text.
    edits : iterable of Edit
        In order of their start, none overlapping the next.

    Raises
    ------
    InputError
        If an edit overlaps the one before it or leaves the text.

    Examples
    --------
    >>> done = apply_edits("鹿(lù)泷县", [Edit(1, 5, "")])
    >>> done.text, done.alignment.to_raw(0, 2)
    ('鹿泷县', (0, 6))
    """
    edits = list(edits)
    alignment = Alignment.from_edits(len(text), edits)
    if not edits:
        return Normalized(text, alignment)
    pieces: list[str] = []
    done = 0
    for edit in edits:
        pieces += (text[done : edit.start], edit.replacement)
        done = edit.end
    return Normalized("".join((*pieces, text[done:])), alignment)


def clean_controls(text: str) -> Normalized:
    r"""Delete what cannot be seen and leave one kind of line end and one kind of space.

    Zero-width characters, marks of writing direction, soft hyphens and control characters other than tab and line
    feed go; the zero-width joiner stays inside an emoji. Every kind of line end becomes a line feed, every kind of
    space but the ideographic one (which the width step needs) a space, a lone surrogate U+FFFD.

    Examples
    --------
    >>> clean_controls("砚\u200b川\r\n鹿\xa0泷").text
    '砚川\n鹿 泷'
    """
    edits = [
        Edit(match.start(), match.end(), "\n" if match[0] == "\r\n" else _ONE_TO_ONE.get(ord(match[0][0]), ""))
        for match in _CONTROLS.finditer(text)
    ]
    return apply_edits(text, edits)


def remove_pinyin(text: str) -> Normalized:
    """Delete pinyin glosses: ``網(wǎng)`` becomes ``網``; other brackets stay.

    Examples
    --------
    >>> remove_pinyin("鹿(lù)泷縣網(wǎng)絡(上海)公司").text
    '鹿泷縣網絡(上海)公司'
    """
    return apply_edits(text, gloss_edits(text))


def unify_width(text: str) -> Normalized:
    """Bring letters, digits and punctuation into one form each, character for character.

    Examples
    --------
    >>> unify_width("砚川市,２０２４年(3,000人)").text
    '砚川市，2024年（3,000人）'
    """
    return Normalized(canonical_width(text), Alignment.identity(len(text)))


def simplify(text: str, *, config: str = "t2s", min_traditional: float = 0.03) -> Normalized:
    """Convert a Traditional text to Simplified with OpenCC; a Simplified one stays as it is.

    Parameters
    ----------
    text : str
        Any text.
    config : {"t2s", "tw2s", "tw2sp", "hk2s", "hk2sp"}, default="t2s"
        Conversion; the two that end in ``p`` also put mainland words for those of Taiwan and Hong Kong.
    min_traditional : float, default=0.03
        Share of Han characters, in [0, 1], that only Traditional text uses, from which a text counts as
        Traditional; they must also outnumber those that only Simplified text uses.

    Raises
    ------
    ConfigurationError
        If `config` is none of these.

    Examples
    --------
    >>> simplify("硯川縣記憶體", config="tw2sp").text
    '砚川县内存'
    """
    if not is_traditional(text, min_share=min_traditional):
        return Normalized(text, Alignment.identity(len(text)))
    clean, edits = to_simplified(text, config=config)
    return Normalized(clean, Alignment.from_edits(len(text), edits))


def join_lines(text: str) -> Normalized:
    r"""Join lines that were broken in mid-sentence; for a text known to be one article.

    Between Chinese characters the break goes without a space, and so does a character that a column break printed
    twice; between English words it becomes a space. Paragraphs and headlines keep their line ends.

    Examples
    --------
    >>> join_lines("会议召开\n会议指出,要建设好砚川\n\n市民广场,方便群众。\n会议要求,抓好落实。").text
    '会议召开\n会议指出,要建设好砚川市民广场,方便群众。\n会议要求,抓好落实。'
    """
    return apply_edits(text, line_edits(text))


STEPS: Mapping[str, Callable[[Normalizer], Step]] = MappingProxyType(
    {
        "controls": lambda _: clean_controls,
        "pinyin": lambda _: remove_pinyin,
        "width": lambda _: unify_width,
        "simplify": lambda n: partial(simplify, config=n.config, min_traditional=n.min_traditional),
        "lines": lambda _: join_lines,
    }
)


@dataclass(frozen=True, kw_only=True)
class Normalizer:
    """Steps of normalisation one after the other, and one alignment over all of them.

    A value: two with the same parameters are equal, it can be pickled and copied, and calling it changes nothing.
    With the default steps the clean text normalises to itself.

    Parameters
    ----------
    steps : tuple of str, default=("controls", "pinyin", "width", "simplify")
        Names of ``STEPS`` in the order in which they run; also ``"lines"``, for text that is one article.
    config : {"t2s", "tw2s", "tw2sp", "hk2s", "hk2sp"}, default="t2s"
        Conversion of the step ``"simplify"``.
    min_traditional : float, default=0.03
        From which share of Traditional characters that step converts.

    Raises
    ------
    ConfigurationError
        If a step or the conversion is unknown, or the share outside [0, 1].

    Examples
    --------
    >>> raw = "鹿(lù)泷縣召開會議,通過3項決定"
    >>> clean = Normalizer()(raw)
    >>> clean.text
    '鹿泷县召开会议，通过3项决定'
    >>> start, end = clean.alignment.to_raw(0, 3)
    >>> raw[start:end]
    '鹿(lù)泷縣'
    """

    steps: tuple[str, ...] = DEFAULT_STEPS
    config: str = "t2s"
    min_traditional: float = 0.03

    def __post_init__(self) -> None:
        # A manifest read back from JSON has lists; equality and hash need a tuple.
        object.__setattr__(self, "steps", tuple(self.steps))
        for step in self.steps:
            if step not in STEPS:
                raise ConfigurationError(f"no normalisation step {step!r}; choose from {', '.join(STEPS)}")
        if self.config not in CONFIGS:
            raise ConfigurationError(f"config={self.config!r} is no conversion; choose one of {', '.join(CONFIGS)}")
        if not 0 <= self.min_traditional <= 1:
            raise ConfigurationError(f"min_traditional={self.min_traditional} is no share; give one in [0, 1]")

    def __call__(self, raw: str) -> Normalized:
        """Return the clean text and its alignment with `raw`."""
        text, alignment = raw, Alignment.identity(len(raw))
        for name in self.steps:
            done = STEPS[name](self)(text)
            text, alignment = done.text, alignment.then(done.alignment)
        return Normalized(text, alignment)
