"""A model of a few lines for tests of what stands around a model: each block of lines is an article."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tagger.types import Article, ModelId, Page, Span, Topic

_CITY = re.compile("[\u4e00-\u9fff]{2}市")


class FakeModel:
    id = ModelId("fake", "0.0.1")

    def read(self, raw: str) -> Page:
        blocks = [match.span() for match in re.finditer(r"\S[^\n]*(?:\n[^\n]+)*", raw)]
        return Page(tuple(self._article(raw, block) for block in blocks), len(raw), self.id)

    def read_article(self, raw: str) -> Article:
        return self._article(raw, (0, len(raw)))

    def pipe(self, texts: Iterable[str], *, n_jobs: int = 1, as_: str = "page") -> Iterator[Page | Article]:
        return map(self.read if as_ == "page" else self.read_article, texts)

    def _article(self, raw: str, block: tuple[int, int]) -> Article:
        text = raw[slice(*block)]
        spans = tuple(Span(block[0] + m.start(), block[0] + m.end(), "PLACE", m[0], 0.75) for m in _CITY.finditer(text))
        score = 0.9 if "审计" in text else 0.1
        topics = (Topic("audit", score),) if score > 0.5 else ()
        return Article(text.split("\n", 1)[0][:20], "article", (block,), topics, {"audit": score}, spans, "", text)


class EagerModel(FakeModel):
    """Reads all texts before it gives the first result, as a model that works on batches may."""

    def pipe(self, texts: Iterable[str], *, n_jobs: int = 1, as_: str = "page") -> Iterator[Page | Article]:
        return super().pipe(list(texts), n_jobs=n_jobs, as_=as_)
