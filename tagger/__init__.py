"""Chinese official and local news: pages into articles, articles into topics and spans, offsets exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tagger.crf.linear_chain import LinearChainCRF
    from tagger.errors import TaggerError
    from tagger.features.lexicon import Lexicon
    from tagger.features.vectorizer import ArticleVectorizer
    from tagger.page import PageSegmenter
    from tagger.pipeline import Model, load
    from tagger.spans import SpanTagger
    from tagger.text.normalize import Normalizer
    from tagger.text.segmenter import Segmenter
    from tagger.topic import TopicClassifier
    from tagger.types import Article, ModelId, Page, Span, Topic

__version__ = "0.1.0"
__all__ = [
    "Article",
    "ArticleVectorizer",
    "Lexicon",
    "LinearChainCRF",
    "Model",
    "ModelId",
    "Normalizer",
    "Page",
    "PageSegmenter",
    "Segmenter",
    "Span",
    "SpanTagger",
    "TaggerError",
    "Topic",
    "TopicClassifier",
    "__version__",
    "load",
]

# Names are imported on first use, so that `import tagger` costs nothing (PEP 562).
_HOMES = {
    **dict.fromkeys(("Article", "ModelId", "Page", "Span", "Topic"), "tagger.types"),
    **dict.fromkeys(("Model", "load"), "tagger.pipeline"),
    "ArticleVectorizer": "tagger.features.vectorizer",
    "LinearChainCRF": "tagger.crf.linear_chain",
    "Normalizer": "tagger.text.normalize",
    "PageSegmenter": "tagger.page",
    "Segmenter": "tagger.text.segmenter",
    "SpanTagger": "tagger.spans",
    "TaggerError": "tagger.errors",
    "TopicClassifier": "tagger.topic",
    "Lexicon": "tagger.features.lexicon",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'tagger' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
