"""Articles to TF-IDF rows: words and character n-grams of the whole text, its lead and its title."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from tagger._estimator import Estimator
from tagger._typing import F32Array, I32Array, U8Array, U64Array
from tagger.errors import ConfigurationError, InputError
from tagger.features._counting import column_counts, gram_keys
from tagger.features._keys import fold_all, radix_bits, radix_index
from tagger.features.templates import char_classes, codepoints, is_wordlike
from tagger.text.segmenter import Segmenter

__all__ = ["ArticleVectorizer", "Row"]


# "…讯（记者 …）", "…7月9日电", "本报讯 ": who reported from where and when, in front of the first sentence.
_DATELINE = re.compile(
    r"[^\n。！？]{0,40}?(?:本报讯|[0-9]日(?:讯|电|消息)|[讯电](?=\s*[（(]))(?:\s*[（(][^（()）\n]{1,60}[)）])?[，、：\s]*"
)


class Row(NamedTuple):
    """The nonzero columns of one article, each array of shape (n_nonzero,)."""

    columns: I32Array
    values: F32Array


class _Grams(NamedTuple):
    """The grams of one text that belong to one view."""

    keys: U64Array
    starts: I32Array
    lengths: I32Array


# A view is a part of the article and a kind of gram, weighted and normalised on its own: the title says more about
# the topic than any other line of its length, and a long body must not drown it.
_VIEWS = ("words", "grams", "lead words", "lead grams", "title words")


class ArticleVectorizer(Estimator):
    r"""Turn articles into TF-IDF rows.

    An article is counted in five views: words and character n-grams of the whole text, the same of its lead, and the
    words of its title (its first line, if that is short). A gram's value in a view is
    :math:`(1 + \ln c)\,(1 + \ln\frac{1 + n}{1 + d})` with :math:`c` its count there, :math:`d` the articles that
    have it there and :math:`n` all articles, as in scikit-learn's ``TfidfVectorizer(sublinear_tf=True)`` [1]_; each
    view is then scaled to Euclidean length 1 (the title to `title_weight`). Grams with punctuation or white space
    are left out.

    Parameters
    ----------
    segmenter : Segmenter, optional
        Where the words come from; by default the jieba dictionary alone.
    ngram_range : (int, int)
        Shortest and longest character n-gram.
    min_df : int
        Grams in fewer articles than this are not learned (in the title: fewer than 2).
    lead_length : int
        Characters at the beginning of the text, behind its dateline where it has no title, that are the lead.
    title_length : int
        A first line of more characters than this is no title; the beginning of the lead is used instead.
    title_weight : float

    Attributes
    ----------
    keys_ : ndarray of uint64, shape (n_features,)
        Learned gram keys, sorted; column ``i`` of a row is ``keys_[i]``.
    idf_ : ndarray of float32, shape (n_features,)
    names_ : list of str
        The gram and view of each column, such as ``"title words:审计"``.

    References
    ----------
    .. [1] https://scikit-learn.org/stable/modules/feature_extraction.html#tfidf-term-weighting

    Examples
    --------
    >>> vectorizer = ArticleVectorizer(min_df=1).fit(["审计整改\n市审计局通报整改情况。", "园区招商\n园区新签项目。"])
    >>> vectorizer.transform(["园区招商引资"]).shape == (1, len(vectorizer.names_))
    True
    """

    keys_: U64Array
    idf_: F32Array
    names_: list[str]
    _packed_names: tuple[np.ndarray, np.ndarray]

    def __init__(
        self,
        *,
        segmenter: Segmenter | None = None,
        ngram_range: tuple[int, int] = (2, 3),
        min_df: int = 3,
        lead_length: int = 250,
        title_length: int = 45,
        title_weight: float = 0.7,
    ) -> None:
        self.segmenter = segmenter
        self.ngram_range = ngram_range
        self.min_df = min_df
        self.lead_length = lead_length
        self.title_length = title_length
        self.title_weight = title_weight

    def fit(self, texts: Iterable[str], y: object = None) -> Self:
        """Learn which grams to count, and their weights; `y` is not looked at.

        Raises
        ------
        InputError
            If a text is not a str, or no gram stands in `min_df` texts.
        """
        self._prepare()
        kept_texts = _checked(texts)
        seen: list[U64Array] = []  # the distinct keys of each view of each text
        for text in kept_texts:
            seen.extend(np.unique(grams.keys) for grams in self._views(text, self._segmenter.boundaries(text)))
        found, df = np.unique(np.concatenate([*seen, np.empty(0, np.uint64)]), return_counts=True)
        del seen
        often = df >= min(2, self.min_df)
        self._learn(kept_texts, found[often], df[often])
        if not len(self.keys_):
            raise InputError(
                f"none of the {len(kept_texts)} texts shares a gram with {self.min_df - 1} others: "
                "give more texts, or a lower min_df"
            )
        return self

    def transform(self, texts: Iterable[str]) -> Any:
        """Return the rows of `texts`: a scipy CSR matrix of float32, shape (n_texts, n_features)."""
        from scipy.sparse import csr_matrix

        self._check_fitted("keys_")
        rows = [self.row(text, self._segmenter.boundaries(text)) for text in _checked(texts)]
        indptr = np.concatenate([[0], np.cumsum([len(row.columns) for row in rows])]).astype(np.int64)
        columns = np.concatenate([np.empty(0, np.int32), *(row.columns for row in rows)])
        values = np.concatenate([np.empty(0, np.float32), *(row.values for row in rows)])
        matrix = csr_matrix((values, columns, indptr), shape=(len(rows), len(self.keys_)))
        matrix.sort_indices()
        return matrix

    def fit_transform(self, texts: Iterable[str], y: object = None) -> Any:
        """Fit, then transform the same texts."""
        texts = _checked(texts)
        return self.fit(texts).transform(texts)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the names of the columns as an array of str objects; `input_features` is not looked at."""
        self._check_fitted("keys_")
        return np.array(self.names_, dtype=object)

    def row(self, text: str, boundaries: I32Array) -> Row:
        """Return the row of one text whose word boundaries, shape (n_words + 1,), are known already."""
        self._check_fitted("keys_")
        columns, values = [], []
        bits = radix_bits(len(self.keys_))
        for view, grams in zip(_VIEWS, self._views(text, boundaries), strict=True):
            found, counts = column_counts(grams.keys, self.keys_, self._starts, bits)
            weights = (np.float32(1) + np.log(counts)) * self.idf_[found]
            length = np.sqrt(np.sum(weights * weights))
            if length > 0:
                weights *= np.float32(self.title_weight if view == "title words" else 1) / length
            columns.append(found)
            values.append(weights)
        return Row(np.concatenate(columns), np.concatenate(values))

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return parameters as plain data, and the learned arrays, for a store to keep."""
        self._check_fitted("keys_")
        parameters = {k: v for k, v in self.get_params(deep=False).items() if k != "segmenter"}
        names = [name.encode("utf-8") for name in self.names_]
        arrays: dict[str, np.ndarray] = {
            "keys": self.keys_,
            "idf": self.idf_,
            "names": np.frombuffer(b"".join(names), np.uint8),
            "name_lengths": np.array([len(name) for name in names], np.uint16),
        }
        return {**parameters, "ngram_range": list(self.ngram_range)}, arrays

    @classmethod
    def from_state(
        cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, segmenter: Segmenter | None = None
    ) -> Self:
        """Build the vectorizer again from what :meth:`to_state` gave; names are decoded when first asked for.

        Raises
        ------
        InputError
            If the arrays do not fit each other.
        """
        vectorizer = cls(segmenter=segmenter, **{**meta, "ngram_range": tuple(meta["ngram_range"])})
        vectorizer._prepare()
        _check_state(arrays)
        vectorizer._packed_names = (arrays["names"], arrays["name_lengths"])
        vectorizer._set_keys(arrays["keys"], arrays["idf"])
        return vectorizer

    def __getattr__(self, name: str) -> Any:
        if name == "names_" and "_packed_names" in self.__dict__:
            blob, lengths = self.__dict__["_packed_names"]
            ends = np.cumsum(lengths, dtype=np.int64)
            data = blob.tobytes()
            self.names_ = [data[end - n : end].decode("utf-8") for end, n in zip(ends, lengths, strict=True)]
            return self.names_
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # -- learning --------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        shortest, longest = self.ngram_range
        if not 1 <= shortest <= longest:
            raise ConfigurationError(f"ngram_range={self.ngram_range!r}: expected 1 <= shortest <= longest")
        if self.min_df < 1:
            raise ConfigurationError(f"min_df={self.min_df!r}: expected a whole number of at least 1")
        self._segmenter = self.segmenter if self.segmenter is not None else Segmenter()

    def _learn(self, texts: Sequence[str], keys: U64Array, df: np.ndarray) -> None:
        """Name the candidate keys and keep those that stand in enough texts for their view."""
        names: list[str | None] = [None] * len(keys)
        enough = np.zeros(len(keys), bool)
        unnamed = np.ones(len(keys), bool)
        for text in texts:
            for view, grams in zip(_VIEWS, self._views(text, self._segmenter.boundaries(text)), strict=True):
                at = np.searchsorted(keys, grams.keys)
                known = at < len(keys)
                known[known] = keys[at[known]] == grams.keys[known]
                for g in np.flatnonzero(known)[unnamed[at[known]]]:
                    i = int(at[g])
                    if names[i] is None:
                        start = int(grams.starts[g])
                        names[i] = f"{view}:{text[start : start + int(grams.lengths[g])]}"
                        unnamed[i] = False
                        enough[i] = df[i] >= (min(2, self.min_df) if view == "title words" else self.min_df)
        self.names_ = [name for name, good in zip(names, enough, strict=True) if good and name is not None]
        idf = 1.0 + np.log((1.0 + len(texts)) / (1.0 + df[enough]))
        self._set_keys(keys[enough], idf.astype(np.float32))

    def _set_keys(self, keys: U64Array, idf: F32Array) -> None:
        self.keys_ = np.ascontiguousarray(keys)
        self.idf_ = np.ascontiguousarray(idf)
        self._starts = radix_index(self.keys_, radix_bits(len(self.keys_)))

    # -- views -----------------------------------------------------------------------------------------------------

    def _views(self, text: str, boundaries: I32Array) -> Iterator[_Grams]:
        """Grams of each view, in the order of `_VIEWS`; the same gram has different keys in different views."""
        codes = codepoints(text)
        kept: U8Array = is_wordlike(char_classes(codes))
        words = _Grams(*gram_keys(codes, kept, boundaries, 1, 0, True))
        grams = _Grams(*gram_keys(codes, kept, boundaries[:1], *self.ngram_range, False))
        opening, title_end = self._head(text)
        lead_end = opening + self.lead_length
        everything = (0, len(text))
        for view, (source, (first, last)) in enumerate(
            (
                (words, everything),
                (grams, everything),
                (words, (opening, lead_end)),
                (grams, (opening, lead_end)),
                (words, (opening, title_end)),
            )
        ):
            inside = (source.starts >= first) & (source.starts + source.lengths <= last)
            yield _Grams(fold_all(source.keys[inside], view), source.starts[inside], source.lengths[inside])

    def _head(self, text: str) -> tuple[int, int]:
        """Return where the lead begins, and where the title, which begins there too, ends.

        A short first line with more below it is the title. Without one the article begins behind its dateline, whose
        names and dates say nothing about the topic, and its first characters stand for the title.
        """
        line_end = text.find("\n")
        if 0 <= line_end <= self.title_length:
            return 0, line_end
        dateline = _DATELINE.match(text)
        opening = dateline.end() if dateline is not None else 0
        return opening, opening + self.title_length


def _checked(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str):
        raise InputError("one str came where several texts were expected: write [text]")
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {i} is {type(text).__name__}, expected str")
    return texts


def _check_state(arrays: Mapping[str, np.ndarray]) -> None:
    keys, names, lengths = arrays["keys"], arrays["names"], arrays["name_lengths"]
    if not (keys.shape == arrays["idf"].shape == lengths.shape == (len(keys),)):
        raise InputError("the vectorizer's arrays 'keys', 'idf' and 'name_lengths' differ in length")
    if not np.all(keys[:-1] < keys[1:]):
        raise InputError("the vectorizer's array 'keys' is not sorted, or holds a key twice")
    if names.shape != (int(lengths.sum(dtype=np.int64)),):
        raise InputError("the vectorizer's array 'names' is not as long as 'name_lengths' says")
