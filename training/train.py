"""Train a model as a recipe says, score it, and put it on a shelf."""

from __future__ import annotations

import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tagger import artifact
from tagger.errors import ConfigurationError
from tagger.pipeline import Model
from tagger.text.segmenter import Segmenter, dictionary_sha256
from tagger.types import ModelId
from training.card import write_card
from training.evaluate import cross_validate, report
from training.fit import Prepared, fit_spans, fit_topics, make_lexicon, prepare
from training.recipe import Recipe, read_recipe

__all__ = ["run", "train"]

_log = logging.getLogger(__name__)
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "numba", "rjieba")


def run(recipe_path: Path, *, output: Path, n_jobs: int = 1) -> str:
    """Train what the recipe says and save it under ``output/<name>/<version>``; return a readable report.

    Nothing is left behind when this is interrupted: the model is written in one step, at the end.

    Raises
    ------
    ConfigurationError
        If that version is there already: versions are never overwritten.
    """
    recipe = read_recipe(recipe_path)
    folder = output / recipe.name / recipe.version
    if folder.exists():
        raise ConfigurationError(f"{folder} is there already: give the recipe a new version, or remove the folder")
    model, texts = train(recipe, n_jobs=n_jobs)
    saved = artifact.save(model.to_artifact(texts), folder)
    return f"{report(model.meta['scores'])}\nsaved {saved}"


def train(recipe: Recipe, *, n_jobs: int = 1) -> tuple[Model, dict[str, str]]:
    """Cross-validate, then fit on everything; return the model and the text files to lie beside its arrays."""
    prepared = prepare(recipe)
    lexicon = make_lexicon(recipe, prepared)
    scores, judgements = cross_validate(recipe, prepared, lexicon, n_jobs=n_jobs)
    everything = np.arange(len(prepared.texts))
    vectorizer = classifier = span_tagger = None
    if prepared.has_topics.any():
        vectorizer, classifier = fit_topics(recipe, prepared, everything)
        _log.info("topics: learned")
    if prepared.has_spans.any():
        span_tagger = fit_spans(recipe, prepared, everything, lexicon)
        if judgements:
            span_tagger.adjust(*judgements)
    model = Model(
        ModelId(recipe.name, recipe.version),
        segmenter=Segmenter(),
        vectorizer=vectorizer,
        classifier=classifier,
        span_tagger=span_tagger,
        lexicon=lexicon,
        meta=_meta(recipe, prepared, scores),
    )
    return model, {"README.md": write_card(recipe, prepared, scores)}


def _meta(recipe: Recipe, prepared: Prepared, scores: dict[str, Any]) -> dict[str, Any]:
    """Return what the manifest says beside the parts: no clock and no path, so that equal input gives equal bytes."""
    return {
        "description": recipe.description,
        "recipe": recipe.path.name,
        "seed": recipe.seed,
        "data": {"documents": len(prepared.texts), "sha256": prepared.fingerprint()},
        "dictionary_sha256": dictionary_sha256(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "scores": scores,
    }
