"""Cross-validation over documents, near-duplicates on one side; and scores of a model on annotated data."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tagger.errors import ConfigurationError
from tagger.features.lexicon import Lexicon
from tagger.pipeline import load
from tagger.spans import Judgement, SpanTagger
from training.corpus import Document, read_marked, read_table
from training.fit import Prepared, fit_spans, fit_topics, make_lexicon, prepare
from training.metrics import calibration_error, span_scores, topic_scores
from training.recipe import Recipe, read_recipe
from training.splits import grouped_folds

__all__ = ["cross_validate", "evaluate_model", "report", "run"]

_log = logging.getLogger(__name__)


class JudgedFold(NamedTuple):
    """The span tagger of one fold, and what it finds in the documents that it never saw.

    Attributes
    ----------
    documents : ndarray of int64
        Indices of the fold's documents.
    tagger : SpanTagger
    judgement : Judgement
    """

    documents: np.ndarray
    tagger: SpanTagger
    judgement: Judgement


def run(target: str, *, data: str | None = None, n_jobs: int = 1) -> str:
    """Cross-validate a recipe (``RECIPE.toml``), or score a model on annotated `data`; return a readable report."""
    if target.endswith(".toml"):
        if data is not None:
            raise ConfigurationError("a recipe names its own data: give either a recipe, or a model and its data")
        recipe = read_recipe(Path(target))
        prepared = prepare(recipe)
        return report(cross_validate(recipe, prepared, make_lexicon(recipe, prepared), n_jobs=n_jobs)[0])
    if data is None:
        raise ConfigurationError(f"give the annotated data to score {target!r} on: tagger evaluate {target} DATA.jsonl")
    return report(evaluate_model(target, Path(data)))


def cross_validate(
    recipe: Recipe, prepared: Prepared, lexicon: Lexicon | None, *, n_jobs: int = 1
) -> tuple[dict[str, Any], list[Judgement]]:
    """Score what the recipe makes, each judged document by a model that saw neither it nor a near-duplicate.

    Parameters
    ----------
    recipe : Recipe
    prepared : Prepared
    lexicon : Lexicon or None
    n_jobs : int
        Folds that are fitted at once.

    Returns
    -------
    scores : dict
        ``topics`` and ``spans``, as :mod:`training.metrics` gives them, with ``calibration_error`` of the confidences
        and the number of documents; ``topics_without_open`` leaves out those whose topics are open to doubt.
    judgements : list of Judgement
        What each fold's span tagger found in its documents; together they adjust a tagger that learns from all.

    Raises
    ------
    ConfigurationError
        If `n_jobs` is no number of processes.
    """
    from joblib import Parallel, delayed

    if n_jobs == 0 or n_jobs < -1:
        raise ConfigurationError(f"n_jobs={n_jobs}: expected the number of processes, or -1 for one a core")
    folds = grouped_folds(prepared.groups, recipe.n_folds, random_state=recipe.seed)
    jobs = (delayed(_fold)(recipe, prepared, lexicon, folds, fold) for fold in range(recipe.n_folds))
    topics: dict[int, tuple[list[str], dict[str, float]]] = {}
    spans: dict[int, list[tuple[int, int, str, float]]] = {}
    judged: list[JudgedFold] = []
    for fold_topics, fold_spans in Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        topics.update(fold_topics)
        judged += fold_spans
        _log.info("cross-validation: a fold of %d is done", recipe.n_folds)
    for one in judged:
        spans.update(_predict_spans(prepared, one, [other.judgement for other in judged if other is not one]))
    scores: dict[str, Any] = {"folds": recipe.n_folds}
    if topics:
        gold = {i: prepared.documents[i].topics or () for i in topics}
        names = sorted({topic for accepted in gold.values() for topic in accepted})
        scores["topics"] = _score_topics(gold, topics, names)
        settled = {i: found for i, found in topics.items() if not prepared.documents[i].is_open}
        if len(settled) < len(topics):
            scores["topics_without_open"] = _score_topics(gold, settled, names)
    if spans:
        scores["spans"] = _score_spans({i: prepared.spans[i] or () for i in spans}, spans)
    return scores, [fold.judgement for fold in judged]


def evaluate_model(name: str, data: Path) -> dict[str, Any]:
    """Score a model on annotated articles: marked JSON lines, or a table with ``text``, ``topics`` and ``spans``."""
    model = load(name)
    documents = _read_data(data)
    topics: dict[int, tuple[list[str], dict[str, float]]] = {}
    spans: dict[int, list[tuple[int, int, str, float]]] = {}
    for i, article in enumerate(model.pipe((document.text for document in documents), as_="article")):
        if documents[i].topics is not None and model.topics:
            topics[i] = [topic.label for topic in article.topics], dict(article.topic_scores)
        if documents[i].spans is not None and model.span_labels:
            spans[i] = [(span.start, span.end, span.label, span.confidence) for span in article.spans]
    scores: dict[str, Any] = {}
    if topics:
        scores["topics"] = _score_topics({i: documents[i].topics or () for i in topics}, topics, model.topics)
    if spans:
        scores["spans"] = _score_spans({i: documents[i].spans or () for i in spans}, spans)
    if not scores:
        raise ConfigurationError(f"{data}: no annotation that {name} predicts; expected topics, spans or both")
    return scores


def report(scores: dict[str, Any]) -> str:
    """Write scores as lines for people.

    Examples
    --------
    >>> print(report({"spans": span_scores([[(0, 2, "ORG")]], [[(0, 2, "ORG")]])}))
    spans                    precision  recall      F1  support
      all                        1.000   1.000   1.000        1
      ORG                        1.000   1.000   1.000        1
    """
    lines: list[str] = []
    for part, total in (("topics", "macro_f1"), ("topics_without_open", "macro_f1"), ("spans", "f1")):
        if part in scores:
            lines.append(f"{part:24} precision  recall      F1  support")
            found = scores[part]
            support = sum(row["support"] for row in found["labels"].values())
            blank = {"precision": found.get("precision"), "recall": found.get("recall"), "f1": found[total]}
            lines.append(_report_row("macro" if total == "macro_f1" else "all", blank, support))
            lines += [_report_row(label, row, row["support"]) for label, row in found["labels"].items()]
            if "calibration_error" in found:
                lines.append(f"  expected calibration error {found['calibration_error']:.3f}")
    return "\n".join(lines)


def _report_row(name: str, row: dict[str, float | None], support: int) -> str:
    cells = [f"{row[key]:.3f}" if row[key] is not None else "-" for key in ("precision", "recall", "f1")]
    return f"  {name:22} {cells[0]:>9} {cells[1]:>7} {cells[2]:>7} {support:>8}"


def _fold(
    recipe: Recipe, prepared: Prepared, lexicon: Lexicon | None, folds: np.ndarray, fold: int
) -> tuple[dict[int, Any], list[JudgedFold]]:
    """Fit on the other folds; give topics of this one's judged documents, by index, and a judgement of its spans."""
    known = np.flatnonzero(folds != fold)
    held_out = np.flatnonzero((folds == fold) & prepared.judged)
    topics: dict[int, Any] = {}
    asked = held_out[prepared.has_topics[held_out]]
    if len(asked):
        vectorizer, classifier = fit_topics(recipe, prepared, known)
        X = vectorizer.transform([prepared.texts[i] for i in asked])
        for i, probabilities in zip(asked.tolist(), classifier.predict_proba(X), strict=True):
            accepted = [classifier.classes_[k] for k in classifier.accepted(probabilities)]
            topics[i] = accepted, dict(zip(classifier.classes_, probabilities.tolist(), strict=True))
    asked = held_out[prepared.has_spans[held_out]]
    if len(asked):
        tagger = fit_spans(recipe, prepared, known, lexicon, name=f"fold {fold + 1}, spans")
        judgement = tagger.judge([prepared.texts[i] for i in asked], [prepared.spans[i] or () for i in asked])
        return topics, [JudgedFold(asked, tagger, judgement)]
    return topics, []


