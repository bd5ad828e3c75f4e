"""A page and what was found on it as one HTML file that needs nothing else: no network, no script.

The text stands as printed: the text content of the elements of class ``raw``, joined, is the page's text to the letter
(only a NUL, which HTML cannot hold, and half of a surrogate pair are shown by a sign, one for one). A content security
policy forbids scripts and every load, so that a hostile page cannot do more than be read.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from string import Template

from tagger._layout import count_articles, first_words, label_order, line_starts, parts_of, place
from tagger.types import Article, Page, Span

__all__ = ["to_html"]

# Hues in degrees, chosen by eye so that neighbours in a sentence (person and position, body and place) differ most.
_LABEL_HUES = {
    "PERSON": 352,
    "POSITION": 28,
    "ORG": 214,
    "PLACE": 150,
    "PARK": 88,
    "TIME": 268,
    "EVENT": 318,
    "POLICY": 184,
    "DOCUMENT": 48,
}
_ARTICLE_HUES = (214, 20, 160, 285, 345, 190, 45, 120)
_UNHOLDABLE = {0: "\N{SYMBOL FOR NULL}", 13: "&#13;"}
_TEXT_LINE = re.compile(r"[^\r\n]*\S[^\r\n]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


def to_html(page: Page, raw: str, *, title: str) -> str:
    """Render a page for reading: its text as printed with articles and spans marked, and what was found beside it.

    Parameters
    ----------
    page : Page
        What was found.
    raw : str
        The text it was found in, of ``page.n_chars`` characters.
    title : str
        Heading of the page, for example its file name.

    Returns
    -------
    str
        A complete HTML document; write it as UTF-8.

    Examples
    --------
    >>> from tagger.types import ModelId
    >>> article = Article("花市开了", "article", ((0, 9),), body="<挑担的>来了")
    >>> html = to_html(Page((article,), 9, ModelId("demo", "1.0.0")), "<挑担的>来了。", title="a.txt")
    >>> "&lt;挑担的&gt;来了。" in html
    True
    """
    return _View(page, raw).document(title)


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the page: the `nth` of `of` ranges of an article, or (`article` is -1) of none."""

    start: int
    end: int
    article: int
    nth: int = 0
    of: int = 1


@dataclass(frozen=True, slots=True)
class _Layer:
    """A range of the text that gets an element around it: `open`, or `again` where another cut it in two."""

    start: int
    end: int
    open: str
    again: str
    close: str


