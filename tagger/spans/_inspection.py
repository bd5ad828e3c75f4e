"""The methods of a span tagger that say what else it thought of, and why it says what it says."""

from __future__ import annotations

from tagger.errors import InputError
from tagger.spans import _questions as questions
from tagger.spans._annotations import check_texts, checked_spans
from tagger.spans._explanation import Explanation
from tagger.spans._fitted import _Fitted
from tagger.spans._types import LabelledRange, Reading
from tagger.types import Span

__all__: list[str] = []


class _Inspection(_Fitted):
    """Readings, probabilities and explanations."""

    def nbest(self, text: str, n: int) -> list[list[Reading]]:
        """Return the most probable readings of each sentence of a text.

        Sentences are read independently of each other, so that the probability of a reading of the whole text is the
        product of its sentences'. Readings and their probabilities are those of the model, without threshold and
        calibration, so that those of a sentence sum to 1 (over all); each span's own confidence is calibrated. Where
        there are layers, those are independent too.

        Parameters
        ----------
        text : str
        n : int
            Readings a sentence, at most.

        Returns
        -------
        list of list of Reading
            For each sentence, in order, its readings, best first. A sentence longer than 1,000 characters comes in
            pieces.

        Raises
        ------
        InputError
            If `n` is below 1.

        Examples
        --------
        >>> from tagger import SpanTagger
        >>> tagger = SpanTagger(max_iter=20).fit(["鹿泷县召开会议。"] * 8, [[(0, 3, "PLACE")]] * 8)
        >>> for best, second in tagger.nbest("鹿泷县召开会议。鹿泷县召开会议。", 2):
        ...     print(best.start, [span.text for span in best.spans], best.probability > second.probability)
        0 ['鹿泷县'] True
        8 ['鹿泷县'] True
        """
        self._check_fitted("crfs_")
        check_texts([text])
        if n < 1:
            raise InputError(f"n={n!r}: expected at least one reading")
        layers = self._layers()
        return [
            questions.readings(sentence, layers, self.calibration_, n)
            for sentence in questions.sentences(text, self._features)
        ]

    def span_probability(self, text: str, start: int, end: int, label: str) -> float:
        """Return the confidence that exactly this range has this label, predicted or not.

        Parameters
        ----------
        text : str
        start, end : int
        label : str

        Returns
        -------
        float
            0 for a range that goes beyond a sentence: it is never predicted.

        Raises
        ------
        InputError
            If the range is empty or outside the text, or the label is not known.

        Examples
        --------
        >>> from tagger import SpanTagger
        >>> tagger = SpanTagger(max_iter=20).fit(["鹿泷县召开会议。"] * 8, [[(0, 3, "PLACE")]] * 8)
        >>> [tagger.span_probability("鹿泷县召开会议。", 0, end, "PLACE") > 0.5 for end in (2, 3, 4)]
        [False, True, False]
        """
        span = self._checked_span(text, (start, end, label))
        sentence = questions.sentence_of(text, self._features, start, end)
        if sentence is None:
            return 0.0
        return questions.confidences(sentence, self._layers(), self.calibration_, [span])[span]

    def explain(self, text: str, span: Span | LabelledRange) -> Explanation:
        """Say why a range is, or is not, a span: what every template saw and how much that weighed.

        The best reading of the sentence that has the span (the predicted one, if it does) is compared with the same
        reading without it. Exact: the contributions sum to the difference of the two scores.

        Parameters
        ----------
        text : str
        span : Span or LabelledRange
            Predicted or not.

        Raises
        ------
        InputError
            If the range is empty, outside the text or goes beyond a sentence, or the label is not known.

        Examples
        --------
        >>> from tagger import SpanTagger
        >>> tagger = SpanTagger(max_iter=20, templates=["char[0]", "char[-1] char[0]"])
        >>> tagger = tagger.fit(["鹿泷县召开会议。"] * 8, [[(0, 3, "PLACE")]] * 8)
        >>> why = tagger.explain("鹿泷县召开会议。", (0, 3, "PLACE"))
        >>> why.total > 0, sorted(reason.seen for reason in why.reasons if reason.template == "char[0]")
        (True, ['县', '泷', '鹿'])
        """
        if isinstance(span, Span):
            span = (span.start, span.end, span.label)
        start, end, label = span = self._checked_span(text, span)
        sentence = questions.sentence_of(text, self._features, start, end)
        if sentence is None:
            raise InputError(f"range [{start}, {end}) goes beyond a sentence: no reading has it as one span")
        layers = [layer for layer in self._layers() if label in layer.labels]
        best = max(layers, key=lambda layer: questions.confidences(sentence, [layer], self.calibration_, [span])[span])
        return questions.explain(sentence, best, self._features, span)

    def _checked_span(self, text: str, span: LabelledRange) -> LabelledRange:
        self._check_fitted("crfs_")
        ((checked,),) = checked_spans([text], [[span]])
        if checked[2] not in self.labels_:
            raise InputError(f"label {checked[2]!r} is not known: the tagger has {', '.join(self.labels_) or 'none'}")
        return checked
