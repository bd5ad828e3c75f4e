"""``tagger models`` and ``tagger lexicon show``: what is on the shelf, and in one of what stands there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tagger.display import text_width

__all__ = ["list_models", "show_model", "show_words"]

_CARD = "README.md"
_HEADER = ("NAME", "VERSION", "TOPICS", "SPAN LABELS", "SIZE", "PATH")


def list_models() -> str:
    """Return a table of every model on every shelf; a model whose manifest cannot be read is listed as damaged."""
    from tagger import shelf

    entries = shelf.list_models()
    if not entries:
        looked = ", ".join(map(str, shelf.shelves()))
        return f"no models; looked in {looked}\nTrain one with: tagger train RECIPE.toml\n"
    rows = [_HEADER, *(_row(entry.name, entry.version, entry.path) for entry in entries)]
    return "".join(f"{line}\n" for line in _columns(rows))


def show_model(reference: str) -> str:
    """Return what the manifest and the card of a model say, after every file of it has been verified.

    Parameters
    ----------
    reference : str
        Name on the shelf, perhaps with a version, or path of a folder, as :func:`tagger.shelf.find` takes it.

    Raises
    ------
    ModelNotFoundError
        If there is no such model.
    ModelFormatError
        If the model is damaged.
    """
    from tagger import artifact, shelf

    path = shelf.find(reference)
    model = artifact.load(path)
    is_lexicon = _is_lexicon(model.meta)
    labels = [(name.replace("_", " "), _listed(model.meta.get(name))) for name in ("topics", "span_labels")]
    facts = [
        ("lexicon" if is_lexicon else "model", f"{model.name} {model.version}"),
        ("path", str(path)),
        ("size", _size(path)),
        *([] if is_lexicon else labels),
        *((f"score {name}", value) for name, value in _leaves(model.meta.get("scores"))),
    ]
    card = model.texts.get(_CARD, "")
    return "".join(f"{line}\n" for line in _columns(facts)) + (f"\n{card.rstrip()}\n" if card.strip() else "")


def show_words(reference: str, words: Sequence[str]) -> str:
    """Return a table of the clusters and the kind of words in a lexicon, or that of a model.

    Parameters
    ----------
    reference : str
        As for :func:`show_model`.
    words : sequence of str
        Words, and pairs of characters.

    Raises
    ------
    ModelNotFoundError, ModelFormatError, ConfigurationError
        As :meth:`tagger.Lexicon.load`.
    """
    from tagger.features.lexicon import GRAINS, Clusters, Lexicon

    lexicon = Lexicon.load(reference)
    keys = Clusters.keys_of(words)
    numbers = [
        [["-"] * len(words) for _ in GRAINS] if part is None else part.of(keys).tolist()
        for part in (lexicon.words, lexicon.pairs)
    ]
    kinds = ["-" if lexicon.gazetteer is None else lexicon.gazetteer.kind_of(word) or "-" for word in words]
    header = ("WORD", *(f"{part} {grain}".upper() for part in ("word", "pair") for grain in GRAINS), "KIND")
    found = zip(words, *(map(_number, grain) for part in numbers for grain in part), kinds, strict=True)
    return "".join(f"{line}\n" for line in _columns([header, *found]))


def _number(cluster: object) -> str:
    return str(cluster or "-")


def _is_lexicon(meta: Mapping[str, Any]) -> bool:
    return meta.get("kind") == "lexicon"


def _row(name: str, version: str, path: Path) -> tuple[str, ...]:
    meta = _meta(path)
    if meta is None:
        return name, version, "damaged", "-", _size(path), str(path)
    if _is_lexicon(meta):
        return name, version, "lexicon", "lexicon", _size(path), str(path)
    return name, version, _listed(meta.get("topics")), _listed(meta.get("span_labels")), _size(path), str(path)


def _meta(path: Path) -> Mapping[str, Any] | None:
    """Read what the manifest says without verifying the model, which would read all of every model on the shelf."""
    from tagger.artifact import MANIFEST

    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        meta = manifest["meta"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return meta if isinstance(meta, dict) else None


def _listed(names: object) -> str:
    return ", ".join(map(str, names)) if isinstance(names, list) and names else "-"


def _size(path: Path) -> str:
    return f"{sum(file.stat().st_size for file in path.rglob('*') if file.is_file()) / 1e6:.1f} MB"


def _leaves(scores: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the numbers of nested scores with the path to each, such as ``topics.macro_f1``."""
    if isinstance(scores, Mapping):
        for key, value in scores.items():
            yield from _leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(scores, float):
        yield name, f"{scores:.4f}"
    elif isinstance(scores, (int, str)):
        yield name, str(scores)


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Align `rows` in columns; the last one is as long as it is."""
    widths = [max(map(text_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell + " " * (width - text_width(cell)) for cell, width in zip(row[:-1], widths, strict=False)]
        yield "  ".join([*cells, row[-1]])