def _predict_spans(
    prepared: Prepared, fold: JudgedFold, others: Sequence[Judgement]
) -> Iterator[tuple[int, list[tuple[int, int, str, float]]]]:
    """Yield the spans of a fold's documents, confidences and threshold adjusted by the other folds alone."""
    tagger = fold.tagger.adjust(*others) if others else fold.tagger
    found = tagger.predict([prepared.texts[i] for i in fold.documents])
    for i, spans in zip(fold.documents.tolist(), found, strict=True):
        yield i, [(span.start, span.end, span.label, span.confidence) for span in spans]


def _score_topics(gold: dict[int, Any], found: dict[int, Any], names: list[str]) -> dict[str, Any]:
    scores = topic_scores([gold[i] for i in found], [accepted for accepted, _ in found.values()], names)
    pairs = [(p, name in gold[i]) for i, (_, probabilities) in found.items() for name, p in probabilities.items()]
    return {"documents": len(found), **scores, "calibration_error": _calibration(pairs)}


def _score_spans(gold: dict[int, Any], found: dict[int, Any]) -> dict[str, Any]:
    scores = span_scores([gold[i] for i in found], [[span[:3] for span in spans] for spans in found.values()])
    pairs = [(span[3], span[:3] in set(gold[i])) for i, spans in found.items() for span in spans]
    return {"documents": len(found), **scores, "calibration_error": _calibration(pairs)}


def _calibration(pairs: list[tuple[float, bool]]) -> float:
    probabilities, truth = zip(*pairs, strict=True) if pairs else ((), ())
    return calibration_error(np.array(probabilities, float), np.array(truth, bool))


def _read_data(data: Path) -> list[Document]:
    if data.suffix == ".jsonl":
        with data.open(encoding="utf-8") as lines:
            if '"marked"' in lines.readline():
                return read_marked([data])
    return read_table(str(data))
