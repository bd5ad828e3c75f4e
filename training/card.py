"""The model card: what a person should know before using a model."""

from __future__ import annotations

from collections import Counter
from typing import Any

from training.fit import Prepared
from training.recipe import Recipe

__all__ = ["write_card"]


def write_card(recipe: Recipe, prepared: Prepared, scores: dict[str, Any]) -> str:
    """Return the card of a model in Markdown: purpose, data, scores a label, limits."""
    sections = [
        f"# {recipe.name} {recipe.version}",
        recipe.description,
        f'```python\nimport tagger\n\nmodel = tagger.load("{recipe.name}")\npage = model.read(text)\n```',
        "## Data",
        _data(prepared),
        recipe.card.get("annotated", ""),
        "## Scores",
        f"Cross-validation over documents, {recipe.n_folds} folds, near-duplicates in one fold; every number is for "
        "documents that the model which judged them had not seen. "
        f"Remake them with `tagger evaluate training/recipes/{recipe.path.name}`.",
        *_score_tables(scores),
        "## Limits",
        recipe.card.get("limits", ""),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _data(prepared: Prepared) -> str:
    topics: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    for document, spans in zip(prepared.documents, prepared.spans, strict=True):
        topics.update(document.topics or (() if document.topics is None else ("none",)))
        labels.update(label for _, _, label in spans or ())
    judged = int(prepared.judged.sum())
    parts = [f"{len(prepared.documents)} annotated articles, of which {judged} count in the scores."]
    for title, counts in (("Topics", topics), ("Spans", labels)):
        if counts:
            parts.append(f"{title}: " + ", ".join(f"{name} {count}" for name, count in counts.most_common()) + ".")
    return "\n".join(parts)


def _score_tables(scores: dict[str, Any]) -> list[str]:
    tables = []
    if "topics" in scores:
        found = scores["topics"]
        text = f"Topics: macro-F1 {found['macro_f1']:.3f} on {found['documents']} documents"
        if "topics_without_open" in scores:
            text += f" ({scores['topics_without_open']['macro_f1']:.3f} without those open to doubt)"
        text += f"; expected calibration error {found['calibration_error']:.3f}."
        tables += [text, _table("topic", found["labels"])]
    if "spans" in scores:
        found = scores["spans"]
        tables += [
            f"Spans (start, end and label all right): F1 {found['f1']:.3f}, precision {found['precision']:.3f}, recall "
            f"{found['recall']:.3f} on {found['documents']} documents; expected calibration error of the confidences "
            f"{found['calibration_error']:.3f}.",
            _table("label", found["labels"]),
        ]
    return tables


def _table(name: str, labels: dict[str, Any]) -> str:
    lines = [f"| {name} | precision | recall | F1 | in the data |", "|---|---|---|---|---|"]
    for label, row in labels.items():
        lines.append(f"| {label} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} | {row['support']} |")
    return "\n".join(lines)
