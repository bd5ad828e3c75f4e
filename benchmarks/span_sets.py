"""Public sets with span annotations, read into one form; each set's traps are handled here and named in its note."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from tagger.errors import InputError
from tagger.spans import LabelledRange
from training.corpus import read_marked
from training.splits import grouped_folds, near_duplicate_groups

__all__ = ["NEEDS_DATA", "SETS", "Example", "Round", "SpanSet", "load_set", "outermost"]

_TRAINING = Path(__file__).resolve().parent.parent / "training"
_N_FOLDS = 5
_DOUBLE_SURNAMES = frozenset(
    "欧阳 司马 诸葛 上官 司徒 皇甫 东方 尉迟 公孙 令狐 慕容 夏侯 端木 宇文 长孙 鲜于 赫连".split()
)
_DEV_SHARE = 0.1  # of the training examples, to choose knobs on where a set has no dev part

Example = tuple[str, tuple[LabelledRange, ...]]
"""A text and its spans, in order of start; spans may overlap where the set's do."""


@dataclass(frozen=True)
class SpanSet:
    """One benchmark set.

    Attributes
    ----------
    name : str
    train, dev, test : list of Example
        A set without an official dev part has an empty `dev`; knobs are then chosen by cross-validation on `train`.
    groups : list of str
        For sets without a split: what each training example belongs to (its document, its group of near-duplicates),
        and what must not stand on both sides of a split; empty otherwise.
    folds : list of int
        For sets without a split: the fold that tests each training example; empty otherwise.
    judged : list of bool
        For sets without a split: whether each example is tested at all, or only learned from; empty if all are.
    note : str
        Traps, in a sentence.
    """

    name: str
    train: list[Example]
    dev: list[Example]
    test: list[Example]
    groups: list[str] = field(default_factory=list)
    folds: list[int] = field(default_factory=list)
    judged: list[bool] = field(default_factory=list)
    note: str = ""

    @property
    def clean(self) -> list[bool]:
        """Of each test example, whether its text is absent from `train`."""
        known = {text for text, _ in self.train}
        return [text not in known for text, _ in self.test]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all texts, spans and folds, by which results of other data are told apart."""
        parts = (self.train, self.dev, self.test, self.folds, self.judged)
        return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def rounds(self) -> list[Round]:
        """Return what is trained and tested: the split of the set, or one round for each fold."""
        if not self.folds:
            train, dev = (self.train, self.dev) if self.dev else _held_out(self.train, self.groups)
            return [Round(self.train, self.test, train, dev)]
        return [self._fold(fold) for fold in range(max(self.folds) + 1)]

    def _fold(self, fold: int) -> Round:
        judged = self.judged or [True] * len(self.train)
        known = [i for i, other in enumerate(self.folds) if other != fold]
        train = [self.train[i] for i in known]
        test = [self.train[i] for i, own in enumerate(self.folds) if own == fold and judged[i]]
        return Round(train, test, *_held_out(train, [self.groups[i] for i in known]))

    def head(self, n: int) -> SpanSet:
        """Return the set with the first `n` examples of each part, for a quick run."""
        parts = {name: getattr(self, name)[:n] for name in ("train", "dev", "test", "groups", "folds", "judged")}
        return replace(self, name=f"{self.name} (part)", **parts)

    def to_json(self) -> str:
        """Write the set as one JSON object, for :meth:`from_json`."""
        return json.dumps(asdict(self), ensure_ascii=True)  # lone surrogates survive as escapes only

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote."""
        content = json.loads(text)
        for part in ("train", "dev", "test"):
            content[part] = [(text, tuple((a, b, label) for a, b, label in spans)) for text, spans in content[part]]
        return cls(**content)


class Round(NamedTuple):
    """Examples to train on and to test on; to choose knobs, train on `tune_train` and score on `tune_dev`."""

    train: list[Example]
    test: list[Example]
    tune_train: list[Example]
    tune_dev: list[Example]


def outermost(spans: Iterable[LabelledRange]) -> tuple[LabelledRange, ...]:
    """Return spans without those that overlap a longer one (of equally long ones, the first stays), in order of start.

    Examples
    --------
    >>> outermost([(0, 3, "PLACE"), (0, 7, "ORG"), (9, 11, "PERSON")])
    ((0, 7, 'ORG'), (9, 11, 'PERSON'))
    """
    kept: list[LabelledRange] = []
    for start, end, label in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if all(end <= first or last <= start for first, last, _ in kept):
            kept.append((start, end, label))
    return tuple(sorted(kept))


def _held_out(train: list[Example], groups: Sequence[str]) -> tuple[list[Example], list[Example]]:
    """Split a tenth off, whole groups of it; equal texts are one group where there is no other grouping."""
    names = list(groups) or [text for text, _ in train]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    folds = grouped_folds(np.array([numbers[name] for name in names]), round(1 / _DEV_SHARE))
    kept, held = (
        [one for one, fold in zip(train, folds, strict=True) if (fold == 0) == side] for side in (False, True)
    )
    return kept, held


