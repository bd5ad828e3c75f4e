"""Chinese official and local news: pages into articles, articles into topics and spans, offsets exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tagger.types import Article, ModelId, Page, Span, Topic

__version__ = "0.1.0"
__all__ = ["Article", "ModelId", "Page", "Span", "Topic", "__version__"]

# Names are imported on first use, so that `import tagger` costs nothing (PEP 562).
_HOMES = dict.fromkeys(("Article", "ModelId", "Page", "Span", "Topic"), "tagger.types")


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'tagger' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
