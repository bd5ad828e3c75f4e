"""Sequences as users give them, packed and checked: the compiled code checks nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tagger._typing import F64Array, I64Array, U64Array
from tagger.errors import AnnotationError, InputError
from tagger.features._keys import fold_all

__all__ = ["check_legal", "check_lengths", "check_packed", "check_scores", "hash_attributes", "pack"]


def hash_attributes(tokens: Sequence[Sequence[str]]) -> U64Array:
    """Turn attribute strings into the 64-bit keys that the model works on.

    Parameters
    ----------
    tokens : sequence of sequence of str
        The attributes of each token; tokens may have different numbers of them.

    Returns
    -------
    keys : ndarray of uint64, shape (n_tokens, most attributes of any token)
        BLAKE2b of the UTF-8 string, cut to 64 bits; 0 where a token has fewer attributes.

    Examples
    --------
    >>> hash_attributes([["字=党", "类=汉"], ["字=建"]]).shape
    (2, 2)
    """
    width = max((len(attributes) for attributes in tokens), default=0)
    keys = np.zeros((len(tokens), width), np.uint64)
    for t, attributes in enumerate(tokens):
        for a, attribute in enumerate(attributes):
            digest = hashlib.blake2b(attribute.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            keys[t, a] = int.from_bytes(digest, "little")
    return keys


def pack(X: Sequence[Any]) -> tuple[U64Array, I64Array]:
    """Put all sequences behind each other: keys (n_tokens, n_attributes) and offsets (n_sequences + 1,)."""
    parts = [_keys_of(i, x) for i, x in enumerate(X)]
    width = max((part.shape[1] for part in parts if len(part)), default=0)
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    keys = np.zeros((int(offsets[-1]), width), np.uint64)
    for part, start in zip(parts, offsets, strict=False):
        keys[start : start + len(part), : part.shape[1]] = part if len(part) else 0
    return keys, offsets


def _keys_of(i: int, x: Any) -> U64Array:
    if not isinstance(x, np.ndarray):
        x = hash_attributes(x)
    if x.dtype != np.uint64 or x.ndim != 2:
        raise InputError(
            f"sequence {i} is an array of {x.dtype}, shape {x.shape}: expected uint64 keys, shape (n_tokens, "
            "n_attributes), or a list with the attribute strings of each token"
        )
    # Whatever numbers a user takes for keys, the look-up needs them spread evenly; 0 stays no attribute.
    return np.where(x > 0, fold_all(x.ravel(), 0).reshape(x.shape), np.uint64(0))


def check_lengths(offsets: I64Array, y: Sequence[Sequence[str]]) -> None:
    """Refuse tags that are not one a token.

    Raises
    ------
    InputError
        With the first sequence where the numbers differ.
    """
    lengths = np.diff(offsets)
    if len(y) != len(lengths):
        raise InputError(f"{len(lengths)} sequences but {len(y)} tag sequences: give one for each")
    for i, (length, tags) in enumerate(zip(lengths, y, strict=True)):
        if length != len(tags):
            raise InputError(f"sequence {i} has {length} tokens but {len(tags)} tags: give one tag a token")


def check_packed(keys: U64Array, offsets: I64Array, gold: I64Array, n_tags: int, *, what: str = "") -> None:
    """Refuse arrays that would make the compiled code read beyond their ends.

    Raises
    ------
    InputError
        With the numbers that do not fit; `what` tells whose they are.
    """
    if not len(gold):
        raise InputError(f"{what}no tokens to learn from: give at least one sequence that is not empty")
    if keys.dtype != np.uint64 or keys.ndim != 2:
        raise InputError(
            f"{what}keys are an array of {keys.dtype}, shape {keys.shape}: expected uint64, shape (n_tokens, "
            "n_attributes)"
        )
    if len(keys) != len(gold):
        raise InputError(f"{what}{len(keys)} rows of keys but {len(gold)} tags: give one tag a token")
    if offsets[0] != 0 or offsets[-1] != len(gold) or np.any(np.diff(offsets) < 0):
        raise InputError(f"{what}offsets of sequences must rise from 0 to the number of tokens, {len(gold)}")
    if not 0 <= gold.min() <= gold.max() < n_tags:
        raise InputError(f"{what}gold points outside the {n_tags} tags: indices from 0 to {n_tags - 1} were expected")


def check_legal(
    gold: I64Array, offsets: I64Array, tags: Sequence[str], edges: tuple[F64Array, F64Array, F64Array], scheme: str
) -> None:
    """Refuse tags where the scheme forbids them; no sequence is empty.

    Raises
    ------
    AnnotationError
        With the sequence, the token and the tag.
    """
    transitions, start, end = (np.isfinite(edge) for edge in edges)
    follows = np.ones(len(gold), bool)  # whether each token's tag may stand after the one before it
    follows[1:] = transitions[gold[:-1], gold[1:]]
    follows[offsets[:-1]] = start[gold[offsets[:-1]]]
    closes = end[gold[offsets[1:] - 1]]
    if follows.all() and closes.all():
        return
    t = int(np.argmin(follows)) if not follows.all() else int(offsets[1:][np.argmin(closes)] - 1)
    s = int(np.searchsorted(offsets, t, side="right") - 1)
    where = f"sequence {s}, token {t - int(offsets[s])}"
    raise AnnotationError(
        f"{where}: tag {tags[gold[t]]!r} cannot stand there in the {scheme} scheme; "
        "convert the tags (tagger.crf.scheme.spans_to_tags) or use scheme='free'"
    )


def check_scores(scores: F64Array, n_tags: int, offsets: I64Array | None = None) -> None:
    """Refuse emissions of another model, and offsets that are not those of their tokens.

    Raises
    ------
    InputError
        With the shape that came and that was expected.
    """
    if scores.ndim != 2 or scores.shape[1] != n_tags:
        raise InputError(f"scores of shape {scores.shape}: expected (n_tokens, {n_tags}), as emissions() gives them")
    if offsets is None:
        return
    if not len(offsets) or offsets[-1] - offsets[0] != len(scores) or np.any(np.diff(offsets) < 0):
        raise InputError(f"offsets of sequences must rise by the number of tokens, {len(scores)}, from first to last")
