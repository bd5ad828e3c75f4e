"""What a linear chain says of a sequence once the scores of its tokens are known."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from tagger._typing import BoolArray, F64Array, I32Array, I64Array, U64Array
from tagger.crf import _candidates, _paths, _scores, _segments, _sums
from tagger.crf._sequences import check_scores
from tagger.crf.scheme import compact_order, label_tags, segment_borders
from tagger.errors import InputError

__all__ = ["ChainDecoder", "PathDifference", "Segments"]


class Segments(NamedTuple):
    """Segments of tokens that were found in many sequences.

    Attributes
    ----------
    ranges : ndarray of int32, shape (n_segments, 2)
        First and one past the last token of each, from the origin of the offsets that were given.
    tags : ndarray of int64, shape (n_segments,)
        Index of the tag of each segment's first token.
    probabilities : ndarray of shape (n_segments,)
        Probability that exactly this range is a segment with this label, over all paths.
    """

    ranges: I32Array
    tags: I64Array
    probabilities: F64Array


class PathDifference(NamedTuple):
    """Why one path scores higher than another; the sum of all numbers is the difference of their scores.

    Attributes
    ----------
    attributes : ndarray of shape (n_tokens, n_attributes)
        What each attribute of each token adds.
    transitions : ndarray of shape (n_tokens + 1,)
        What the step into each token adds, and the one out of the last: from the token before, or the beginning; to the
        token after, or the end.
    """

    attributes: F64Array
    transitions: F64Array

    @property
    def total(self) -> float:
        """Score of the path less that of the other."""
        return float(self.attributes.sum() + self.transitions.sum())


class Compact(NamedTuple):
    """A chain with its tags in :func:`~tagger.crf.scheme.compact_order`.

    Attributes
    ----------
    source : ndarray
        The transitions that it was made of.
    order : ndarray of int64, shape (n_tags,)
        Index of the tag at each place.
    edges : (transitions, start, end)
    borders : (ndarray of bool, ndarray of bool)
        Tags that open and that close a segment.
    labels : ndarray of int64, shape (n_labels, 4)
        Places of the B, I, E and S tag of each label; -1 where there is none.
    outside : int
        Place of a tag that is in no segment; -1 where there is none.
    """

    source: F64Array
    order: I64Array
    edges: tuple[F64Array, F64Array, F64Array]
    borders: tuple[BoolArray, BoolArray]
    labels: I64Array
    outside: int

    @classmethod
    def of(cls, tags: list[str], transitions: F64Array, start: F64Array, end: F64Array) -> Self:
        """Lay a chain out."""
        order = compact_order(tags)
        positions = label_tags(tags)[1]
        bare = [place for place, tag in enumerate(order) if tag not in positions]
        places = np.append(np.argsort(order), -1)  # the last is that of the missing tag, -1
        edges = transitions[np.ix_(order, order)], start[order], end[order]
        opens, closes = segment_borders(tags)
        borders = opens[order], closes[order]
        return cls(transitions, order, edges, borders, places[positions], bare[0] if bare else -1)


class ChainDecoder:
    """Paths, probabilities, segments and explanations by the tags and the scores of their transitions.

    All of it runs without Python's global lock: threads that each tag texts of their own share one model, and find what
    one thread finds.
    """

    tags_: list[str]
    transitions_: F64Array
    start_: F64Array
    end_: F64Array
    _laid_out: Compact

    def emissions(self, keys: U64Array) -> F64Array:
        """Sum the attribute weights of each token: shape (n_tokens, n_tags)."""
        raise NotImplementedError

    # -- paths -----------------------------------------------------------------------------------------------------

    def viterbi(self, scores: F64Array) -> I64Array:
        """Return the best path of one sequence, as tag indices, from its emissions (n_tokens, n_tags)."""
        check_scores(scores, len(self.tags_))
        if not len(scores):
            return np.empty(0, np.int64)
        path: I64Array = _paths.viterbi(scores, *self._edges)
        return path

    def score(self, scores: F64Array, path: I64Array) -> float:
        """Return the log-score of one path of a sequence with these emissions; minus infinity if it is illegal.

        Parameters
        ----------
        scores : ndarray of shape (n_tokens, n_tags)
        path : ndarray of int64, shape (n_tokens,)

        Raises
        ------
        InputError
            If the path is not one known tag a token.

        Examples
        --------
        >>> from tagger import LinearChainCRF
        >>> crf = LinearChainCRF(max_iter=5).fit([[["砚"], ["川"]]], [["B-地", "E-地"]])
        >>> scores = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        >>> crf.score(scores, np.array([1, 2])) > crf.score(scores, np.array([0, 0]))
        True
        >>> crf.score(scores, np.array([1, 1]))
        -inf
        """
        check_scores(scores, len(self.tags_))
        self._check_path(path, len(scores))
        return float(_scores.path_score(scores, *self._edges, path)) if len(path) else 0.0

    def marginals(self, scores: F64Array) -> tuple[float, F64Array]:
        """Return log Z and the tag probabilities (n_tokens, n_tags) of one sequence from its emissions."""
        check_scores(scores, len(self.tags_))
        if not len(scores):
            return 0.0, np.empty((0, len(self.tags_)))
        log_z, marginals = _sums.forward_backward(scores, *self._edges)
        return float(log_z), marginals

    def nbest(self, scores: F64Array, n: int) -> tuple[I64Array, F64Array]:
        """Find the best paths of one sequence, exactly.

        Parameters
        ----------
        scores : ndarray of shape (n_tokens, n_tags)
        n : int
            How many paths; there are fewer where fewer are legal.

        Returns
        -------
        paths : ndarray of int64, shape (n, n_tokens)
            Best first: the first is that of :meth:`viterbi`. Of equal ones the one with the smallest last tag comes
            first, then with the smallest before it.
        log_probabilities : ndarray of shape (n,)

        Raises
        ------
        InputError
            If `n` is below 1.

        Examples
        --------
        >>> from tagger import LinearChainCRF
        >>> crf = LinearChainCRF(max_iter=20).fit([[["砚"], ["川"]]] * 8, [["B-地", "E-地"]] * 8)
        >>> paths, log_probabilities = crf.nbest(np.zeros((2, 3)), 5)
        >>> len(paths), round(float(np.exp(log_probabilities).sum()), 6)  # no other path is legal
        (2, 1.0)
        """
        if n < 1:
            raise InputError(f"n={n}: ask for at least one path")
        check_scores(scores, len(self.tags_))
        if not len(scores):
            return np.empty((1, 0), np.int64), np.zeros(1)
        paths, totals = _paths.nbest(scores, *self._edges, n)
        return paths, np.minimum(totals - self.marginals(scores)[0], 0.0)

    # -- segments --------------------------------------------------------------------------------------------------

    @property
    def span_labels(self) -> list[str]:
        """Labels of the BIOES tags, in order of their first tag: those of ``tags_ = bioes_tags(labels)`` are `labels`.

        Examples
        --------
        >>> from tagger import LinearChainCRF
        >>> crf = LinearChainCRF(max_iter=1).fit([[["砚"], ["川"], ["唐"]]], [["B-地", "E-地", "S-人"]])
        >>> crf.span_labels
        ['地', '人']
        """
        return label_tags(self.tags_)[0]

    def segment_probabilities(self, scores: F64Array, path: I64Array, segments: I32Array) -> F64Array:
        """Return P(the tags of this segment are those of `path`) for each segment (n_segments, 2)."""
        check_scores(scores, len(self.tags_))
        self._check_path(path, len(scores))
        _check_ranges(segments, len(scores))
        found: F64Array = _segments.segment_probabilities(scores, *self._edges, path, segments)
        return found

    def span_probabilities(self, scores: F64Array, ranges: I32Array, labels: I64Array) -> F64Array:
        """Return the probability that exactly this range is a segment with this label, for any ranges.

        Parameters
        ----------
        scores : ndarray of shape (n_tokens, n_tags)
            Emissions of one sequence.
        ranges : ndarray of int32, shape (n_ranges, 2)
            First and one past the last token of each; they may overlap.
        labels : ndarray of int64, shape (n_ranges,)
            Index into :attr:`span_labels` of each.

        Returns
        -------
        probabilities : ndarray of shape (n_ranges,)
            Summed over all paths.

        Raises
        ------
        InputError
            If a range is empty or reaches outside the sequence, or there is no such label.

        Examples
        --------
        >>> from tagger import LinearChainCRF
        >>> crf = LinearChainCRF(max_iter=20).fit([[["砚"], ["川"]]] * 8, [["B-地", "E-地"]] * 8)
        >>> scores = crf.emissions(np.zeros((2, 1), np.uint64))
        >>> p = crf.span_probabilities(scores, np.array([[0, 2], [0, 1]], np.int32), np.array([0, 0]))
        >>> bool(p[0] > 0.5), float(p[1])  # one token is never a segment: there is no tag S-地
        (True, 0.0)
        """
        check_scores(scores, len(self.tags_))
        _check_ranges(ranges, len(scores))
        names, positions = label_tags(self.tags_)
        if len(labels) != len(ranges) or (len(labels) and not 0 <= labels.min() <= labels.max() < len(names)):
            raise InputError(
                f"labels {_shown(labels)}: expected one a range ({len(ranges)}), from 0 to before {len(names)}"
            )
        if not len(ranges):
            return np.empty(0)
        found: F64Array = _segments.span_probabilities(scores, *self._edges, ranges, positions[labels])
        return found

    def candidate_segments(self, scores: F64Array, offsets: I64Array, threshold: float) -> Segments:
        """Find all segments of many sequences that are at least this probable.

        Parameters
        ----------
        scores, offsets
            As for :meth:`decode_segments`.
        threshold : float in (0, 1]
            Of segments above one half no two overlap; every token is in at most ``1 / threshold`` of them.

        Returns
        -------
        Segments
            In order of start, then label, then end.

        Raises
        ------
        InputError
            If the threshold is not in its range, or offsets and scores do not fit each other.

        Examples
        --------
        >>> from tagger import LinearChainCRF
        >>> crf = LinearChainCRF(max_iter=20).fit([[["砚"], ["川"]]] * 8, [["B-地", "E-地"]] * 8)
        >>> found = crf.candidate_segments(np.zeros((4, 3)), np.array([0, 2, 4]), 0.1)
        >>> found.ranges.tolist()
        [[0, 2], [2, 4]]
        """
        if not 0 < threshold <= 1:
            raise InputError(f"threshold={threshold!r}: expected a probability above 0, up to 1")
        return self._find(scores, offsets, threshold, choose=False)

    def decode_segments(self, scores: F64Array, offsets: I64Array, *, threshold: float | None = None) -> Segments:
        """Find the BIOES segments of many sequences, and the exact probability of each.

        Parameters
        ----------
        scores : ndarray of shape (n_tokens, n_tags)
            Emissions of all sequences, one behind another.
        offsets : ndarray of int64, shape (n_sequences + 1,)
            Where each begins and the last one ends; they may count from any origin.
        threshold : float in (0, 1), optional
            Without it, the segments of the best path. With it, of all sets of segments that do not overlap, the one
            with the largest sum of ``probability - threshold``: the best decision where a segment that is right is
            worth 1 and each that is found costs the threshold [1]_. A lower one finds more. For the highest F1 the
            threshold is half the F1 that can be reached [2]_.

        Returns
        -------
        Segments
            In order; none overlaps another.

        Raises
        ------
        InputError
            If the threshold is not in its range, or offsets and scores do not fit each other.

        References
        ----------
        .. [1] Goodman (1996), Parsing algorithms and metrics. ACL (the same idea for parse trees).
        .. [2] Lipton, Elkan, Naryanaswamy (2014), Optimal thresholding of classifiers to maximize F1 measure. ECML.

        Examples
        --------
        >>> from tagger import LinearChainCRF
        >>> crf = LinearChainCRF(max_iter=20).fit([[["砚"], ["川"]]] * 8, [["B-地", "E-地"]] * 8)
        >>> scores, offsets = np.zeros((4, 3)), np.array([0, 2, 4])
        >>> crf.decode_segments(scores, offsets).ranges.tolist()
        [[0, 2], [2, 4]]
        >>> len(crf.decode_segments(scores, offsets, threshold=0.9999).ranges)
        0
        """
        if threshold is not None:
            if not 0 < threshold < 1:
                raise InputError(f"threshold={threshold!r}: expected a probability between 0 and 1, or None")
            return self._find(scores, offsets, threshold, choose=True)
        check_scores(scores, len(self.tags_), offsets)
        c = self._compact()
        return Segments(*_segments.decode_segments(scores, offsets, *c.edges, *c.borders, c.order))

    # -- explanation -----------------------------------------------------------------------------------------------

    def explain_tokens(self, keys: U64Array, first: int, last: int, path: I64Array, other: I64Array) -> PathDifference:
        """Split the difference of two paths' scores into what each attribute and each step between tags adds.

        Parameters
        ----------
        keys : ndarray of uint64, shape (n_tokens, n_attributes)
            Of the whole sequence.
        first, last : int
            Tokens to explain, `last` exclusive; elsewhere the paths are equal.
        path, other : ndarray of int64, shape (n_tokens,)
            Legal paths, as tag indices.

        Returns
        -------
        PathDifference
            Of the tokens from `first` to `last`; the numbers add up to ``score(path) - score(other)``.

        Raises
        ------
        InputError
            If the range is outside the sequence, a path is illegal, or they differ elsewhere.

        Examples
        --------
        >>> from tagger import LinearChainCRF
        >>> crf = LinearChainCRF(max_iter=20).fit([[["砚"], ["川", "尾"]]] * 8, [["B-地", "E-地"]] * 8)
        >>> keys = np.zeros((2, 3), np.uint64)
        >>> path, other = np.array([1, 2]), np.array([0, 0])
        >>> why = crf.explain_tokens(keys, 0, 2, path, other)
        >>> why.attributes.shape, why.transitions.shape
        ((2, 3), (3,))
        >>> scores = crf.emissions(keys)
        >>> abs(why.total - (crf.score(scores, path) - crf.score(scores, other))) < 1e-6
        True
        """
        n = len(keys)
        if not 0 <= first <= last <= n:
            raise InputError(f"tokens [{first}, {last}): outside the {n} tokens of the sequence")
        for each in (path, other):
            self._check_path(each, n)
        if not (np.array_equal(path[:first], other[:first]) and np.array_equal(path[last:], other[last:])):
            raise InputError(f"the paths differ outside the tokens [{first}, {last}): explain a range that holds all")
        # Each attribute of each token as a token of its own: the rows are their weights.
        weights = self.emissions(keys[first:last].reshape(-1, 1)).reshape(last - first, keys.shape[1], len(self.tags_))
        rows = np.arange(last - first)
        attributes = weights[rows, :, path[first:last]] - weights[rows, :, other[first:last]]
        steps, other_steps = (self._path_steps(each)[first : last + 1] for each in (path, other))
        if not (np.isfinite(steps).all() and np.isfinite(other_steps).all()):
            raise InputError("one of the paths is illegal: its score is minus infinity, which no sum explains")
        return PathDifference(attributes, steps - other_steps)

    def _path_steps(self, path: I64Array) -> F64Array:
        """Scores of the steps into each token and out of the last: shape (n_tokens + 1,)."""
        if not len(path):
            return np.zeros(1)
        between = self.transitions_[path[:-1], path[1:]]
        return np.concatenate([self.start_[path[:1]], between, self.end_[path[-1:]]])

    # -- inner parts -----------------------------------------------------------------------------------------------

    @property
    def _edges(self) -> tuple[F64Array, F64Array, F64Array]:
        """Transitions, start and end, in the order in which the compiled code takes them."""
        return self.transitions_, self.start_, self.end_

    def _compact(self) -> Compact:
        """Return the model as decoding reads it, laid out once and again when it has learned something else."""
        if "_laid_out" not in self.__dict__ or self._laid_out.source is not self.transitions_:
            self._laid_out = Compact.of(self.tags_, *self._edges)
        return self._laid_out

    def _find(self, scores: F64Array, offsets: I64Array, threshold: float, *, choose: bool) -> Segments:
        check_scores(scores, len(self.tags_), offsets)
        c = self._compact()
        return Segments(
            *_candidates.find_candidates(scores, offsets, *c.edges, c.labels, c.outside, c.order, threshold, choose)
        )

    def _check_path(self, path: I64Array, n_tokens: int) -> None:
        if len(path) != n_tokens:
            raise InputError(f"a path of {len(path)} tags for {n_tokens} tokens: give one tag a token")
        if len(path) and not 0 <= path.min() <= path.max() < len(self.tags_):
            raise InputError(f"path {_shown(path)}: expected tag indices from 0 to before {len(self.tags_)}")


def _check_ranges(ranges: I32Array, n_tokens: int) -> None:
    if ranges.ndim != 2 or ranges.shape[1] != 2:
        raise InputError(f"ranges of shape {ranges.shape}: expected (n_ranges, 2), first and one past the last token")
    wrong = (ranges[:, 0] < 0) | (ranges[:, 0] >= ranges[:, 1]) | (ranges[:, 1] > n_tokens)
    if wrong.any():
        raise InputError(f"range {ranges[np.argmax(wrong)].tolist()}: empty, or outside the {n_tokens} tokens")


def _shown(numbers: I64Array) -> str:
    """First few of the numbers, for a message."""
    few = ", ".join(map(str, numbers[:8].tolist()))
    return f"[{few}, …]" if len(numbers) > 8 else f"[{few}]"
