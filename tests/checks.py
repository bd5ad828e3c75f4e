"""Laws that every public estimator keeps; `test_laws.py` holds the table of estimators and runs them all.

scikit-learn's own checker passes an estimator of texts or sequences after one check and skips the rest, so these laws
are ours. Each takes a :class:`Case` and raises AssertionError where the law is broken.
"""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tagger.errors import ConfigurationError, NotFittedError

LEARNS_NOTHING = "has no fit: what it does follows from its parameters alone"


@dataclass(frozen=True)
class Case:
    """An estimator and what to try it on.

    Attributes
    ----------
    estimator : type
    predict : callable of (estimator, X)
        One result an item of X, in a form that `same` can compare.
    X, y : Any
        Training data; ``X[i:i + 1]`` is an X of one item.
    other : (X, y)
        Training data that teach something else.
    parameters : mapping
        For the constructor: what makes it quick on data this small. At least one differs from its default.
    restore : callable of a fitted estimator, optional
        What a store does: the estimator built again from its state.
    learns : bool
        Whether there is a ``fit``.
    """

    estimator: type
    predict: Callable[[Any, Any], Any]
    X: Any
    y: Any = None
    other: tuple[Any, Any] = (None, None)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    restore: Callable[[Any], Any] | None = None
    learns: bool = True

    def __str__(self) -> str:
        return self.estimator.__name__

    def make(self) -> Any:
        return self.estimator(**self.parameters)

    def ready(self) -> Any:
        """Return an estimator that can predict."""
        return self.make().fit(self.X, self.y) if self.learns else self.make()


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal to the last bit: lists, arrays, sparse matrices, dataclasses, in any nesting."""
    if hasattr(a, "tocsr"):
        a, b = ((m.shape, m.indptr, m.indices, m.data) for m in (a, b))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, Sequence) and not isinstance(a, str):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


def equal_parameters(a: Any, b: Any) -> bool:
    """Whether two estimators have the same parameters, by value."""
    return repr(sorted(a.get_params().items())) == repr(sorted(b.get_params().items()))


# -- parameters ----------------------------------------------------------------------------------------------------


def check_constructor_only_assigns(case: Case) -> None:
    """No copy, no conversion, no verification: ``clone`` depends on it."""
    given = {name: object() for name in case.estimator._parameter_names()}  # type: ignore[attr-defined]
    assert vars(case.estimator(**given)) == given


def check_options_are_keyword_only_and_have_defaults(case: Case) -> None:
    parameters = list(inspect.signature(case.estimator).parameters.values())
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters)
    assert repr(case.estimator()) == f"{case}()"


def check_parameters_round_trip(case: Case) -> None:
    estimator = case.make()
    params = estimator.get_params(deep=False)
    assert params == {**case.estimator().get_params(deep=False), **case.parameters}
    other = case.estimator()
    assert other.set_params(**params) is other
    assert other.get_params(deep=False) == params
    assert case.estimator(**params).get_params(deep=False) == params


def check_unknown_parameter_is_named(case: Case) -> None:
    first = case.estimator._parameter_names()[0]  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=f"{case} has no parameter 'max_itre'; it has {first}"):
        case.make().set_params(max_itre=3)


def check_scikit_learn_clones_it_unfitted(case: Case) -> None:
    from sklearn.base import clone

    ready = case.ready()
    cloned = clone(ready)
    assert type(cloned) is case.estimator
    assert equal_parameters(cloned, ready)
    assert vars(cloned).keys() == vars(case.make()).keys()


# -- learning ------------------------------------------------------------------------------------------------------


def check_fit_returns_self_and_leaves_its_input_alone(case: Case) -> None:
    X, y = copy.deepcopy(case.X), copy.deepcopy(case.y)
    estimator = case.make()
    assert estimator.fit(X, y) is estimator
    assert same(X, case.X)
    assert same(y, case.y)
    assert equal_parameters(estimator, case.make())


def check_fit_adds_attributes_that_end_in_an_underscore(case: Case) -> None:
    added = vars(case.ready()).keys() - vars(case.make()).keys()
    assert any(name.endswith("_") for name in added)
    assert all(name.endswith("_") or name.startswith("_") for name in added)


def check_a_second_fit_forgets_the_first(case: Case) -> None:
    twice = case.ready().fit(*case.other)
    once = case.make().fit(*case.other)
    assert same(case.predict(twice, case.X), case.predict(once, case.X))
    assert same(case.predict(twice.fit(case.X, case.y), case.X), case.predict(case.ready(), case.X))


def check_same_seed_gives_equal_results(case: Case) -> None:
    from sklearn.base import clone

    ready = case.ready()
    again = clone(ready).fit(case.X, case.y)
    assert same(case.predict(again, case.X), case.predict(ready, case.X))
    if hasattr(ready, "to_state"):
        assert same(again.to_state(), ready.to_state())


def check_unfitted_raises(case: Case) -> None:
    estimator = case.make()
    with pytest.raises(NotFittedError, match=f"this {case} is not fitted yet: call fit"):
        case.predict(estimator, case.X)
    if case.restore is not None:
        with pytest.raises(NotFittedError):
            estimator.to_state()


def check_scikit_learn_sees_that_it_is_fitted(case: Case) -> None:
    from sklearn.exceptions import NotFittedError as TheirError
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(case.ready())
    with pytest.raises(TheirError):
        check_is_fitted(case.make())


# -- predicting ----------------------------------------------------------------------------------------------------


def check_predicting_changes_nothing(case: Case) -> None:
    X, ready = copy.deepcopy(case.X), case.ready()
    first = case.predict(ready, X)
    assert same(X, case.X)
    assert same(case.predict(ready, X), first)


def check_one_at_a_time_equals_many_at_once(case: Case) -> None:
    ready = case.ready()
    many = case.predict(ready, case.X)
    assert len(many) > 1
    for i, result in enumerate(many):
        assert same(case.predict(ready, case.X[i : i + 1])[0], result)


def check_order_does_not_matter(case: Case) -> None:
    ready = case.ready()
    assert same(case.predict(ready, case.X[::-1]), case.predict(ready, case.X)[::-1])


def check_threads_may_share_it(case: Case) -> None:
    ready = case.ready()
    expected = case.predict(case.ready(), case.X)
    with ThreadPoolExecutor(4) as pool:
        assert all(same(found, expected) for found in pool.map(lambda _: case.predict(ready, case.X), range(12)))


# -- copies --------------------------------------------------------------------------------------------------------


def check_pickle_and_deepcopy_keep_predictions(case: Case) -> None:
    ready = case.ready()
    expected = case.predict(ready, case.X)
    for copied in (pickle.loads(pickle.dumps(ready)), copy.deepcopy(ready), copy.copy(ready)):
        assert equal_parameters(copied, ready)
        assert same(case.predict(copied, case.X), expected)


def check_an_unfitted_one_can_be_pickled_and_copied(case: Case) -> None:
    for copied in (pickle.loads(pickle.dumps(case.make())), copy.deepcopy(case.make())):
        assert equal_parameters(copied, case.make())
        assert case.predict(copied.fit(case.X, case.y) if case.learns else copied, case.X)


def check_state_keeps_predictions(case: Case) -> None:
    assert case.restore is not None
    ready = case.ready()
    restored = case.restore(ready)
    assert type(restored) is case.estimator
    assert same(case.predict(restored, case.X), case.predict(ready, case.X))
    assert same(restored.to_state()[1], ready.to_state()[1])


Law = Callable[[Case], None]
OF_PARAMETERS: tuple[Law, ...] = (
    check_constructor_only_assigns,
    check_options_are_keyword_only_and_have_defaults,
    check_parameters_round_trip,
    check_unknown_parameter_is_named,
    check_scikit_learn_clones_it_unfitted,
)
OF_LEARNING: tuple[Law, ...] = (
    check_fit_returns_self_and_leaves_its_input_alone,
    check_fit_adds_attributes_that_end_in_an_underscore,
    check_a_second_fit_forgets_the_first,
    check_same_seed_gives_equal_results,
    check_unfitted_raises,
    check_scikit_learn_sees_that_it_is_fitted,
)
OF_PREDICTING: tuple[Law, ...] = (
    check_predicting_changes_nothing,
    check_one_at_a_time_equals_many_at_once,
    check_order_does_not_matter,
    check_threads_may_share_it,
    check_pickle_and_deepcopy_keep_predictions,
    check_an_unfitted_one_can_be_pickled_and_copied,
)
OF_STORING: tuple[Law, ...] = (check_state_keeps_predictions,)


def reason_to_skip(law: Law, case: Case) -> str | None:
    """Say why a law has nothing to hold for an estimator, if it has not."""
    if law in OF_LEARNING and not case.learns:
        return LEARNS_NOTHING
    if law in OF_STORING and case.restore is None:
        return LEARNS_NOTHING if not case.learns else "keeps no state"
    return None
