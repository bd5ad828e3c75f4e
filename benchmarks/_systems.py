"""The taggers that are compared: ours, ours without a lever, and peers; how each is built and what may be tuned."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from benchmarks.span_sets import Example, outermost
from tagger import artifact, load
from tagger.errors import ConfigurationError
from tagger.features.lexicon import Lexicon
from tagger.features.templates import DEFAULT_TEMPLATES, WORD_STREAMS
from tagger.spans import LabelledRange, SpanTagger
from tagger.spans._features import Features
from tagger.types import Span

__all__ = ["LEVERS", "SYSTEMS", "Competitor", "System", "build"]

_MODEL = "gov-news"


class Competitor(Protocol):
    """What the benchmark asks of a tagger."""

    def fit(self, examples: Sequence[Example]) -> None:
        """Learn from annotated texts."""
        ...

    def adjust(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Adjust what can be adjusted on dev data without training anew; return it as parameters."""
        ...

    def tag(self, texts: Sequence[str]) -> list[list[Any]]:
        """Return the spans of each raw text as the tagger's own users get them: this is timed."""
        ...

    def ranges(self, tagged: list[list[Any]]) -> list[list[LabelledRange]]:
        """Write what :meth:`tag` gave as (start, end, label)."""
        ...

    def facts(self) -> dict[str, float]:
        """Return what else there is to know of the fitted tagger: ``model_bytes``, ``features`` and its own."""
        ...


@dataclass(frozen=True)
class System:
    """One tagger of the comparison.

    Attributes
    ----------
    build : callable
        Makes an unfitted competitor from parameters and a seed.
    default : mapping
        Parameters where nothing is tuned.
    grid : tuple of mapping
        What is tried on dev data; the first of equally good ones is taken, so cheap ones stand first.
    stops : tuple of mapping
        Ever longer training, for the curve of F1 against seconds.
    seeded : bool
        Whether the seed changes anything; if not, one seed is run.
    modules, packages : tuple of str
        Modules that must be installed, and the distributions whose versions the results name.
    about : str
        One line for the results page.
    """

    build: Callable[[Mapping[str, Any], int], Competitor]
    default: Mapping[str, Any]
    grid: tuple[Mapping[str, Any], ...]
    stops: tuple[Mapping[str, Any], ...]
    seeded: bool
    modules: tuple[str, ...]
    packages: tuple[str, ...]
    about: str

    @property
    def missing(self) -> list[str]:
        """Modules that are not installed."""
        return [name for name in self.modules if find_spec(name) is None]


