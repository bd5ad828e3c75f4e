"""The methods of a span tagger that judge and adjust it on held-out texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from tagger.errors import InputError
from tagger.spans._annotations import checked_spans
from tagger.spans._calibration import Calibration, Reliability, fit_calibration, measure_reliability
from tagger.spans._fitted import _Fitted
from tagger.spans._thresholds import (
    Candidates,
    Judgement,
    OperatingPoint,
    choose_point,
    find_candidates,
    operating_points,
    pool,
)
from tagger.spans._types import LabelledRange

__all__: list[str] = []

# The many spans below this are hardly ever predicted: they would only bend the line that has two parameters for all.
_LEAST_JUDGED = 0.05


class _HeldOut(_Fitted):
    """Scores, threshold and calibration."""

    def score(self, texts: Sequence[str], spans: Sequence[Sequence[LabelledRange]]) -> float:
        """Return strict micro-F1: a span counts when start, end and label are all right."""
        predicted = [{(s.start, s.end, s.label) for s in found} for found in self.predict(texts)]
        gold = [{tuple(span) for span in found} for found in spans]
        hits = sum(len(p & g) for p, g in zip(predicted, gold, strict=True))
        total = sum(map(len, predicted)) + sum(map(len, gold))
        return 2 * hits / total if total else 1.0

    def reliability(
        self, texts: Sequence[str], spans: Sequence[Sequence[LabelledRange]], *, n_bins: int = 10
    ) -> Reliability:
        """Compare the confidences of predicted spans with the share of them that are right.

        Parameters
        ----------
        texts, spans
            Held-out texts, as for :meth:`SpanTagger.fit`.
        n_bins : int
            Ranges of confidence, of equal width.

        Raises
        ------
        InputError
            If texts and spans do not match, or `n_bins` is below 1.

        Examples
        --------
        >>> from tagger import SpanTagger
        >>> texts, spans = ["鹿泷县召开会议。", "代表来自砚川市。"] * 8, [[(0, 3, "PLACE")], [(4, 7, "PLACE")]] * 8
        >>> report = SpanTagger(max_iter=20).fit(texts, spans).reliability(texts, spans)
        >>> [(bin_.n_spans, bin_.right) for bin_ in report.bins], report.ece < 0.1
        ([(16, 1.0)], True)
        """
        if n_bins < 1:
            raise InputError(f"n_bins={n_bins!r}: expected at least one bin")
        gold = [set(found) for found in checked_spans(texts, spans)]
        predicted = self.predict(texts)
        pairs = [
            (s.confidence, (s.start, s.end, s.label) in known)
            for found, known in zip(predicted, gold, strict=True)
            for s in found
        ]
        confidences = np.array([confidence for confidence, _ in pairs], np.float64)
        return measure_reliability(confidences, np.array([right for _, right in pairs], bool), n_bins)

    def tune_threshold(
        self,
        texts: Sequence[str],
        spans: Sequence[Sequence[LabelledRange]],
        *,
        precision: float | None = None,
        recall: float | None = None,
    ) -> OperatingPoint:
        """Set ``threshold_`` to what serves best on held-out texts.

        Parameters
        ----------
        texts, spans
            As for :meth:`fit`, but not those of it: on its training texts a tagger is far too sure.
        precision, recall : float in (0, 1], optional
            What must be reached; then the other one is made as large as possible. With neither, F1 is.

        Returns
        -------
        OperatingPoint
            The threshold, and precision, recall and F1 on these texts.

        Raises
        ------
        ConfigurationError
            If no threshold reaches what must be reached; the message gives the most that can be, and nothing is set.
        InputError
            If there are no spans to judge by.
        """
        layers, n_gold = self.judge(texts, spans)
        if not n_gold:
            raise InputError("no annotated spans came: a threshold needs some to be judged by")
        points = list(operating_points(layers, n_gold, self.calibration_))
        point = choose_point(points, precision=precision, recall=recall)
        self.threshold_ = point.threshold
        return point

    def calibrate(self, texts: Sequence[str], spans: Sequence[Sequence[LabelledRange]]) -> Self:
        """Fit ``calibration_`` on held-out texts, so that of spans with confidence 0.9 nine in ten are right.

        Probabilities are judged whether or not their spans are predicted. With a threshold, calibrate first and then
        tune it: it is a bound on the confidence.

        Parameters
        ----------
        texts, spans
            As for :meth:`tune_threshold`.

        Raises
        ------
        InputError
            If there is nothing to judge: no span of these texts has a probability worth the name.
        """
        calibration = _calibrated(self.judge(texts, spans).layers)
        if calibration is None:
            raise InputError("no span of these texts is at all probable: confidences cannot be judged by them")
        self.calibration_ = calibration
        return self

    def judge(self, texts: Sequence[str], spans: Sequence[Sequence[LabelledRange]]) -> Judgement:
        """Return what this tagger finds in held-out texts and which of it is right, for :meth:`adjust`.

        Parameters
        ----------
        texts, spans
            As for :meth:`tune_threshold`.
        """
        self._check_fitted("crfs_")
        return find_candidates(texts, checked_spans(texts, spans), self._layers(), self._features)

    def adjust(self, *judgements: Judgement) -> Self:
        """Calibrate, and tune the threshold for F1 if none was given, as far as held-out judgements allow.

        A tagger that learned from all annotated texts has none left to be judged by. In a cross-validation each
        fold's tagger judges texts that it never saw; those judgements together adjust the tagger that saw everything.

        Parameters
        ----------
        *judgements : Judgement
            From :meth:`judge`, of this tagger or of others with the same labels.

        Raises
        ------
        ConfigurationError
            If none came, or they are of taggers with different numbers of layers.

        Examples
        --------
        >>> from tagger import SpanTagger
        >>> texts, spans = ["鹿泷县召开会议。", "代表来自砚川市。"] * 8, [[(0, 3, "PLACE")], [(4, 7, "PLACE")]] * 8
        >>> half, rest = slice(0, 8), slice(8, 16)
        >>> one = SpanTagger().fit(texts[half], spans[half]).judge(texts[rest], spans[rest])
        >>> other = SpanTagger().fit(texts[rest], spans[rest]).judge(texts[half], spans[half])
        >>> tagger = SpanTagger().fit(texts, spans).adjust(one, other)
        >>> 0 < tagger.threshold_ < 1
        True
        """
        self._check_fitted("crfs_")
        layers, n_gold = pool(judgements)
        calibration = _calibrated(layers)
        if n_gold and calibration is not None:
            self.calibration_ = calibration
            if self.threshold is None:
                self.threshold_ = choose_point(list(operating_points(layers, n_gold, calibration))).threshold
        return self


def _calibrated(layers: Sequence[Candidates]) -> Calibration | None:
    """Fit the calibration to candidates; None where there is none to judge by."""
    probabilities = np.concatenate([layer.probabilities for layer in layers])
    right = np.concatenate([layer.right for layer in layers])
    judged = probabilities >= _LEAST_JUDGED
    return fit_calibration(probabilities[judged], right[judged]) if judged.any() else None