def load_set(name: str, folder: Path) -> SpanSet:
    """Read one of :data:`SETS`.

    Parameters
    ----------
    name : str
    folder : Path
        Holds the public sets (``datasets/ner`` of the data folder); gov-news and the invented articles do not need it.

    Raises
    ------
    InputError
        If the name is unknown, or a file of the set is missing.
    """
    if name not in SETS:
        raise InputError(f"{name!r} is no span set: choose from {', '.join(SETS)}")
    try:
        return SETS[name](folder)
    except FileNotFoundError as error:
        raise InputError(
            f"set {name!r}: no file {error.filename}; fetch it as its README in datasets/ner says"
        ) from None


def _cluener(folder: Path) -> SpanSet:
    return SpanSet(
        "cluener",
        _cluener_rows(folder / "cluener2020" / "train.json.gz"),
        [],
        _cluener_rows(folder / "cluener2020" / "dev.json.gz"),
        note="Scored on the official dev part: the labels of test are not public.",
    )


def _cluener_rows(path: Path) -> list[Example]:
    examples = []
    for line in _lines(path):
        row = json.loads(line)
        found = [
            (start, end + 1, label)
            for label, surfaces in row["label"].items()
            for ranges in surfaces.values()
            for start, end in ranges
        ]
        examples.append((row["text"], tuple(sorted(found))))
    return examples


def _resume(folder: Path) -> SpanSet:
    parts = (
        _columns(folder / "resume" / f"{part}") for part in ("train.char.bmes.gz", "dev.char.bmes", "test.char.bmes")
    )
    train, dev, test = (list(part) for part in parts)
    return SpanSet("resume", train, dev, test, note="5 of 477 test sentences stand in train.")


def _weibo(folder: Path) -> SpanSet:
    names = ("train.gz", "dev", "test")
    parts = (_columns(folder / "weibo" / f"weiboNER_2nd_conll.{name}", token=_weibo_char) for name in names)
    train, dev, test = (list(part) for part in parts)
    return SpanSet("weibo", train, dev, test, note="40 of 270 test messages stand verbatim in train.")


def _weibo_char(token: str) -> str:
    """Take the position in its word off a character; a pair of U+FFFD stands for one astral character."""
    return token[:2] if token.startswith("\ufffd\ufffd") else token[:1]


def _msra(folder: Path) -> SpanSet:
    train, test = (
        list(_slashed(folder / "msra" / f"sighan46k.{part}")) for part in ("train.txt.gz", "test_label.txt.gz")
    )
    return SpanSet("msra", train, [], test, note="The 46,364 / 4,365 edition; no official dev part.")


def _slashed(path: Path) -> Iterator[Example]:
    """Yield sentences of ``token/tag``, each tagged token one entity."""
    names = {"nr": "PER", "ns": "LOC", "nt": "ORG"}
    for line in _lines(path):
        text, spans = "", []
        for item in line.split():
            token, _, tag = item.rpartition("/")
            if tag in names:
                spans.append((len(text), len(text) + len(token), names[tag]))
            text += token
        if text:
            yield text, tuple(spans)


def _uner(folder: Path) -> SpanSet:
    paths = (folder / "uner_zh_gsdsimp" / f"zh_gsdsimp-ud-{part}.iob2.gz" for part in ("train", "dev", "test"))
    train, dev, test = (list(_columns(path, token_column=1, tag_column=2)) for path in paths)
    return SpanSet("uner", train, dev, test, note="Wikipedia; 29.5 % of the test mentions stand in train.")


def _peoples_daily(folder: Path) -> SpanSet:
    train = list(_pd1998(folder / "peoples_daily_1998" / "pd1998.txt.gz"))
    parts = ("dev", "test")
    dev, test = (
        list(_columns(folder / "peoples_daily_1998" / f"nerpy_people.{part}.char.bio.tsv.gz")) for part in parts
    )
    known = {_plain(text) for text, _ in train}
    dev, test = ([(text, spans) for text, spans in part if _plain(text) not in known] for part in (dev, test))
    return SpanSet(
        "peoples_daily",
        train,
        dev,
        test,
        note="Trained on January 1998, tested on other months without the common sentences; the guidelines differ.",
    )


def _pd1998(path: Path) -> Iterator[Example]:
    """Yield paragraphs with outermost entities: brackets, then single tokens; surnames joined to given names."""
    names = {"nr": "PER", "ns": "LOC", "nt": "ORG", "t": "TIME"}
    for line in _lines(path):
        tokens = line.split()[1:]  # the first is the paragraph's id
        text, opened = "", -1
        spans: list[LabelledRange] = []
        surname_end = -1  # where the token before this one ended, if it may be the surname of the next
        for token in tokens:
            if token.startswith("["):
                opened, token = len(text), token[1:]
            token, bracket, outer = token.partition("]") if "]" in token else (token, "", "")
            word, _, tag = token.rpartition("/")
            start, text = len(text), text + word
            if opened < 0 and tag in names:
                given_name = tag == "nr" and surname_end == start
                if given_name or (tag == "t" and spans and spans[-1][1:] == (start, "TIME")):
                    spans[-1] = (spans[-1][0], len(text), names[tag])
                else:
                    spans.append((start, len(text), names[tag]))
                is_surname = tag == "nr" and not given_name and (len(word) == 1 or word in _DOUBLE_SURNAMES)
                surname_end = len(text) if is_surname else -1
            if bracket:
                if outer in names:
                    spans.append((opened, len(text), names[outer]))
                opened = -1
        if text:
            yield text, tuple(spans)