class _View:
    """Everything that several parts of the document need to know about the page."""

    def __init__(self, page: Page, raw: str) -> None:
        self.page = page
        self.raw = raw
        self.counts = Counter(span.label for article in page.articles for span in article.spans)
        self.labels = sorted(self.counts, key=label_order)
        self.starts = line_starts(raw)
        marks = [self._mark(span) for article in page.articles for span in article.spans]
        heads = [head for article in page.articles for head in _headlines(article, raw)]
        lines = [_Layer(*line.span(), "<span>", "<span>", "</span>") for line in _TEXT_LINE.finditer(raw)]
        self.layers = sorted(lines + marks + heads, key=lambda layer: (layer.start, -layer.end))
        self.layer_starts = [layer.start for layer in self.layers]
        self.longest = max((layer.end - layer.start for layer in self.layers), default=0)

    def document(self, title: str) -> str:
        page = self.page
        facts = f"{page.n_chars:,} characters · {count_articles(page)} · model {page.model.name} {page.model.version}"
        return _template().substitute(
            title=_letters(title),
            facts=_letters(facts),
            index="".join(self._index_entry(i) for i in range(len(page.articles))),
            switches="".join(map(self._switch, range(len(self.labels)))),
            rules="\n".join(map(self._rules, range(len(self.labels)))),
            parts="".join(map(self._part, _parts(page, self.raw))) or '<p class="empty">The page is empty.</p>',
        )

    def _switch(self, i: int) -> str:
        label = self.labels[i]
        return (
            f'<label class="switch l{i}"><input type="checkbox" id="s{i}" checked>'
            f"<span>{_letters(label)}</span><small>{self.counts[label]}</small></label>"
        )

    def _rules(self, i: int) -> str:
        """Colour label `i`, and take the colour from the text while its switch is off."""
        return (
            f".l{i}{{--h:{_hue(self.labels[i])}}}"
            f"body:has(#s{i}:not(:checked)) mark.l{i}{{background:none;box-shadow:none}}"
            f"body:has(#s{i}:not(:checked)) mark.l{i}::before{{content:none!important}}"
        )

    def _mark(self, span: Span) -> _Layer:
        label = _letters(span.label)
        tip = f"{label} {span.confidence:.2f} · {span.start}-{span.end}"
        attributes = f'class="l{self.labels.index(span.label)}" style="--p:{span.confidence:.2f}" data-tip="{tip}"'
        opening, again = f'<mark {attributes} data-label="{label}">', f"<mark {attributes}>"
        return _Layer(span.start, span.end, opening, again, "</mark>")

    def _index_entry(self, i: int) -> str:
        article = self.page.articles[i]
        chips = "".join(
            f'<span class="chip">{_letters(topic.label)} <b>{topic.probability:.2f}</b></span>'
            for topic in article.topics
        )
        return (
            f'<li class="{article.kind}" style="--h:{_article_hue(i)}"><a href="#a{i + 1}">'
            f'<span class="no">{i + 1}</span><span class="name">{_name(article, self.raw)}</span></a>'
            f'<span class="chips">{chips or _kind_chip(article)}</span></li>'
        )

    def _part(self, part: _Part) -> str:
        text = "".join(self._pieces(part.start, part.end))
        if part.article < 0:
            blank = "" if self.raw[part.start : part.end].strip() else " blank"
            return f'<div class="part"><div class="raw rest{blank}">{text}</div></div>'
        article, number = self.page.articles[part.article], part.article + 1
        anchor = f"a{number}" if part.nth == 0 else f"a{number}-{part.nth + 1}"
        return (
            f'<section class="part {article.kind}" id="{anchor}" style="--h:{_article_hue(part.article)}">'
            f'<div class="band">{_above(number, part)}<div class="raw">{text}</div>{_below(number, part)}</div>'
            f"{self._card(part.article) if part.nth == 0 else self._stub(part)}</section>"
        )

    def _pieces(self, start: int, end: int) -> Iterator[str]:
        """Yield the text from `start` to `end`, cut wherever an element opens or closes."""
        low = bisect_left(self.layer_starts, start - self.longest)
        layers = [
            layer
            for layer in self.layers[low : bisect_left(self.layer_starts, end)]
            if layer.end > max(start, layer.start)
        ]
        edges = {edge for layer in layers for edge in (layer.start, layer.end) if start < edge < end}
        active: list[_Layer] = []
        upcoming = 0
        for left, right in pairwise(sorted({start, end} | edges)):
            active = [layer for layer in active if layer.end > left]
            while upcoming < len(layers) and layers[upcoming].start <= left:
                active.append(layers[upcoming])
                upcoming += 1
            nested = sorted(active, key=lambda layer: layer.start - layer.end)
            yield "".join(layer.open if layer.start == left else layer.again for layer in nested)
            yield _letters(self.raw[left:right])
            yield "".join(layer.close for layer in reversed(nested))

    def _card(self, i: int) -> str:
        article = self.page.articles[i]
        lines = place(parts_of(article, self.raw), self.starts)
        size = sum(end - start for start, end in article.ranges)
        byline = f'<p class="byline">{_letters(article.byline)}</p>' if article.byline.strip() else ""
        return (
            f'<aside><p class="kicker"><span class="no">{i + 1}</span> {article.kind} · '
            f"{lines} · {size:,} characters</p><h2>{_name(article, self.raw)}</h2>{byline}"
            f"{_scores(article)}{self._entities(article)}</aside>"
        )

    def _stub(self, part: _Part) -> str:
        article, number = self.page.articles[part.article], part.article + 1
        return (
            f'<aside class="stub"><p class="kicker"><span class="no">{number}</span> part {part.nth + 1} of {part.of}'
            f'</p><a href="#a{number}">{_name(article, self.raw)}</a></aside>'
        )

    def _entities(self, article: Article) -> str:
        groups = []
        for i, label in enumerate(self.labels):
            counts = Counter(" ".join(span.text.split()) for span in article.spans if span.label == label)
            if counts:
                names = "".join(f"<li>{_letters(text)}{_times(n)}</li>" for text, n in counts.most_common())
                groups.append(f'<dt class="l{i}">{_letters(label)}</dt><dd><ul>{names}</ul></dd>')
        return f'<dl class="entities">{"".join(groups)}</dl>' if groups else ""