class Ours:
    """`SpanTagger` as a competitor; nested annotations are reduced to the outermost before training."""

    def __init__(self, tagger: SpanTagger) -> None:
        self.tagger = tagger

    def fit(self, examples: Sequence[Example]) -> None:
        """Learn from annotated texts."""
        self.tagger.fit([text for text, _ in examples], [outermost(spans) for _, spans in examples])

    def adjust(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Tune the decoding threshold on dev data; return it as a parameter."""
        point = self.tagger.tune_threshold([text for text, _ in examples], [outermost(spans) for _, spans in examples])
        return {"threshold": point.threshold}

    def tag(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of each raw text, with their confidences."""
        return self.tagger.predict(texts)

    def ranges(self, tagged: list[list[Any]]) -> list[list[LabelledRange]]:
        """Write spans as (start, end, label)."""
        return [[(span.start, span.end, span.label) for span in found] for found in tagged]

    def facts(self) -> dict[str, float]:
        """Bytes as the library's store keeps the model (its lexicon, which models share, apart), and attributes."""
        meta, arrays = self.tagger.to_state()
        n_features = sum(len(array) for name, array in arrays.items() if name.endswith("keys"))
        facts: dict[str, float] = {"model_bytes": _stored(meta, {"spans": arrays}), "features": n_features}
        lexicon = self.tagger.lexicon
        return facts if lexicon is None else facts | {"lexicon_bytes": _stored({}, {"lexicon": lexicon.to_arrays()})}


def build(name: str, parameters: Mapping[str, Any], *, seed: int, lever: str | None = None) -> Competitor:
    """Make the unfitted competitor of that name, a lever of :data:`LEVERS` taken away if one is named."""
    if lever is None:
        return SYSTEMS[name].build(parameters, seed)
    if name != "tagger":
        raise ConfigurationError(f"levers are taken from 'tagger', not from {name!r}")
    return _ours({**parameters, **LEVERS[lever]()}, seed)


@cache
def lexicon() -> Lexicon:
    """Return the lexicon of the newest shipped model, learned from raw news without labels."""
    tagger = load(_MODEL)._span_tagger
    if tagger is None or tagger.lexicon is None:
        raise ConfigurationError(f"model {_MODEL!r} has no lexicon: train it with training/recipes/gov-news.toml")
    return tagger.lexicon


def _ours(parameters: Mapping[str, Any], seed: int) -> Competitor:
    return Ours(SpanTagger(**{"lexicon": lexicon(), **parameters}, random_state=seed))


def _ours_plain(parameters: Mapping[str, Any], seed: int) -> Competitor:
    return Ours(SpanTagger(**parameters, random_state=seed))


def _crfsuite(parameters: Mapping[str, Any], seed: int) -> Competitor:
    from benchmarks._crfsuite import CrfSuite, same_templates

    return CrfSuite(same_templates(), **parameters)


def _crfsuite_usual(parameters: Mapping[str, Any], seed: int) -> Competitor:
    from benchmarks._crfsuite import CrfSuite, usual_templates

    return CrfSuite(usual_templates(), **parameters)


def _spacy(parameters: Mapping[str, Any], seed: int) -> Competitor:
    from benchmarks._spacy import Spacy

    return Spacy(seed=seed, **parameters)


def _stored(meta: dict[str, Any], arrays: Mapping[str, Mapping[str, Any]]) -> int:
    with tempfile.TemporaryDirectory() as shelf:
        folder = artifact.save(artifact.Artifact("bench", "1.0.0", meta, arrays), Path(shelf) / "bench" / "1.0.0")
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# Levers of the ablation: what the full tagger is given instead.
LEVERS: dict[str, Callable[[], dict[str, Any]]] = {
    "lexicon": lambda: {"lexicon": None},
    "words": lambda: {"lexicon": None, "templates": _character_templates()},
    "word clusters": lambda: {"lexicon": Lexicon(pairs=lexicon().pairs, gazetteer=lexicon().gazetteer)},
    "pair clusters": lambda: {"lexicon": Lexicon(words=lexicon().words, gazetteer=lexicon().gazetteer)},
    "gazetteer": lambda: {"lexicon": Lexicon(words=lexicon().words, pairs=lexicon().pairs)},
    "threshold": lambda: {"threshold": None},
    "brackets": lambda: {"templates": _default_templates("bracket")},
    "dropout": lambda: {"dropout": 0.0},
    "pruning": lambda: {"prune": 0.0},
}


def _default_templates(without: str) -> tuple[str, ...]:
    """All templates of the full tagger but those that name a stream."""
    return tuple(t for t in Features(None, lexicon(), None).templates if f"{without}[" not in t)


def _character_templates() -> tuple[str, ...]:
    return tuple(t for t in DEFAULT_TEMPLATES if not any(f"{stream}[" in t for stream in ("place", *WORD_STREAMS)))


_RATES: tuple[Mapping[str, Any], ...] = tuple(
    {"learning_rate": rate, "dropout": dropout} for rate in (0.05, 0.1) for dropout in (0.3, 0.5)
)
_FIRST_PASSES: tuple[Mapping[str, Any], ...] = tuple({"max_iter": n} for n in (1, 2, 3, 4, 6, 8, 12, 20))
_PENALTIES: tuple[Mapping[str, Any], ...] = (
    {"c1": 0.0, "c2": 1.0, "max_iterations": 100},  # the library's default penalties
    {"c1": 1.0, "c2": 0.001, "max_iterations": 100},  # those of its tutorial
    {"c1": 0.1, "c2": 0.1, "max_iterations": 100},
    {"c1": 0.1, "c2": 0.01, "max_iterations": 100},
)
_ITERATIONS: tuple[Mapping[str, Any], ...] = tuple({"max_iterations": n} for n in (15, 30, 60, 100, 200))
_OWN = ("numpy", "numba")

SYSTEMS: dict[str, System] = {
    "tagger": System(
        _ours, {}, _RATES, _FIRST_PASSES, True, (), _OWN, "SpanTagger with the lexicon of the shipped model"
    ),
    "tagger-plain": System(
        _ours_plain, {}, _RATES, _FIRST_PASSES, True, (), _OWN, "SpanTagger without a lexicon: the templates alone"
    ),
    "crfsuite": System(
        _crfsuite,
        _PENALTIES[2],
        _PENALTIES,
        _ITERATIONS,
        False,
        ("pycrfsuite",),
        ("python-crfsuite",),
        "python-crfsuite, L-BFGS, the templates of tagger-plain as strings",
    ),
    "crfsuite-usual": System(
        _crfsuite_usual,
        _PENALTIES[2],
        _PENALTIES,
        _ITERATIONS,
        False,
        ("pycrfsuite",),
        ("python-crfsuite",),
        "python-crfsuite, L-BFGS, characters and pairs of them up to two away, and their type",
    ),
    "spacy": System(
        _spacy, {}, ({},), (), True, ("spacy",), ("spacy", "thinc"), "spaCy zh, characters, NER trained from nothing"
    ),
}
"""By name, in the order of the tables. The `tagger` systems are always run; the others where asked for."""
