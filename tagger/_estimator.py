"""The estimator contract of scikit-learn without importing scikit-learn.

Loading a model and predicting must not pay for ``import sklearn`` (most of a second), while the estimators
must still work in ``clone``, ``Pipeline`` and ``GridSearchCV``. All of these ask for ``get_params``, ``set_params``
and ``__sklearn_tags__`` and not for a base class.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

from tagger.errors import ConfigurationError, NotFittedError

__all__ = ["Estimator"]


class Estimator:
    """Base of every estimator: parameters are the keyword arguments of ``__init__``, which only assigns them."""

    _estimator_type: str | None = None

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return sorted(name for name in inspect.signature(cls.__init__).parameters if name != "self")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters by name; with `deep`, also those of parameters that have some."""
        params: dict[str, Any] = {}
        for name in self._parameter_names():
            value = getattr(self, name)
            params[name] = value
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                params.update({f"{name}__{k}": v for k, v in value.get_params().items()})
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name (``a__b`` reaches into the parameter ``a``) and return the estimator.

        Raises
        ------
        ConfigurationError
            If a name is not a parameter; the message lists those that are.
        """
        names = self._parameter_names()
        for key, value in params.items():
            name, _, rest = key.partition("__")
            if name not in names:
                raise ConfigurationError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(names)}")
            if rest:
                part = getattr(self, name)
                if not hasattr(part, "set_params"):
                    raise ConfigurationError(
                        f"{key}: {type(self).__name__}'s {name} is {part!r}, which has no parameters"
                    )
                part.set_params(**{rest: value})
            else:
                setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        shown = [
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if repr(value) != repr(defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags, TransformerTags

        kind = self._estimator_type
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=kind == "classifier"),
            transformer_tags=TransformerTags() if hasattr(self, "transform") else None,
            classifier_tags=ClassifierTags(multi_label=True) if kind == "classifier" else None,
            input_tags=InputTags(string=True, two_d_array=False),
        )

    def _check_fitted(self, attribute: str) -> None:
        if not hasattr(self, attribute):
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet: call fit() with training data, or load a model"
            )
