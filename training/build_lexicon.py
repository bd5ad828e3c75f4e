"""Learn a lexicon from raw text and put it on a shelf: ``tagger lexicon build``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from tagger import artifact
from tagger.errors import ConfigurationError
from tagger.features.lexicon import Lexicon
from tagger.text.segmenter import dictionary_sha256
from training.lexicon import check_numbers, learn_lexicon, make_gazetteer, raw_files, read_raw

__all__ = ["run"]

_log = logging.getLogger(__name__)
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "rjieba")
_LICENCE = "not stated; ask whoever built it what the raw text and the lists allow"


def run(
    corpora: Sequence[Path],
    *,
    name: str,
    version: str = "1.0.0",
    output: Path = Path("models"),
    gazetteers: Sequence[Path] = (),
    jieba_names: bool = False,
    licence: str = "",
    seed: int = 0,
    **parameters: Any,
) -> str:
    """Build a lexicon, save it under ``output/<name>/<version>`` and return a readable report.

    Nothing is left behind when this is interrupted: the folder is written in one step, at the end. It holds numbers of
    clusters and hashes of words, no text.

    Parameters
    ----------
    corpora : sequence of Path
        Raw text, as for :func:`training.lexicon.read_raw`; none where the lexicon is to be a gazetteer alone.
    name, version : str
        What the shelf calls it.
    output : Path
        The shelf.
    gazetteers : sequence of Path
        Lists of names, as for :func:`training.lexicon.read_gazetteer`.
    jieba_names : bool
        Whether to take the names in jieba's dictionary into the gazetteer.
    licence : str
        What the manifest and the card say of the rights in the texts and lists.
    seed : int
    **parameters
        Of :func:`training.lexicon.learn_lexicon`.

    Raises
    ------
    ConfigurationError
        If name, version or a parameter is out of its range, there is nothing to build from, or that version is there
        already.
    InputError
        If a corpus or list cannot be read, or holds too little.
    """
    folder = _place(output, name, version)
    check_numbers(**parameters)
    if not corpora and not gazetteers and not jieba_names:
        raise ConfigurationError("nothing to build from: give raw text, --gazetteer or --jieba-names")
    gazetteer = make_gazetteer(gazetteers, with_jieba=jieba_names)
    tally = _Tally()
    if corpora:
        texts = tally(read_raw(raw_files(corpora)))
        lexicon = learn_lexicon(texts, gazetteer=gazetteer, random_state=seed, **parameters)
    else:
        lexicon = Lexicon(gazetteer=gazetteer)
    meta = {
        "kind": "lexicon",
        "parameters": {key: list(value) if isinstance(value, tuple) else value for key, value in parameters.items()},
        "seed": seed,
        "data": {"texts": tally.n_texts, "characters": tally.n_chars, "sha256": tally.fingerprint()},
        "gazetteers": {path.name: sha256(path.read_bytes()).hexdigest() for path in gazetteers},
        "jieba_names": jieba_names,
        "dictionary_sha256": dictionary_sha256(),
        "libraries": {library: installed(library) for library in _LIBRARIES},
        "licence": licence or _LICENCE,
    }
    card = _card(name, version, lexicon, meta)
    saved = artifact.save(
        artifact.Artifact(name, version, meta, {"lexicon": lexicon.to_arrays()}, {"README.md": card}), folder
    )
    return f"{_parts(lexicon)}\nsaved {saved}"


class _Tally:
    """Counts and hashes texts on their way."""

    def __init__(self) -> None:
        self.n_texts = self.n_chars = 0
        self._hash = sha256()

    def __call__(self, texts: Iterable[str]) -> Iterator[str]:
        for text in texts:
            self.n_texts += 1
            self.n_chars += len(text)
            self._hash.update(sha256(text.encode("utf-8", "surrogatepass")).digest())
            yield text

    def fingerprint(self) -> str:
        """SHA-256 over those of all texts, in their order."""
        return self._hash.hexdigest()


def _place(output: Path, name: str, version: str) -> Path:
    """Refuse now what would else be refused when all the work is done."""
    if not artifact.NAME.fullmatch(name):
        raise ConfigurationError(f"name {name!r}: expected small letters, digits, '.', '_' and '-'")
    if not artifact.VERSION.fullmatch(version):
        raise ConfigurationError(f"version {version!r}: expected major.minor.patch, such as 1.0.0")
    folder = output / name / version
    if folder.exists():
        raise ConfigurationError(f"{folder} is there already: give a higher version, or remove the folder")
    return folder


def _parts(lexicon: Lexicon) -> str:
    parts = []
    if lexicon.words is not None and lexicon.pairs is not None:
        parts += [f"{len(lexicon.words)} words", f"{len(lexicon.pairs)} pairs of characters"]
    if lexicon.gazetteer is not None:
        parts.append(f"{len(lexicon.gazetteer)} names ({', '.join(lexicon.gazetteer.names)})")
    return ", ".join(parts)


def _card(name: str, version: str, lexicon: Lexicon, meta: dict[str, Any]) -> str:
    data = meta["data"]
    learned = f"Learned without labels from {data['texts']:,} texts of {data['characters']:,} characters. "
    return (
        f"# {name} {version}\n\n"
        f"A lexicon for span taggers: {_parts(lexicon)}.\n\n"
        "```python\nfrom tagger import Lexicon, SpanTagger\n\n"
        f'span_tagger = SpanTagger(lexicon=Lexicon.load("{name}"))\n```\n\n'
        f"{learned if data['texts'] else ''}It holds hashes of words and numbers, not the texts. "
        f"Rights in what it was made of: {meta['licence']}.\n"
    )
