"""Learn a lexicon from raw text and lists of names: no labels needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tagger.errors import ConfigurationError, InputError
from tagger.features.lexicon import GRAINS, Clusters, Gazetteer, Lexicon
from tagger.features.templates import char_classes, codepoints, is_wordlike
from tagger.text.files import read_text
from tagger.text.normalize import Normalizer
from tagger.text.segmenter import Segmenter
from training._company import Neighbour, clusters, mutual_information, vectors
from training._progress import track
from training.corpus import field, read_rows

__all__ = ["check_numbers", "jieba_names", "learn_lexicon", "make_gazetteer", "raw_files", "read_gazetteer", "read_raw"]

_WORD_NEIGHBOURS = (Neighbour(-2, 0.5, 0), Neighbour(-1, 1, 0), Neighbour(1, 1, 1), Neighbour(2, 0.5, 1))
_PAIR_NEIGHBOURS = (Neighbour(-2, 0.5, 0), Neighbour(-1, 1, 1), Neighbour(2, 1, 2), Neighbour(3, 0.5, 3))
_MOST_PAIR_CONTEXTS = 10_000  # pairs are counted in a table of this many squared
_RAW_KINDS = "JSON lines (.jsonl or .ndjson, also .gz or .xz) or .txt files"
_SHOWN = 3  # bad lines that an error names
_GAP = 3  # empty positions between two texts: no neighbour reaches across

# Parts of speech of jieba's dictionary that are names, and what a gazetteer calls them.
_NAMES = {"nr": "person", "nrfg": "person", "nrt": "person", "ns": "place", "nt": "body", "nz": "name"}


def raw_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files of raw corpora: those named, and for a folder all below it that can be read, sorted.

    Raises
    ------
    InputError
        If a path is missing, a folder holds no such file, or a file is of another kind.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.is_file() and _is_raw(file))
            if not found:
                raise InputError(f"{path}: this folder holds no raw text; expected {_RAW_KINDS}")
            files += found
        elif not path.exists():
            raise InputError(f"{path}: no such file")
        elif not _is_raw(path):
            raise InputError(f"{path}: expected {_RAW_KINDS}")
        else:
            files.append(path)
    return files


def _is_raw(path: Path) -> bool:
    name = path.name.removesuffix(".gz").removesuffix(".xz")
    return path.suffix == ".txt" or name.endswith((".jsonl", ".ndjson"))


def read_raw(paths: Iterable[Path], *, exclude: Collection[str] = ()) -> Iterator[str]:
    """Yield the texts of raw corpora.

    Parameters
    ----------
    paths : iterable of Path
        JSON lines files (plain, gzip, xz) with a field ``body`` or ``text`` and perhaps a ``title``, which is put
        before it with a line end; plain text files, one text each; folders of them.
    exclude : collection of str
        Ids of rows to leave out.

    Raises
    ------
    InputError
        If a file is missing, of another kind or cannot be read, or a row has no text; says which and where.
    """
    for path in raw_files(paths):
        if path.suffix == ".txt":
            yield read_text(path).text
            continue
        for where, row in read_rows(path):
            if str(row.get("id")) not in exclude:
                body = field(row, "text" if "text" in row and "body" not in row else "body", str, where)
                yield f"{row['title']}\n{body}" if row.get("title") else body


def jieba_names() -> dict[str, str]:
    """Return the names of persons, places, bodies and other things in jieba's own dictionary, with their kind."""
    import jieba

    entries = {}
    with (Path(jieba.__file__).parent / "dict.txt").open(encoding="utf-8") as lines:
        for line in lines:
            word, _, tag = line.split()
            if tag in _NAMES and len(word) > 1:
                entries[word] = _NAMES[tag]
    return entries


