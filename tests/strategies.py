"""Texts that hurt: Hypothesis strategies for shrinking and a seeded generator for sheer numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from tagger.text.alignment import Edit

PIECES = (
    *("砚", "川", "市", "鹿泷县", "会议", "想", "天", "\u4e00", "𠀋", "𰻝", "\uf900", "⽂"),
    *("硯川", "記憶體", "滑鼠", "計程車", "乾隆", "於", "網", "動", "們", "「", "」", "『"),
    *(
        "(wǎng)",
        "（ｄòｎｇ）",
        "(chuàng)",
        "(lu:4)",
        "(men)",
        "(he)",
        "(GDP)",
        "(A4)",
        "(wa\u030cng)",
        "(",
        ")",
        "（",
        "）",
    ),
    *(",", "，", ".", "。", ";", ":", "?", "!", "！", '"', "“", "”", "《", "》", "…", "——", "·", "•", "～"),
    *("a", "Z", "ＡＢ", "9", "３", "3,000", "10:30", "4.0", "http://a.cn/(b),c", "www.b.cn", "é", "e\u0301"),
    *("\n", "\n\n", "\r\n", "\r", "\u2028", "\x0b", "\t", " ", "\u3000", "\xa0", "\u2003"),
    *("\u200b", "\ufeff", "\u200d", "\u202e", "\xad", "\x00", "\x85", "\x9f", "\ud800", "\udfff", "\uffff"),
    *("👩\u200d🌾", "😀", "🇨🇳", "■本报记者 ", "本报讯 ", "（一）", "1.", "が", "한", "ｶ", "\U0010ffff"),
)


def random_texts(n: int, *, seed: int, max_pieces: int = 24) -> Iterator[str]:
    """Yield `n` texts out of the same pieces; every eighth repeats one kind of piece and nothing else."""
    random = np.random.default_rng(seed)
    pieces = np.array(PIECES, dtype=object)
    sizes = random.integers(0, max_pieces, size=n)
    picks = random.integers(0, len(pieces), size=int(sizes.sum()))
    ends = np.cumsum(sizes)
    for i, (size, end) in enumerate(zip(sizes.tolist(), ends.tolist(), strict=True)):
        chosen = picks[end - size : end]
        if i % 8 == 0:
            chosen = chosen % 3 + int(random.integers(0, len(pieces) - 3))
        yield "".join(pieces[chosen])


def texts(max_size: int = 30) -> st.SearchStrategy[str]:
    """Texts out of the pieces above and of any characters, lone surrogates too."""
    pieces = st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=()), max_size=3)
    return st.lists(pieces, max_size=max_size).map("".join)


@st.composite
def texts_with_edits(draw: st.DrawFn, alphabet: str = "砚川a𠀋\n") -> tuple[str, list[Edit]]:
    """Return a text and edits that fit it, in order and not overlapping; insertions and deletions among them."""
    text = draw(st.text(alphabet, max_size=20))
    bounds = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    return text, [Edit(start, end, draw(st.text("新字x", max_size=3))) for start, end in pairs]
