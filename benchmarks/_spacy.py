"""spaCy as a peer: a blank Chinese pipeline over characters whose `ner` is trained from nothing, on the CPU."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.span_sets import Example, outermost
from tagger.spans import LabelledRange

__all__ = ["Spacy"]


class Spacy:
    """A blank ``zh`` pipeline with one `ner`.

    Parameters
    ----------
    seed : int
    n_epochs : int
    batch_size : int
        In examples.
    dropout : float
    """

    def __init__(self, *, seed: int, n_epochs: int = 20, batch_size: int = 32, dropout: float = 0.2) -> None:
        self.seed = seed
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.dropout = dropout

    def fit(self, examples: Sequence[Example]) -> None:
        """Learn from annotated texts."""
        import spacy
        from spacy.training import Example as Pair
        from spacy.util import fix_random_seed, minibatch

        fix_random_seed(self.seed)
        self._nlp: Any = spacy.blank("zh", config={"nlp": {"tokenizer": {"segmenter": "char"}}})
        ner = self._nlp.add_pipe("ner")
        pairs = []
        for text, spans in examples:
            if text:
                doc = self._nlp.make_doc(text)
                pairs.append(Pair.from_dict(doc, {"entities": list(outermost(spans))}))
        for label in sorted({label for _, spans in examples for *_, label in spans}):
            ner.add_label(label)
        optimizer = self._nlp.initialize(lambda: pairs)
        rng = random.Random(self.seed)
        for _ in range(self.n_epochs):
            rng.shuffle(pairs)
            for batch in minibatch(pairs, size=self.batch_size):
                self._nlp.update(batch, sgd=optimizer, drop=self.dropout)

    def adjust(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Return nothing: there is nothing to adjust."""
        return {}

    def tag(self, texts: Sequence[str]) -> list[list[Any]]:
        """Return the entities of each raw text."""
        return [list(doc.ents) for doc in self._nlp.pipe(texts)]

    def ranges(self, tagged: list[list[Any]]) -> list[list[LabelledRange]]:
        """Write entities as (start, end, label)."""
        return [[(ent.start_char, ent.end_char, ent.label_) for ent in found] for found in tagged]

    def facts(self) -> dict[str, float]:
        """Size of the pipeline on disk."""
        with tempfile.TemporaryDirectory() as folder:
            self._nlp.to_disk(folder)
            return {"model_bytes": sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())}