def _parts(page: Page, raw: str) -> Iterator[_Part]:
    """Cut the page into the ranges of articles and the rest between; where ranges overlap the first has the text."""
    ranges = sorted(
        (start, end, i, nth, len(parts))
        for i, parts in enumerate(parts_of(article, raw) for article in page.articles)
        for nth, (start, end) in enumerate(parts)
    )
    done = 0
    for start, end, i, nth, of in ranges:
        if start > done:
            yield _Part(done, start, -1)
        yield _Part(max(start, done), max(end, done), i, nth, of)
        done = max(end, done)
    if len(raw) > done:
        yield _Part(done, len(raw), -1)


def _headlines(article: Article, raw: str) -> Iterator[_Layer]:
    """Find the printed lines that the title was made of, to set them as headlines; a guess that moves no text."""
    title = _squeezed(article.title)
    for start, end in article.ranges if title else ():
        for line in re.finditer(r"[^\r\n]+", raw[start:end]):
            squeezed = _squeezed(line[0]) if len(line[0]) <= 2 * len(title) + 40 else ""
            if len(squeezed) >= min(4, len(title)) and squeezed in title:
                yield _Layer(start + line.start(), start + line.end(), '<b class="head">', '<b class="head">', "</b>")


def _squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def _scores(article: Article) -> str:
    """Show every topic's probability as a bar, the accepted ones first; a masthead is about nothing."""
    if not article.topic_scores or article.kind == "masthead":
        return ""
    accepted = {topic.label for topic in article.topics}
    rows = "".join(
        f'<li class="{"accepted" if label in accepted else "other"}" style="--p:{min(max(score, 0.0), 1.0):.3f}">'
        f'<span class="topic">{_letters(label)}</span><span class="bar"><i></i></span><b>{score:.2f}</b></li>'
        for label, score in sorted(article.topic_scores.items(), key=lambda item: (item[0] not in accepted, -item[1]))
    )
    none = "" if accepted else '<p class="none">none of the model’s topics</p>'
    return f'{none}<ul class="scores">{rows}</ul>'


def _above(number: int, part: _Part) -> str:
    if part.nth == 0:
        return ""
    target = f"a{number}" if part.nth == 1 else f"a{number}-{part.nth}"
    return f'<a class="jump" href="#{target}">↑ {number} continues here · part {part.nth + 1} of {part.of}</a>'


def _below(number: int, part: _Part) -> str:
    if part.nth + 1 == part.of:
        return ""
    following = part.nth + 2
    return f'<a class="jump" href="#a{number}-{following}">↓ {number} goes on below · part {following} of {part.of}</a>'


def _name(article: Article, raw: str) -> str:
    if article.title.strip():
        return _letters(article.title)
    return f'<span class="untitled">“{_letters(first_words(article, raw))}”</span>'


def _kind_chip(article: Article) -> str:
    return f'<span class="chip quiet">{"no topic" if article.kind == "article" else article.kind}</span>'


def _times(n: int) -> str:
    return f"<small> ×{n}</small>" if n > 1 else ""


def _article_hue(i: int) -> int:
    return _ARTICLE_HUES[i % len(_ARTICLE_HUES)]


def _hue(label: str) -> int:
    """Give each label the same colour on every page, also one that nobody foresaw."""
    return _LABEL_HUES.get(label, zlib.crc32(label.encode("utf-8", "surrogatepass")) % 360)


def _letters(text: str) -> str:
    """Escape text for anywhere in the document; one character of it becomes one of the document's text."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", escape(text)).translate(_UNHOLDABLE)


def _template() -> Template:
    from importlib.resources import files

    return Template(files("tagger").joinpath("_page.html").read_text(encoding="utf-8"))
