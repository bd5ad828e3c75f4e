"""Readings in brackets behind a Han character, as some web pages carry them."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from tagger.text._script import HAN
from tagger.text.alignment import Edit

__all__ = ["SYLLABLES", "gloss_edits"]

_FINALS_BY_INITIAL = """
- a ai an ang ao e ei en eng er o ou yo n ng m
b a ai an ang ao ei en eng i ian iao ie in ing o u
p a ai an ang ao ei en eng i ian iao ie in ing o ou u
m a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u
f a an ang ei en eng o ou u iao
d a ai an ang ao e ei en eng i ia ian iao ie ing iu ong ou u uan ui un uo
t a ai an ang ao e ei eng i ian iao ie ing ong ou u uan ui un uo
n a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan uo un ue ü üe
l a ai an ang ao e ei eng i ia ian iang iao ie in ing iu o ong ou u uan un uo ue ü üe
g a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo
k a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo
h a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo
j i ia ian iang iao ie in ing iong iu u uan ue un
q i ia ian iang iao ie in ing iong iu u uan ue un
x i ia ian iang iao ie in ing iong iu u uan ue un
zh a ai an ang ao e ei en eng i ong ou u ua uai uan uang ui un uo
ch a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo
sh a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo
r an ang ao e en eng i ong ou u ua uan ui un uo
z a ai an ang ao e ei en eng i ong ou u uan ui un uo
c a ai an ang ao e en eng i ong ou u uan ui un uo
s a ai an ang ao e en eng i ong ou u uan ui un uo
y a an ang ao e i in ing o ong ou u uan ue un
w a ai an ang ao ei en eng o u
"""

SYLLABLES = frozenset(
    initial.strip("-") + final
    for initial, *finals in (line.split() for line in _FINALS_BY_INITIAL.split("\n") if line)
    for final in finals
)

# Brackets of every form that the width step makes one of.
_OPEN, _CLOSE = "(（︵﹙", ")）︶﹚"

# Up to ten characters: the longest syllable has six, a tone may be a combining mark or a digit, ü may be "u:".
_BRACKETS = re.compile(rf"(?<=[{HAN}])(?:[{_OPEN}][^{_OPEN}{_CLOSE}\n{HAN}]{{1,10}}[{_CLOSE}])+")
_ONE_BRACKET = re.compile(rf"[{_OPEN}]([^{_OPEN}{_CLOSE}]*)[{_CLOSE}]")
_TONE_MARKS = str.maketrans("", "", "\u0304\u0301\u030c\u0300")
# What fonts and encodings of pinyin use for a, g and ü, and full-width letters and digits.
_VARIANTS = str.maketrans(
    "ɑɡ" + "".join(map(chr, range(0xFF10, 0xFF5B))),
    "ag" + "".join(map(chr, range(0x30, 0x7B))),
)

# Bare syllables such as (an) or (he) are words and names as well. They are glosses only in a text with this many
# glosses beyond doubt, or with this many bare ones over this many syllables and next to no other bracketed word.
_MIN_SURE = 5
_MIN_BARE = 10
_MIN_BARE_SYLLABLES = 8
_MIN_BARE_SHARE = 0.9


class _Candidate(NamedTuple):
    start: int
    end: int
    syllable: str
    sure: bool


def gloss_edits(text: str) -> list[Edit]:
    """Return the deletions of all pinyin glosses: one valid syllable in brackets right behind a Han character.

    A tone mark, ``ü`` (also ``u:``) or a tone number proves a gloss; a bare syllable counts only in a text that is
    full of glosses. Everything else in brackets stays.

    Examples
    --------
    >>> gloss_edits("鹿(lù)泷县(GDP)动(an)")
    [Edit(start=1, end=5, replacement='')]
    """
    groups = [_candidates(match) for match in _BRACKETS.finditer(text)]
    sure = sum(c.sure for group in groups for c in group if c.syllable)
    bare = sure >= _MIN_SURE or _is_glossed_bare([c for group in groups for c in group])
    edits: list[Edit] = []
    for group in groups:
        for candidate in group:
            if not candidate.syllable or not (candidate.sure or bare):
                break  # what follows stands behind a bracket, no longer behind the character
            edits.append(Edit(candidate.start, candidate.end, ""))
    return edits


def _candidates(match: re.Match[str]) -> list[_Candidate]:
    found = []
    for bracket in _ONE_BRACKET.finditer(match[0]):
        syllable, sure = _read(bracket[1])
        offset = match.start()
        found.append(_Candidate(offset + bracket.start(), offset + bracket.end(), syllable, sure))
    return found


def _read(content: str) -> tuple[str, bool]:
    """Return the syllable without its tone and whether it is one beyond doubt; ``""`` if it is none."""
    plain = content.translate(_VARIANTS)
    spelled = unicodedata.normalize("NFD", plain.lower()).replace("u:", "u\u0308")
    toneless = spelled.translate(_TONE_MARKS)
    marks = len(spelled) - len(toneless)
    number = toneless[-1:] if toneless[-1:] in set("12345") else ""
    letters = unicodedata.normalize("NFC", toneless.removesuffix(number))
    umlaut = "ü" in letters
    letters = letters.replace("v", "ü").replace("ê", "e")
    if letters not in SYLLABLES or marks > 1 or (marks and number):
        return "", False
    # (A4) and (B2) are paper sizes and room numbers: a tone number proves nothing in capitals or behind one letter.
    numbered = bool(number) and len(letters) > 1 and plain.islower()
    if (number or len(letters) == 1 or not plain.islower()) and not (marks or umlaut or numbered):
        return "", False
    return letters, bool(marks) or umlaut or numbered


def _is_glossed_bare(candidates: list[_Candidate]) -> bool:
    bare = [c.syllable for c in candidates if c.syllable]
    return (
        len(bare) >= _MIN_BARE
        and len(set(bare)) >= _MIN_BARE_SYLLABLES
        and len(bare) >= _MIN_BARE_SHARE * len(candidates)
    )
