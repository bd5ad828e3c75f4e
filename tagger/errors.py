"""Every error that tagger raises on purpose; all derive from :class:`TaggerError`."""

from __future__ import annotations

__all__ = [
    "AnnotationError",
    "ConfigurationError",
    "InputError",
    "ModelFormatError",
    "ModelNotFoundError",
    "NotFittedError",
    "TaggerError",
]


class TaggerError(Exception):
    """Base of all errors of this library; its message is one line meant for the user."""


class InputError(TaggerError, ValueError):
    """A text, file or table that cannot be read: says which, where, what was expected, what to do."""


class AnnotationError(InputError):
    """Training data that contradicts itself or its text: names the document, the range and the label."""


class ConfigurationError(TaggerError, ValueError):
    """A parameter or recipe entry outside what is allowed: names it, the value and the allowed ones."""


class NotFittedError(TaggerError, ValueError, AttributeError):
    """An estimator was asked to predict before ``fit``; derives like scikit-learn's error of that name."""


class ModelNotFoundError(TaggerError, LookupError):
    """No model of that name or version on the shelf, or no folder at that path."""


class ModelFormatError(TaggerError, ValueError):
    """A model folder that is damaged, incomplete, renamed or of another format: names the file and the reason."""