def _policy(folder: Path) -> SpanSet:
    rows = json.loads("\n".join(_lines(folder / "policy_zh" / "entity.json.gz")))
    examples = [
        (row["sentence"], tuple(sorted((a, b + 1, label) for _, label, (a, b) in row["entity_list"] if b >= a)))
        for row in rows
    ]
    groups = [row["sid"].partition("_")[0] for row in rows]
    note = (
        "5-fold by document; 52 spans nest in another and count as missed by flat taggers; one empty span is dropped."
    )
    return SpanSet("policy", examples, [], [], groups, _folds(groups), note=note)


def _folds(groups: Sequence[str]) -> list[int]:
    numbers = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    folds: list[int] = grouped_folds(np.array([numbers[name] for name in groups]), _N_FOLDS).tolist()
    return folds


def _gov_news(folder: Path) -> SpanSet:
    """Articles of the shipped model's recipe, in the folds of its own cross-validation; `folder` is not read."""
    from training.fit import prepare
    from training.recipe import read_recipe

    recipe = read_recipe(_TRAINING / "recipes" / "gov-news.toml")
    prepared = prepare(recipe)
    folds = grouped_folds(prepared.groups, recipe.n_folds, random_state=recipe.seed)
    rows = [(i, spans) for i, spans in enumerate(prepared.spans) if spans is not None]
    return SpanSet(
        "gov-news",
        [(prepared.texts[i], spans) for i, spans in rows],
        [],
        [],
        groups=[str(prepared.groups[i]) for i, _ in rows],
        folds=[int(folds[i]) for i, _ in rows],
        judged=[bool(prepared.judged[i]) for i, _ in rows],
        note="5-fold over documents, near-duplicates in one fold; invented articles are learned from, never tested.",
    )


def _invented(folder: Path) -> SpanSet:
    """Invented articles of the repository, for whoever has no other data; `folder` is not read."""
    documents = read_marked(sorted((_TRAINING / "data" / "original").glob("*.jsonl")))
    examples = [(document.text, document.spans or ()) for document in documents]
    groups = [str(group) for group in near_duplicate_groups([document.text for document in documents])]
    note = "5-fold over documents; written for this repository, so easier than real news: a check, not a result."
    return SpanSet("invented", examples, [], [], groups, _folds(groups), note=note)


def _columns(
    path: Path,
    *,
    token_column: int = 0,
    tag_column: int = -1,
    token: Callable[[str], str] = str,
) -> Iterator[Example]:
    """Yield sentences of a column file in any of BIO, BMES and BMESO tags; a blank line ends a sentence."""
    text, ends, tags = "", [0], []
    for line in [*_lines(path), ""]:
        cells = line.split("\t") if "\t" in line else line.split(" ")
        if line.startswith("#") and len(cells) != 2:
            continue
        if line:
            text += token(cells[token_column])
            ends.append(len(text))
            tags.append(cells[tag_column] if tag_column < 0 or len(cells) > tag_column else "O")
        elif text:
            yield text, tuple((ends[start], ends[end], label) for start, end, label in _tag_ranges(tags))
            text, ends, tags = "", [0], []


def _tag_ranges(tags: Sequence[str]) -> Iterable[LabelledRange]:
    """Ranges of a tag sequence, read as conlleval reads BIO: an orphan inside tag opens an entity."""
    found: list[LabelledRange] = []
    start, label = 0, ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if label and (prefix in "BSO" or name != label):
            found.append((start, i, label))
            label = ""
        if not label and prefix != "O":
            start, label = i, name
        if label and prefix in "ES":
            found.append((start, i + 1, label))
            label = ""
    return found


def _plain(text: str) -> str:
    """Letters of a text in one width, to find the same sentence in two sets."""
    from unicodedata import normalize

    return "".join(char for char in normalize("NFKC", text) if char.isalnum())


def _lines(path: Path) -> Iterator[str]:
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as lines:
        for line in lines:
            yield line.strip("\r\n")


SETS: dict[str, Callable[[Path], SpanSet]] = {
    "cluener": _cluener,
    "resume": _resume,
    "weibo": _weibo,
    "msra": _msra,
    "uner": _uner,
    "peoples_daily": _peoples_daily,
    "policy": _policy,
    "gov-news": _gov_news,
    "invented": _invented,
}

NEEDS_DATA = frozenset(SETS) - {"invented"}
"""Sets that only whoever has the data folder can read."""
