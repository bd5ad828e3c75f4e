"""What a prediction is made of: spans, topics, articles, pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Article", "ArticleKind", "ModelId", "Page", "Span", "Topic"]

ArticleKind = Literal["article", "caption", "notice", "masthead"]


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled range of the caller's string.

    Attributes
    ----------
    start, end : int
        Characters (code points) of the caller's string; ``end`` is exclusive.
    label : str
        Span label, for example ``"ORG"``.
    text : str
        ``raw[start:end]`` to the letter.
    confidence : float
        Probability in [0, 1] that exactly this range has exactly this label.
    """

    start: int
    end: int
    label: str
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Topic:
    """An accepted topic of an article and its probability in [0, 1]."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class ModelId:
    """Name and version of the model that predicted."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Article:
    """One article, caption, notice or masthead of a page.

    Attributes
    ----------
    title : str
        Headline, normalised (glosses out, Simplified, lines joined); ``""`` where there is none.
    kind : {"article", "caption", "notice", "masthead"}
        What this part of the page is.
    ranges : tuple of (int, int)
        Where it stands in the caller's string, in page order; more than one where the page interleaves articles.
    topics : tuple of Topic
        Accepted topics, best first; empty means none of the model's topics.
    topic_scores : mapping of str to float
        The probability of every topic the model knows.
    spans : tuple of Span
        In order of their start.
    byline, body : str
        Normalised text of the byline (``""`` where there is none) and of the rest below the title.
    """

    title: str
    kind: ArticleKind
    ranges: tuple[tuple[int, int], ...]
    topics: tuple[Topic, ...] = ()
    topic_scores: Mapping[str, float] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    byline: str = ""
    body: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the article as it stands in ``--format json`` (see ``docs/prediction.schema.json``)."""
        return {
            "title": self.title,
            "kind": self.kind,
            "ranges": [list(r) for r in self.ranges],
            "topics": [{"label": t.label, "probability": t.probability} for t in self.topics],
            "topic_scores": dict(self.topic_scores),
            "spans": [
                {
                    "start": s.start,
                    "end": s.end,
                    "label": s.label,
                    "text": s.text,
                    "confidence": s.confidence,
                }
                for s in self.spans
            ],
        }


@dataclass(frozen=True, slots=True)
class Page:
    """All that was found on one page.

    Attributes
    ----------
    articles : tuple of Article
        In reading order: by where their title (or else their first character) stands.
    n_chars : int
        Characters of the caller's string; all of them were read.
    model : ModelId
        Who predicted.
    """

    articles: tuple[Article, ...]
    n_chars: int
    model: ModelId

    def to_dict(self, path: str) -> dict[str, Any]:
        """Return the page as it stands in ``--format json``; `path` names the file it was read from."""
        return {
            "path": path,
            "model": {"name": self.model.name, "version": self.model.version},
            "n_chars": self.n_chars,
            "articles": [a.to_dict() for a in self.articles],
        }