def read_gazetteer(path: Path) -> dict[str, str]:
    """Read a list of names: an entry a line, its kind behind a tab; without one, the kind is the file's name.

    Raises
    ------
    InputError
        If the file is missing or no UTF-8, or lines have an empty entry or kind, or a third field; the message names
        the first lines and the number of all.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise InputError(f"{path}: no such gazetteer") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, expected a list of names; raw text goes before --gazetteer") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); convert it to UTF-8") from None
    entries: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(lines, 1):
        entry, *kinds = (field.strip() for field in line.split("\t"))
        kind = kinds[0] if kinds else path.stem
        if entry and kind and len(kinds) < 2:
            entries[entry] = kind
        elif line.strip():
            wrong.append(f"line {number}: {line.strip(chr(13))!r}")
    if wrong:
        shown = ", ".join(wrong[:_SHOWN]) + (f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else "")
        raise InputError(f"{path}, {shown}; expected an entry, or an entry, a tab and its kind")
    return entries


def make_gazetteer(paths: Iterable[Path], *, with_jieba: bool = False) -> Gazetteer | None:
    """Put lists of names together; None where there is none.

    An entry is found as it is written, and as :class:`~tagger.text.normalize.Normalizer` would write it: that is how
    models see their texts.

    Parameters
    ----------
    paths : iterable of Path
        As for :func:`read_gazetteer`. Where an entry stands in several lists, the last one says its kind.
    with_jieba : bool
        Begin with :func:`jieba_names`.

    Raises
    ------
    InputError
        If a list cannot be read.
    """
    given = {entry: kind for path in paths for entry, kind in read_gazetteer(path).items()}
    normalizer = Normalizer()
    clean = {normalizer(entry).text: kind for entry, kind in given.items()}
    clean.pop("", None)
    entries = (jieba_names() if with_jieba else {}) | clean | given
    return Gazetteer.from_entries(entries) if entries else None


def learn_lexicon(
    texts: Iterable[str],
    *,
    min_count: int = 20,
    min_pair_count: int = 60,
    n_contexts: int = 20_000,
    n_pair_contexts: int = 4_000,
    n_dimensions: int = 100,
    n_clusters: Sequence[int] = (64, 512, 2000),
    gazetteer: Gazetteer | None = None,
    random_state: int = 0,
) -> Lexicon:
    """Cluster the words, and the pairs of characters, of `texts` by the company they keep.

    Words are counted with their neighbours up to two words to the left and to the right (the second at half weight),
    pairs of characters with the two characters before and behind, each place apart. The counts become positive
    pointwise mutual information, whose truncated singular value decomposition gives each item a vector; k-means on the
    normalised vectors gives the clusters. One thread, so that the result does not depend on how sums were split.

    Parameters
    ----------
    texts : iterable of str
        Read once.
    min_count, min_pair_count : int
        Rarer words and pairs are left out.
    n_contexts, n_pair_contexts : int
        How many of the most frequent words, and characters (at most 10,000), are looked at as neighbours.
    n_dimensions : int
    n_clusters : (int, int, int)
        Clusters of each grain.
    gazetteer : Gazetteer, optional
        Taken into the lexicon as it is.
    random_state : int

    Raises
    ------
    InputError
        If fewer words or pairs than the largest number of clusters are frequent enough, or none has neighbours.
    ConfigurationError
        If a number is out of its range.
    """
    from threadpoolctl import threadpool_limits

    check_numbers(
        min_count=min_count,
        min_pair_count=min_pair_count,
        n_contexts=n_contexts,
        n_pair_contexts=n_pair_contexts,
        n_dimensions=n_dimensions,
        n_clusters=n_clusters,
    )
    words, tokens, codes = _read(texts, min_count)
    _check_enough(words, "words", min_count, n_clusters)
    alphabet, chars = _rank_chars(codes, n_pair_contexts)
    pairs, pair_at = _frequent_pairs(alphabet, chars, min_pair_count)
    _check_enough(pairs, "pairs of characters", min_pair_count, n_clusters)
    contexts = np.where(tokens < n_contexts, tokens, -1)
    with threadpool_limits(1):
        of_words = mutual_information(tokens, contexts, _WORD_NEIGHBOURS, len(words), n_contexts)
        of_pairs = mutual_information(pair_at, chars, _PAIR_NEIGHBOURS, len(pairs), n_pair_contexts)
        tables = [
            _table(strings, clusters(vectors(information, n_dimensions, random_state), n_clusters, random_state))
            for strings, information in ((words, of_words), (pairs, of_pairs))
        ]
    return Lexicon(words=tables[0], pairs=tables[1], gazetteer=gazetteer)


def check_numbers(**numbers: Any) -> None:
    """Check parameters of :func:`learn_lexicon`, any of them.

    Raises
    ------
    ConfigurationError
        If one is out of its range; the message names it.
    """
    sizes = numbers.get("n_clusters", (1,) * len(GRAINS))
    if (
        not isinstance(sizes, list | tuple)
        or len(sizes) != len(GRAINS)
        or not all(_is_count(size) and size < 1 << 16 for size in sizes)
    ):
        raise ConfigurationError(f"n_clusters={sizes!r}: expected {len(GRAINS)} numbers from 1 to 65535")
    for name, value in numbers.items():
        if name != "n_clusters" and not _is_count(value):
            raise ConfigurationError(f"{name}={value!r}: expected a whole number from 1")
    if numbers.get("n_pair_contexts", 1) > _MOST_PAIR_CONTEXTS:
        raise ConfigurationError(f"n_pair_contexts={numbers['n_pair_contexts']}: expected at most 10000")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _check_enough(found: Sequence[str], what: str, least: int, n_clusters: Sequence[int]) -> None:
    if len(found) < max(n_clusters):
        raise InputError(
            f"only {len(found)} {what} stand {least} times in the raw text: give more text, or fewer than "
            f"{max(n_clusters)} clusters"
        )


def _table(strings: Sequence[str], numbers: np.ndarray) -> Clusters:
    keys = Clusters.keys_of(strings)
    order = np.argsort(keys)
    return Clusters(keys[order], numbers[:, order])


def _read(texts: Iterable[str], min_count: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Read texts once, as words and as characters.

    Returns
    -------
    words : list of str
        Frequent ones, most frequent first.
    tokens : ndarray of int32
        All tokens as their numbers in `words`; -1 for rarer words and between texts.
    codes : ndarray of uint32
        All code points; 0 between texts.
    """
    normalizer, segmenter = Normalizer(), Segmenter()
    numbers: dict[str, int] = {}
    tokens, codes = [np.full(_GAP, -1, np.int32)], [np.zeros(_GAP, np.uint32)]
    for text in track(texts, "lexicon: texts read", every=5_000):
        clean = normalizer(text).text
        words = segmenter.cut(clean)
        tokens.append(np.array([*(numbers.setdefault(word, len(numbers)) for word in words), *[-1] * _GAP], np.int32))
        codes.append(np.append(codepoints(clean).astype(np.uint32), np.zeros(_GAP, np.uint32)))
    all_tokens = np.concatenate(tokens)
    counts = np.bincount(all_tokens[all_tokens >= 0], minlength=len(numbers))
    order = np.argsort(-counts, kind="stable")
    frequent = order[counts[order] >= min_count]
    rank = np.full(len(numbers) + 1, -1, np.int32)  # the last one is what -1 finds
    rank[frequent] = np.arange(len(frequent))
    spelled = list(numbers)
    return [spelled[i] for i in frequent], rank[all_tokens], np.concatenate(codes)


