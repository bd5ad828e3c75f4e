"""Words of a text by the jieba dictionary, with a user dictionary of one's own.

The words are those of jieba [1]_; the engine is rjieba, which finds the same ones 15 to 20 times faster. Neither is
imported before the first text is cut, and neither's shared state is ever written to: words of the user are found
in the raw text first, and only what lies between them goes to the engine.

References
----------
.. [1] https://github.com/fxsj/jieba, version 0.42.1.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np

from tagger._estimator import Estimator
from tagger.errors import ConfigurationError, InputError

__all__ = ["Engine", "Segmenter", "dictionary_sha256"]

Engine = Literal["rjieba", "jieba"]
_Cut = Callable[[str], list[str]]

_SURROGATE = re.compile("[\ud800-\udfff]")
# Ideographs that came to Unicode after jieba's range (U+4E00 to U+9FD5): jieba gives each as a word of its own,
# rjieba lets its HMM join them to their neighbours.
_LATE_IDEOGRAPH = re.compile("([\u3400-\u4dbf\u9fd6-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")
# "43-0004", "a_b", "v1.x": one word to rjieba's HMM, several to jieba's, which cuts by the second pattern.
_JOINED = re.compile(r"[A-Za-z0-9]+[._-][A-Za-z0-9._%-]*")
_JOINED_PART = re.compile(r"[A-Za-z0-9]+(?:\.[0-9]+)?%?|[^A-Za-z0-9]+")
_ASCII_RUN = re.compile("[A-Za-z]{2}|[0-9]{2}")
_JIEBA_LINE = re.compile("(.+?)(?: ([0-9]+))?(?: ([a-z]+))?")  # as jieba reads a line: word, frequency, part of speech
_SHOWN = 3


class Segmenter(Estimator):
    """Cut text into words that join to the text again, to the letter.

    Parameters
    ----------
    user_words : sequence of str, or mapping whose keys are the words, default=()
        Words that are always kept whole, whatever they hold: spaces, digits, ``·``, ``-``, brackets. Of two that
        overlap the one that starts first wins, then the longer one. Unlike jieba's, they need no frequency to win
        (a mapping's values are not looked at). Only a word that begins or ends amid a run of ASCII letters, or of
        ASCII digits, is left alone: ``AI`` is not found in ``MAIN``. Replace the collection to change it; do not
        edit it in place.
    hmm : bool, default=False
        Whether to guess words that the dictionary lacks by jieba's hidden Markov model. Its words are jieba's as well,
        but for ties: of two ways to cut that are exactly as likely, as in a character five times over, the engines
        may take different ones.
    engine : {"rjieba", "jieba"}, default="rjieba"
        Who looks words up. The words are the same; jieba takes half a second more to start.

    Notes
    -----
    A segmenter is plain data: it can be pickled, copied, cloned by scikit-learn, and used by many threads at once.

    Examples
    --------
    >>> Segmenter().cut("砚川市召开经济工作会议")
    ['砚', '川', '市', '召开', '经济', '工作', '会议']
    >>> Segmenter(user_words=["砚川市", "TOD 2.0 试点"]).cut("砚川市启动TOD 2.0 试点")
    ['砚川市', '启动', 'TOD 2.0 试点']
    """

    def __init__(
        self,
        *,
        user_words: Sequence[str] | Mapping[str, int | None] = (),
        hmm: bool = False,
        engine: Engine = "rjieba",
    ) -> None:
        self.user_words = user_words
        self.hmm = hmm
        self.engine = engine

    def __setattr__(self, name: str, value: object) -> None:
        self.__dict__.pop("_compiled", None)  # made of the former parameters
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_compiled"}

    @cached_property
    def _compiled(self) -> tuple[_Cut, _WordFinder | None]:
        words = _checked_words(self.user_words)
        return _engine(self.engine, self.hmm), _WordFinder(words) if words else None

    def cut(self, text: str) -> list[str]:
        """Return the words of `text`; white space and punctuation are words too.

        Parameters
        ----------
        text : str
            Any text; empty gives no words.

        Returns
        -------
        words : list of str
            ``"".join(words) == text``; none is empty.

        Raises
        ------
        InputError
            If `text` is not a str.
        ConfigurationError
            If a parameter of the segmenter is not one that is allowed.

        Examples
        --------
        >>> Segmenter().cut("审计局 3月发布公报。")
        ['审计局', ' ', '3', '月', '发布', '公报', '。']
        """
        _check_text(text)
        cut, finder = self._compiled
        if finder is None:
            return cut(text)
        words: list[str] = []
        done = 0
        for start, end in finder.find(text):
            words += cut(text[done:start])
            words.append(text[start:end])
            done = end
        words += cut(text[done:])
        return words

    def boundaries(self, text: str) -> np.ndarray:
        """Return where the words of `text` begin, and its length.

        Parameters
        ----------
        text : str
            Any text.

        Returns
        -------
        offsets : ndarray of shape (n_words + 1,), int32
            In characters, ascending: word ``i`` is ``text[offsets[i]:offsets[i + 1]]``. ``[0]`` for an empty text.

        Raises
        ------
        InputError
            If `text` is not a str.

        Examples
        --------
        >>> Segmenter().boundaries("召开经济工作会议")
        array([0, 2, 4, 6, 8], dtype=int32)
        """
        words = self.cut(text)
        offsets = np.zeros(len(words) + 1, np.int32)  # (n_words + 1,)
        np.cumsum(np.fromiter(map(len, words), np.int32, count=len(words)), out=offsets[1:])
        return offsets

    def is_word(self, text: str) -> bool:
        """Tell whether a string is one word on its own: one of the dictionary, or of the user's.

        Examples
        --------
        >>> Segmenter().is_word("会议"), Segmenter().is_word("议精")
        (True, False)
        """
        return len(self.cut(text)) == 1

    def user_matches(self, text: str) -> list[tuple[int, int]]:
        """Return the ranges of `text`, in characters, that are kept whole as words of the user.

        Examples
        --------
        >>> Segmenter(user_words=["鹿泷·新城"]).user_matches("走进鹿泷·新城")
        [(2, 7)]
        """
        _check_text(text)
        finder = self._compiled[1]
        return [] if finder is None else list(finder.find(text))

    @classmethod
    def from_file(cls, path: str | Path, *, hmm: bool = False, engine: Engine = "rjieba") -> Self:
        r"""Read `user_words` from a user dictionary in jieba's format, one word a line, UTF-8.

        A line is read as jieba reads it: a word, then perhaps a space and a frequency, then perhaps a space and a
        part of speech in small Latin letters; the word may hold spaces. A line with a tab is a word up to the first
        tab and nothing else, which is how to write a word that ends like a frequency (``TOD 2025`` and a tab).
        Frequencies and parts of speech are not used; empty lines are skipped; a word that comes twice is one word
        and brings a warning.

        Parameters
        ----------
        path : str or Path
            The file.
        hmm, engine
            As for the class.

        Returns
        -------
        segmenter : Segmenter
            Its `user_words` are a tuple in the order of the file.

        Raises
        ------
        InputError
            If the file cannot be read, is not UTF-8, or has lines without a word; names the lines.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "user_dict.txt"
        ...     _ = path.write_text("砚川市 100 ns\n鹿泷 高新区\nTOD 2025\t\n", encoding="utf-8")
        ...     Segmenter.from_file(path).user_words
        ('砚川市', '鹿泷 高新区', 'TOD 2025')
        """
        return cls(user_words=_read_words(Path(path)), hmm=hmm, engine=engine)

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as plain JSON data, `user_words` sorted, from which :meth:`from_dict` makes an equal.

        Raises
        ------
        ConfigurationError
            If a parameter is not one that is allowed.

        Examples
        --------
        >>> Segmenter(user_words=["砚川市"]).to_dict()
        {'engine': 'rjieba', 'hmm': False, 'user_words': ['砚川市']}
        """
        _check_options(self.engine, self.hmm)
        return {"engine": self.engine, "hmm": self.hmm, "user_words": sorted(_checked_words(self.user_words))}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Make a segmenter of what :meth:`to_dict` returned.

        Raises
        ------
        ConfigurationError
            If `state` is not such a mapping; says which entry is wrong.

        Examples
        --------
        >>> Segmenter.from_dict({"engine": "rjieba", "hmm": True, "user_words": []})
        Segmenter(hmm=True)
        """
        expected = {"engine", "hmm", "user_words"}
        if not isinstance(state, Mapping) or set(state) != expected:
            came = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
            raise ConfigurationError(f"segmenter state: expected the entries {sorted(expected)}, got {came}")
        _check_options(state["engine"], state["hmm"])
        words = _checked_words(state["user_words"])
        return cls(user_words=tuple(words), hmm=state["hmm"], engine=state["engine"])

    def fingerprint(self) -> str:
        """Return the SHA-256, in hex, of the parameters; the order of `user_words` and repeats make no difference.

        Examples
        --------
        >>> Segmenter(user_words=["砚川市", "鹿泷县"]).fingerprint()[:8]
        '0a87c2a9'
        """
        # ASCII escapes: stable bytes even for a word with a lone surrogate.
        return sha256(json.dumps(self.to_dict(), sort_keys=True).encode("ascii")).hexdigest()


class _WordFinder:
    """Words of the user in a text, leftmost-longest, in time linear in the text.

    A trie walks from every character that can start a word. Which can is asked of numpy for all characters at once:
    `_gate` holds a bit for each hash of two characters that some word begins with, so that few walks are in vain.
    """

    _N_BUCKETS = 1 << 18

    def __init__(self, words: Iterable[str]) -> None:
        self._trie: dict[str, Any] = {}
        self._gate = np.zeros(self._N_BUCKETS, bool)  # (n_buckets,) two characters that hash here begin a word
        self._singles = np.zeros(self._N_BUCKETS, bool)  # (n_buckets,) one character that hashes here is a word
        for word in words:
            self._add(word)

    def _add(self, word: str) -> None:
        node = self._trie
        for character in word:
            node = node.setdefault(character, {})
        node[""] = True  # a word ends here; no character is empty
        codes = _codes(word)  # (len(word),)
        if len(word) == 1:
            self._singles[codes[0] % self._N_BUCKETS] = True
        else:
            self._gate[self._hash(codes[:2])] = True

    def _hash(self, codes: np.ndarray) -> np.ndarray:
        """Bucket of each character with its successor; shape (n_characters - 1,)."""
        hashes: np.ndarray = (codes[:-1] * np.uint32(40503) + codes[1:]) % np.uint32(self._N_BUCKETS)
        return hashes

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of each word, in order, none overlapping."""
        codes = _codes(text)  # (n_characters,)
        possible = self._singles[codes % self._N_BUCKETS]  # (n_characters,)
        possible[:-1] |= self._gate[self._hash(codes)]
        done = 0
        for start in np.flatnonzero(possible).tolist():
            if start >= done and (end := self._longest(text, start)):
                yield start, end
                done = end

    def _longest(self, text: str, start: int) -> int:
        """End of the longest word that starts at `start`; 0 where none does."""
        if _splits_run(text, start):
            return 0
        node, longest = self._trie, 0
        for position in range(start, len(text)):
            if (child := node.get(text[position])) is None:
                break
            node = child
            if "" in node and not _splits_run(text, position + 1):
                longest = position + 1
        return longest


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _splits_run(text: str, position: int) -> bool:
    """Whether a cut at `position` would go through a run of ASCII letters or of ASCII digits."""
    return position > 0 and _ASCII_RUN.match(text, position - 1) is not None


def _engine(name: Engine, hmm: bool) -> _Cut:
    _check_options(name, hmm)
    if name == "jieba":
        return lambda text: list(_jieba_tokenizer().cut(text, HMM=hmm))
    return _rjieba_hmm if hmm else _rjieba


def _rjieba(text: str, hmm: bool = False) -> list[str]:
    import rjieba

    try:
        words: list[str] = rjieba.cut(text, hmm)
    except UnicodeEncodeError:  # rjieba wants UTF-8; to look for lone surrogates first would cost every text
        lengths = map(len, rjieba.cut(_SURROGATE.sub("\ufffd", text), hmm))
        words = list(_pieces(text, lengths))
    return words


def _rjieba_hmm(text: str) -> list[str]:
    words: list[str] = []
    for i, part in enumerate(_LATE_IDEOGRAPH.split(text)):  # the odd ones are late ideographs
        for word in [part] if i % 2 else _rjieba(part, hmm=True):
            words += _JOINED_PART.findall(word) if _JOINED.fullmatch(word) else [word]
    return words


def _pieces(text: str, lengths: Iterable[int]) -> Iterator[str]:
    start = 0
    for length in lengths:
        yield text[start : start + length]
        start += length


@cache
def _jieba_tokenizer() -> Any:
    """Return a tokenizer that nobody else has, its dictionary read without the cache in the temporary folder."""
    import jieba

    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


def dictionary_sha256() -> str:
    """Return the SHA-256, in hex, of the jieba dictionary that is installed; jieba itself is not imported.

    Raises
    ------
    ConfigurationError
        If jieba is not installed.

    Examples
    --------
    >>> len(dictionary_sha256())
    64
    """
    from importlib.util import find_spec

    spec = find_spec("jieba")
    if spec is None or spec.origin is None:
        raise ConfigurationError("the jieba dictionary is missing: install jieba (pip install jieba)")
    return sha256((Path(spec.origin).parent / "dict.txt").read_bytes()).hexdigest()


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise InputError(f"cannot cut {type(text).__name__} into words: give a str")


def _check_options(engine: object, hmm: object) -> None:
    if engine not in get_args(Engine):
        raise ConfigurationError(f"engine={engine!r}: expected one of {', '.join(map(repr, get_args(Engine)))}")
    if not isinstance(hmm, bool):
        raise ConfigurationError(f"hmm={hmm!r}: expected True or False")


def _checked_words(words: object) -> dict[str, None]:
    """Return the distinct words in their order, as the keys of a dict."""
    if isinstance(words, str | bytes) or not isinstance(words, Collection):
        raise ConfigurationError(f"user_words={words!r}: expected a sequence of words, such as ['砚川市']")
    bad = [word for word in words if not isinstance(word, str) or not word or word != word.strip()]
    if bad:
        shown = ", ".join(map(repr, bad[:_SHOWN]))
        raise ConfigurationError(
            f"user_words holds {len(bad)} that cannot be words: {shown}; "
            "expected str, not empty, without white space at either end"
        )
    return dict.fromkeys(words)


def _read_words(path: Path) -> tuple[str, ...]:
    first_line: dict[str, int] = {}
    empty, repeated = [], []
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        word = _word_of(line)
        if word:
            if first_line.setdefault(word, number) != number:
                repeated.append(f"line {number} {word!r} (first on line {first_line[word]})")
        elif line.strip(" \r"):
            empty.append(f"line {number} {line!r}")
    if empty:
        raise InputError(f"{path}: {_some(empty)}: expected a word before the tab; add it or delete the line")
    if repeated:
        warnings.warn(f"{path}: words that come twice, kept once: {_some(repeated)}", UserWarning, stacklevel=3)
    return tuple(first_line)


def _word_of(line: str) -> str:
    word, tab, _ = line.partition("\t")
    if tab:
        return word.strip()
    match = _JIEBA_LINE.fullmatch(line.strip())
    return match[1] if match else ""


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: this user dictionary cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {error.start} is not UTF-8; save the user dictionary as UTF-8, one word a line"
        ) from error


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return "; ".join(items[:_SHOWN]) + more
