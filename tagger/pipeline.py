"""The whole way of a page: text in, articles with topics and spans out, every offset into the caller's string."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self, overload

import numpy as np

from tagger import artifact as store
from tagger import shelf
from tagger._typing import I32Array
from tagger.artifact import Artifact
from tagger.errors import ConfigurationError, InputError, ModelFormatError
from tagger.features.lexicon import Lexicon
from tagger.features.vectorizer import ArticleVectorizer
from tagger.page import Assembled, PageArticle, PageSegmenter, assemble
from tagger.spans import SpanTagger
from tagger.text.alignment import Alignment
from tagger.text.normalize import DEFAULT_STEPS, Normalized, Normalizer
from tagger.text.segmenter import Segmenter
from tagger.topic import TopicClassifier
from tagger.types import Article, ArticleKind, ModelId, Page, Span, Topic

__all__ = ["As", "Model", "clean_article", "load"]

As = Literal["page", "article"]

# A span that runs over a column break holds the line ends and at most one character printed twice; what else stands
# between two of its parts belongs to another article.
_BRIDGE = 1
_CHUNK = 16  # texts a worker takes at a time
_UNJUDGED = frozenset({"masthead"})  # kinds that get no topic, whatever their scores


def clean_article(raw: str) -> Normalized:
    r"""Normalise a text that is one article: as pages are, and lines cut in mid-sentence joined.

    Examples
    --------
    >>> clean_article("审计整改\n砚川市召开审计工作会议,部署下一阶\n段工作。").text
    '审计整改\n砚川市召开审计工作会议，部署下一阶段工作。'
    """
    return _ARTICLE_NORMALIZER(raw)


_ARTICLE_NORMALIZER = Normalizer(steps=(*DEFAULT_STEPS, "lines"))


class Model:
    """Everything that reads a page, put together.

    Get one with :func:`tagger.load`; build one from fitted parts to save it.

    Parameters
    ----------
    model_id : ModelId
    segmenter : Segmenter
        Words for both the topics and the spans.
    vectorizer, classifier : ArticleVectorizer and TopicClassifier, optional
        Fitted; without them no article gets a topic.
    span_tagger : SpanTagger, optional
        Fitted, with `segmenter`'s parameters; without it no article gets spans.
    lexicon : Lexicon, optional
        The one that `span_tagger` was fitted with.
    page_segmenter : PageSegmenter, optional
    meta : mapping, optional
        What the manifest says beside the parts: scores, data, versions.
    path : Path, optional
        The folder it was loaded from.

    Attributes
    ----------
    id : ModelId
    topics, span_labels : list of str
    meta : dict
    """

    def __init__(
        self,
        model_id: ModelId,
        *,
        segmenter: Segmenter,
        vectorizer: ArticleVectorizer | None = None,
        classifier: TopicClassifier | None = None,
        span_tagger: SpanTagger | None = None,
        lexicon: Lexicon | None = None,
        page_segmenter: PageSegmenter | None = None,
        meta: Mapping[str, Any] | None = None,
        path: Path | None = None,
    ) -> None:
        self.id = model_id
        self.meta = dict(meta or {})
        self.path = path
        self.topics: list[str] = list(classifier.classes_) if classifier is not None else []
        self.span_labels: list[str] = list(span_tagger.labels_) if span_tagger is not None else []
        self._segmenter = segmenter
        self._vectorizer = vectorizer
        self._classifier = classifier
        self._span_tagger = span_tagger
        self._lexicon = lexicon
        self._page_segmenter = page_segmenter if page_segmenter is not None else PageSegmenter()
        self._normalizer = Normalizer()

    def __repr__(self) -> str:
        counts = f"{len(self.topics)} topics, {len(self.span_labels)} span labels"
        return f"<tagger model {self.id.name} {self.id.version}: {counts}>"

    # -- prediction ------------------------------------------------------------------------------------------------

    def read(self, raw: str) -> Page:
        """Find the articles of a page, their topics and spans.

        Parameters
        ----------
        raw : str
            A newspaper page, a bulletin, any text, of any length.

        Raises
        ------
        InputError
            If `raw` is not a str.
        """
        clean = self._normalizer(_checked(raw))
        articles = (self._read_part(raw, clean, part) for part in self._page_segmenter.segment(clean.text))
        return Page(tuple(articles), len(raw), self.id)

    def read_article(self, raw: str) -> Article:
        """Find the topics and spans of a text that is one article.

        The title is the first line where a short one stands above the rest; ``ranges`` is the whole text without
        white space at its edges.
        """
        clean = clean_article(_checked(raw))
        title, _, body = clean.text.strip().partition("\n")
        if not body or len(title) > 60:
            title, body = "", clean.text.strip()
        start, end = len(raw) - len(raw.lstrip()), len(raw.rstrip())
        ranges = ((start, end),) if start < end else ()
        assembled = Assembled(clean.text, clean.alignment, title, "", body)
        return self._judge(raw, clean, assembled, clean.alignment, "article", ranges)

    @overload
    def pipe(self, texts: Iterable[str], *, n_jobs: int = 1, as_: Literal["page"] = "page") -> Iterator[Page]: ...

    @overload
    def pipe(self, texts: Iterable[str], *, n_jobs: int = 1, as_: Literal["article"]) -> Iterator[Article]: ...

    @overload
    def pipe(self, texts: Iterable[str], *, n_jobs: int = 1, as_: As) -> Iterator[Page | Article]: ...

    def pipe(self, texts: Iterable[str], *, n_jobs: int = 1, as_: As = "page") -> Iterator[Page | Article]:
        """Read many texts, in order, one result at a time; `texts` may be endless.

        Parameters
        ----------
        texts : iterable of str
        n_jobs : int
            Processes that work at once; -1 is one a core. Each loads the model from its folder.
        as_ : {"page", "article"}
            Whether each text is a page or one article.

        Raises
        ------
        ConfigurationError
            If `as_` or `n_jobs` is none of these.
        InputError
            If `texts` is one str, or (when its turn comes) one of them is none.
        """
        if as_ not in ("page", "article"):
            raise ConfigurationError(f"as_={as_!r}: expected 'page' or 'article'")
        if not isinstance(n_jobs, int) or n_jobs == 0 or n_jobs < -1:
            raise ConfigurationError(f"n_jobs={n_jobs!r}: expected the number of processes, or -1 for one a core")
        if isinstance(texts, str):
            raise InputError("one str came where several texts were expected: write [text]")
        if n_jobs == 1:
            return self._read_all(texts, as_)
        return self._read_parallel(texts, n_jobs, as_)

    def _read_all(self, texts: Iterable[str], as_: As) -> Iterator[Page | Article]:
        for text in texts:
            yield self.read(text) if as_ == "page" else self.read_article(text)

    def _read_parallel(self, texts: Iterable[str], n_jobs: int, as_: As) -> Iterator[Page | Article]:
        from joblib import Parallel, delayed

        with self._on_disk() as folder:
            work = Parallel(n_jobs=n_jobs, return_as="generator")
            chunks = work(delayed(_read_chunk)(str(folder), chunk, as_) for chunk in _chunks(texts))
            try:
                yield from itertools.chain.from_iterable(chunks)
            finally:
                with warnings.catch_warnings():  # a caller who has seen enough does nothing that needs a warning
                    warnings.filterwarnings("ignore", ".*tasks which were still being processed.*")
                    chunks.close()

    @contextmanager
    def _on_disk(self) -> Iterator[Path]:
        """Give the folder that worker processes load the model from; one that was never saved is saved for them."""
        if self.path is not None:
            yield self.path
            return
        with tempfile.TemporaryDirectory() as temporary:
            yield store.save(self.to_artifact({}), Path(temporary) / self.id.name / self.id.version)

    def _read_part(self, raw: str, clean: Normalized, part: PageArticle) -> Article:
        assembled = assemble(clean.text, part, is_word=self._segmenter.is_word)
        alignment = clean.alignment.then(assembled.alignment)
        return self._judge(raw, clean, assembled, alignment, part.kind, _raw_ranges(raw, clean.alignment, part))

    def _judge(
        self,
        raw: str,
        page: Normalized,
        assembled: Assembled,
        alignment: Alignment,
        kind: ArticleKind,
        ranges: tuple[tuple[int, int], ...],
    ) -> Article:
        """Predict for one article: `page` is the clean page it stands on, `alignment` from its text to `raw`."""
        boundaries = self._segmenter.boundaries(assembled.text)
        scores = self._topic_scores(assembled.text, boundaries)
        accepted = self._accepted(scores) if kind not in _UNJUDGED else ()
        spans = self._spans(raw, page, assembled.text, boundaries, alignment)
        return Article(
            assembled.title, kind, ranges, accepted, scores, spans, byline=assembled.byline, body=assembled.body
        )

    def _topic_scores(self, text: str, boundaries: I32Array) -> dict[str, float]:
        if self._vectorizer is None or self._classifier is None:
            return {}
        probabilities = self._classifier.row_probabilities(self._vectorizer.row(text, boundaries))
        return dict(zip(self.topics, probabilities.tolist(), strict=True))

    def _accepted(self, scores: Mapping[str, float]) -> tuple[Topic, ...]:
        if self._classifier is None:
            return ()
        accepted = self._classifier.accepted(np.array([scores[topic] for topic in self.topics]))
        return tuple(Topic(self.topics[k], scores[self.topics[k]]) for k in accepted)

    def _spans(
        self, raw: str, page: Normalized, text: str, boundaries: I32Array, alignment: Alignment
    ) -> tuple[Span, ...]:
        if self._span_tagger is None:
            return ()
        tagged = self._span_tagger.tag(text, boundaries)
        starts, ends = alignment.to_raw_many(tagged.starts, tagged.ends)
        stretched = (ends - starts != tagged.ends - tagged.starts) & (starts < ends)
        for i in np.flatnonzero(stretched):
            starts[i], ends[i] = _own_part(page, alignment, int(tagged.starts[i]), int(tagged.ends[i]))
        labels = self._span_tagger.labels_
        spans = [
            Span(start, end, labels[label], raw[start:end], confidence)
            for start, end, label, confidence in zip(
                starts.tolist(), ends.tolist(), tagged.labels.tolist(), tagged.confidences.tolist(), strict=True
            )
            if start < end  # not of a separator alone, which stands nowhere in the caller's string
        ]
        return tuple(sorted(spans, key=lambda span: span.start))

    # -- storage ---------------------------------------------------------------------------------------------------

    def to_artifact(self, texts: Mapping[str, str]) -> Artifact:
        """Return the model as files and arrays; `texts` are text files to lie beside them, such as the card."""
        meta: dict[str, Any] = {
            **self.meta,
            "topics": self.topics,
            "span_labels": self.span_labels,
            "scheme": "BIOES",
            "offset_unit": "character (Unicode code point)",
            "segmenter": self._segmenter.to_dict(),
            "page": self._page_segmenter.get_params(),
        }
        arrays: dict[str, Mapping[str, np.ndarray]] = {}
        if self._vectorizer is not None and self._classifier is not None:
            meta["vectorizer"], arrays["vectorizer"] = self._vectorizer.to_state()
            meta["topic"], arrays["topic"] = self._classifier.to_state()
        if self._span_tagger is not None:
            meta["spans"], arrays["spans"] = self._span_tagger.to_state()
        if self._lexicon is not None:
            arrays["lexicon"] = self._lexicon.to_arrays()
        return Artifact(name=self.id.name, version=self.id.version, meta=meta, arrays=arrays, texts=texts)

    @classmethod
    def from_artifact(cls, artifact: Artifact, *, path: Path | None = None) -> Self:
        """Build the model again from what :meth:`to_artifact` gave.

        Raises
        ------
        ModelFormatError
            If the manifest lacks an entry, or arrays do not fit each other.
        """
        meta, arrays = artifact.meta, artifact.arrays
        if meta.get("kind") == "lexicon":
            raise ModelFormatError(f"{path or artifact.name} is a lexicon, not a model: load it with Lexicon.load")
        try:
            segmenter = Segmenter.from_dict(meta["segmenter"])
            lexicon = Lexicon.from_arrays(arrays["lexicon"]) if "lexicon" in arrays else None
            vectorizer = classifier = span_tagger = None
            if "topic" in arrays:
                vectorizer = ArticleVectorizer.from_state(meta["vectorizer"], arrays["vectorizer"], segmenter=segmenter)
                classifier = TopicClassifier.from_state(meta["topic"], arrays["topic"])
                if len(classifier.coef_) != len(vectorizer.keys_):
                    raise InputError(f"{len(classifier.coef_)} topic weights for {len(vectorizer.keys_)} features")
            if "spans" in arrays:
                span_tagger = SpanTagger.from_state(
                    meta["spans"], arrays["spans"], segmenter=segmenter, lexicon=lexicon
                )
            page_segmenter = PageSegmenter(**meta["page"])
        except (InputError, ConfigurationError) as error:
            raise ModelFormatError(f"{path or artifact.name}: {error}") from error
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise ModelFormatError(
                f"{path or artifact.name}: the manifest does not describe a model of this format: {error!r}"
            ) from error
        return cls(
            ModelId(artifact.name, artifact.version),
            segmenter=segmenter,
            vectorizer=vectorizer,
            classifier=classifier,
            span_tagger=span_tagger,
            lexicon=lexicon,
            page_segmenter=page_segmenter,
            meta=meta,
            path=path,
        )


def load(name_or_path: str | Path, version: str | None = None, *, sha256: str | None = None) -> Model:
    """Load a model by its name on a shelf or by its folder.

    Parameters
    ----------
    name_or_path : str or Path
        ``"gov-news"`` (its newest version), ``"gov-news==1.0.0"``, or the path of a model folder.
    version : str, optional
    sha256 : str, optional
        Hash that the folder's manifest must have.

    Raises
    ------
    ModelNotFoundError
        If there is none; the message says where it was looked for and what is there.
    ModelFormatError
        If the folder is damaged, incomplete, renamed or of a newer format; nothing was built then.
    """
    folder = shelf.find(name_or_path, version)
    return Model.from_artifact(store.load(folder, sha256=sha256), path=folder)


@lru_cache(maxsize=1)
def _worker_model(folder: str) -> Model:
    return load(Path(folder))


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    source = iter(texts)
    while chunk := list(itertools.islice(source, _CHUNK)):
        yield chunk


def _read_chunk(folder: str, texts: list[str], as_: As) -> list[Page | Article]:
    return list(_worker_model(folder).pipe(texts, as_=as_))


def _checked(raw: object) -> str:
    if not isinstance(raw, str):
        raise InputError(f"expected the text as str, got {type(raw).__name__}; decode bytes with tagger.text.decode")
    return raw


def _raw_ranges(raw: str, alignment: Alignment, part: PageArticle) -> tuple[tuple[int, int], ...]:
    """Where an article stands in the raw page, in page order; blocks with only white space between are one range.

    A range takes in what normalisation deleted behind its last character (a pinyin gloss, say), so that nothing of the
    page is left to nobody.
    """
    ranges: list[tuple[int, int]] = []
    for start, end in part.ranges():
        first, last = alignment.to_raw(start, end)
        following = alignment.to_raw(end, end + 1)[0] if end < alignment.n_clean else alignment.n_raw
        last = max(last, first + len(raw[first:following].rstrip()))
        if ranges and not raw[ranges[-1][1] : first].strip():
            ranges[-1] = (ranges[-1][0], last)
        else:
            ranges.append((first, last))
    return tuple(ranges)


def _own_part(page: Normalized, alignment: Alignment, start: int, end: int) -> tuple[int, int]:
    """Raw range of a clean range whose parts may stand apart on the page: the longest run of them that does not."""
    pieces = alignment.to_raw_ranges(start, end)
    runs = [pieces[0]]
    for first, last in pieces[1:]:
        since = runs[-1][1]
        if first >= since and len(page.text[slice(*page.alignment.to_clean(since, first))].strip()) <= _BRIDGE:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return max(runs, key=lambda run: run[1] - run[0])