def _rank_chars(codes: np.ndarray, n_chars: int) -> tuple[np.ndarray, np.ndarray]:
    """Most frequent characters; all characters as their numbers among them, -1 for others: int32."""
    counts = np.bincount(codes)
    counts[:1] = 0  # what parts the texts
    order = np.argsort(-counts, kind="stable")[:n_chars]
    alphabet = order[counts[order] > 0]
    rank = np.full(len(counts), -1, np.int32)
    rank[alphabet] = np.arange(len(alphabet))
    return alphabet.astype(np.uint32), rank[codes]


def _frequent_pairs(alphabet: np.ndarray, chars: np.ndarray, min_count: int) -> tuple[list[str], np.ndarray]:
    """Pairs of letters that are frequent enough; which one begins at each position, -1 for none: int32."""
    n = len(alphabet)  # at most 10,000, so that a pair is a number of 32 bits
    letter = np.append(is_wordlike(char_classes(alphabet.astype(np.uint64))) > 0, False)[chars]
    both = np.append(letter[:-1] & letter[1:], False)
    found = chars[both] * np.int32(n) + chars[1:][both[:-1]]
    counts = np.bincount(found, minlength=n * n)
    frequent = np.flatnonzero(counts >= min_count)
    rank = np.full(n * n, -1, np.int32)
    rank[frequent] = np.arange(len(frequent))
    at = np.full(len(chars), -1, np.int32)
    at[both] = rank[found]
    return [chr(alphabet[pair // n]) + chr(alphabet[pair % n]) for pair in frequent], at
