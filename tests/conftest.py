"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tagger.pipeline import Model
    from training.corpus import Document

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the real documents and corpora, which only some machines have."""
    folder = Path(os.environ.get("TAGGER_DATA", ROOT.parent / "shared"))
    if not (folder / "seeds").is_dir():
        pytest.skip(f"no real documents here: {folder}/seeds is missing (set TAGGER_DATA to the folder that holds it)")
    return folder


@pytest.fixture(scope="session")
def seeds(shared: Path) -> dict[str, str]:
    """Text of each seed page by the number its file name begins with."""
    return {path.name[:3]: path.read_bytes().decode("utf-8") for path in sorted((shared / "seeds").glob("*.txt"))}


@pytest.fixture(scope="session")
def original_documents() -> list[Document]:
    """The first 60 invented articles of the repository, with topics and spans."""
    from training.corpus import read_marked

    return read_marked(sorted((ROOT / "training" / "data" / "original").glob("*.jsonl")))[:60]


@pytest.fixture(scope="session")
def small_model(original_documents: list[Document]) -> Model:
    """A model of every part but a lexicon, learned from the invented articles in about two seconds."""
    from tagger.features.vectorizer import ArticleVectorizer
    from tagger.pipeline import Model, clean_article
    from tagger.spans import SpanTagger
    from tagger.text.segmenter import Segmenter
    from tagger.topic import TopicClassifier
    from tagger.types import ModelId

    segmenter = Segmenter()
    cleaned = [clean_article(document.text) for document in original_documents]
    texts = [clean.text for clean in cleaned]
    spans = [
        [(*clean.alignment.to_clean(start, end), label) for start, end, label in document.spans or ()]
        for clean, document in zip(cleaned, original_documents, strict=True)
    ]
    vectorizer = ArticleVectorizer(min_df=2, segmenter=segmenter)
    topics = TopicClassifier(cv=3).fit(vectorizer.fit_transform(texts), [d.topics for d in original_documents])
    return Model(
        ModelId("small", "1.0.0"),
        segmenter=segmenter,
        vectorizer=vectorizer,
        classifier=topics,
        span_tagger=SpanTagger(max_iter=3, segmenter=segmenter).fit(texts, spans),
    )


@pytest.fixture(scope="session")
def small_folder(small_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model on disk; copy it before you damage it."""
    from tagger import artifact

    folder = tmp_path_factory.mktemp("shelf") / "small" / "1.0.0"
    return artifact.save(small_model.to_artifact({"README.md": "# small\n\n小模型。\n"}), folder)


@pytest.fixture(scope="session")
def gov_news() -> Model:
    """The newest shipped model."""
    import tagger

    if not (ROOT / "models" / "gov-news").is_dir():
        pytest.skip(f"no shipped model here: {ROOT / 'models' / 'gov-news'} is missing (train it with gov-news.toml)")
    return tagger.load("gov-news")
