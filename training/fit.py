"""From a recipe's documents to the fitted parts of a model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from tagger.features.lexicon import Lexicon
from tagger.features.vectorizer import ArticleVectorizer
from tagger.pipeline import clean_article
from tagger.spans import LabelledRange, SpanTagger
from tagger.topic import TopicClassifier
from training.corpus import Document
from training.lexicon import learn_lexicon, make_gazetteer, read_raw
from training.recipe import Recipe
from training.splits import near_duplicate_groups

__all__ = ["Prepared", "fit_spans", "fit_topics", "make_lexicon", "prepare"]

_log = logging.getLogger(__name__)

# Each article is learned from twice, whole and as its beginning: captions and short news have no more than that, and
# many articles' topics were judged from it.
_BEGINNING = 230


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe's documents, normalised as the pipeline normalises articles.

    Attributes
    ----------
    documents : list of Document
        As they were read.
    texts : list of str
        Normalised.
    spans : list of (tuple of LabelledRange or None)
        Ranges of `texts`.
    judged : ndarray of bool, shape (n_documents,)
        Whether each counts in the cross-validation.
    groups : ndarray of int64, shape (n_documents,)
        Near-duplicates share a number.
    """

    documents: list[Document]
    texts: list[str]
    spans: list[tuple[LabelledRange, ...] | None]
    judged: np.ndarray
    groups: np.ndarray

    @property
    def has_topics(self) -> np.ndarray:
        """Whether each document's topics were annotated."""
        return np.array([document.topics is not None for document in self.documents])

    @property
    def has_spans(self) -> np.ndarray:
        """Whether each document's spans were annotated."""
        return np.array([spans is not None for spans in self.spans])

    def fingerprint(self) -> str:
        """Return the SHA-256 of all texts and annotations, whatever their order."""
        rows = sorted(repr((d.id, d.text, d.topics, d.spans)) for d in self.documents)
        return sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def prepare(recipe: Recipe) -> Prepared:
    """Read a recipe's documents, normalise them with their spans, and group near-duplicates."""
    read = recipe.documents()
    documents = [document for document, _ in read]
    texts: list[str] = []
    spans: list[tuple[LabelledRange, ...] | None] = []
    for document in documents:
        clean = clean_article(document.text)
        texts.append(clean.text)
        ranges = None
        if document.spans is not None:
            ranges = tuple((*clean.alignment.to_clean(start, end), label) for start, end, label in document.spans)
        spans.append(ranges)
    groups = near_duplicate_groups(texts)
    _log.info("%d documents, %d of them near-duplicates of others", len(texts), len(texts) - len(set(groups.tolist())))
    return Prepared(documents, texts, spans, np.array([judged for _, judged in read]), groups)


def make_lexicon(recipe: Recipe, prepared: Prepared) -> Lexicon | None:
    """Make the lexicon that the recipe asks for; None where it asks for none.

    It is taken from the shelf or learned from raw corpora; the recipe's lists of names become its gazetteer. Annotated
    documents are left out of the raw text, so that the cross-validation judges text that nothing has seen.

    Raises
    ------
    TaggerError
        If a corpus, a list or the lexicon on the shelf is missing or cannot be used.
    """
    settings = dict(recipe.lexicon)
    lists = [path for pattern in settings.pop("gazetteers", ()) for path in recipe.expand(pattern)]
    gazetteer = make_gazetteer(lists, with_jieba=settings.pop("jieba_names", False))
    if "model" in settings:
        found = Lexicon.load(settings["model"])
        return Lexicon(words=found.words, pairs=found.pairs, gazetteer=gazetteer or found.gazetteer)
    if "corpora" not in settings:
        return Lexicon(gazetteer=gazetteer) if gazetteer else None
    paths = [path for pattern in settings.pop("corpora") for path in recipe.expand(pattern)]
    annotated = {document.id for document in prepared.documents}
    texts = read_raw(paths, exclude=annotated)
    return learn_lexicon(texts, gazetteer=gazetteer, random_state=recipe.seed, **settings)


def fit_topics(recipe: Recipe, prepared: Prepared, chosen: np.ndarray) -> tuple[ArticleVectorizer, TopicClassifier]:
    """Fit the topic parts on the `chosen` documents (indices) that have topics.

    The vocabulary and the probabilities come from judged documents; the others, and the beginning of each, are only
    learned from.
    """
    chosen = chosen[prepared.has_topics[chosen]]
    judged = chosen[prepared.judged[chosen]]
    only_learned = chosen[~prepared.judged[chosen]]
    vectorizer = ArticleVectorizer(**_parameters(recipe.vectorizer))
    X = vectorizer.fit_transform([prepared.texts[i] for i in judged])
    extra_texts = [_beginning(prepared.texts[i]) for i in judged] + [prepared.texts[i] for i in only_learned]
    extra_indices = np.concatenate([judged, only_learned])
    classifier = TopicClassifier(random_state=recipe.seed, **_parameters(recipe.topics)).fit(
        X,
        [prepared.documents[i].topics for i in judged],
        groups=prepared.groups[judged],
        extra=(
            vectorizer.transform(extra_texts),
            [prepared.documents[i].topics for i in extra_indices],
            prepared.groups[extra_indices],
        ),
    )
    return vectorizer, classifier


def fit_spans(
    recipe: Recipe, prepared: Prepared, chosen: np.ndarray, lexicon: Lexicon | None, *, name: str = "spans"
) -> SpanTagger:
    """Fit the span tagger on the `chosen` documents (indices) that have spans."""
    texts, spans = _annotated(prepared, chosen)
    tagger = SpanTagger(lexicon=lexicon, random_state=recipe.seed, **_parameters(recipe.spans))
    return tagger.fit(
        texts, spans, progress=lambda epoch, loss: _log.info("%s: pass %d, loss %.4f a character", name, epoch, loss)
    )


def _annotated(prepared: Prepared, chosen: np.ndarray) -> tuple[list[str], list[Sequence[LabelledRange]]]:
    texts, found = [], []
    for i in chosen:
        spans = prepared.spans[i]
        if spans is not None:
            texts.append(prepared.texts[i])
            found.append(spans)
    return texts, found


def _beginning(text: str) -> str:
    title, _, body = text.partition("\n")
    return f"{title}\n{body[:_BEGINNING]}" if body and len(title) < 60 else text[:_BEGINNING]


def _parameters(table: Any) -> dict[str, Any]:
    """Parameters of an estimator out of a TOML table, whose arrays are lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
