"""Which part of the raw text each character of a clean text speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.errors import InputError

__all__ = ["Alignment", "Edit", "IntArray"]

IntArray = npt.NDArray[np.integer[Any]]

# Above every offset that fits into int32: the neutral element of "smallest start".
_NOWHERE = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Edit:
    """``raw[start:end]`` was replaced by `replacement`.

    A replacement as long as what it replaces maps character by character; of any other length, each of its
    characters speaks of the whole ``raw[start:end]``. ``start == end`` is a pure insertion, ``""`` a deletion.
    """

    start: int
    end: int
    replacement: str


class Alignment:
    """Which range of the raw text each character of the clean text speaks of.

    Clean character ``i`` comes from ``raw[lo[i]:hi[i]]``; a character that was inserted has ``lo[i] == hi[i]`` and
    speaks of nothing. An identity holds no arrays until they are asked for. Treat an alignment as a value: never
    write into its arrays.

    Parameters
    ----------
    n_raw : int
        Characters of the raw text.
    lo, hi : ndarray of shape (n_clean,), optional
        Offsets into the raw text; leave both out for the identity over `n_raw` characters.

    Raises
    ------
    InputError
        If the arrays have different shapes or leave ``0 <= lo <= hi <= n_raw``.

    Examples
    --------
    >>> cut = Alignment.from_edits(6, [Edit(1, 5, "")])  # 河(hé)边 -> 河边
    >>> cut.n_clean, cut.to_raw(0, 2), cut.to_clean(1, 5)
    (2, (0, 6), (1, 1))
    """

    __slots__ = ("_hi", "_lo", "_plain", "n_clean", "n_raw")

    n_raw: int
    n_clean: int

    def __init__(self, n_raw: int, lo: IntArray | None = None, hi: IntArray | None = None) -> None:
        self.n_raw = n_raw
        if lo is None or hi is None:
            self._lo: IntArray | None = None
            self._hi: IntArray | None = None
            self.n_clean = n_raw
        else:
            _check_arrays(n_raw, lo, hi)
            self._lo = lo.astype(np.int32, copy=False)
            self._hi = hi.astype(np.int32, copy=False)
            self.n_clean = len(lo)
        self._plain: bool | None = True if self._lo is None else None

    @classmethod
    def identity(cls, n: int) -> Alignment:
        """Return the alignment of a text of `n` characters with itself."""
        return cls(n)

    @classmethod
    def from_edits(cls, n_raw: int, edits: Iterable[Edit]) -> Alignment:
        """Return the alignment of a text with what `edits` make of it.

        Parameters
        ----------
        n_raw : int
            Characters of the raw text.
        edits : iterable of Edit
            In order of their start, none overlapping the next. Characters between them map one to one.

        Raises
        ------
        InputError
            If an edit overlaps the one before it or leaves the text.
        """
        starts: list[int] = []
        ends: list[int] = []
        sizes: list[int] = []
        done = 0
        for edit in edits:
            if not done <= edit.start <= edit.end <= n_raw:
                raise InputError(
                    f"edit of [{edit.start}, {edit.end}) does not fit: expected offsets between {done} (where the edit "
                    f"before it ends) and {n_raw} (the length of the text); sort the edits and merge overlapping ones"
                )
            starts += (done, edit.start)
            ends += (edit.start, edit.end)
            sizes += (edit.start - done, len(edit.replacement))
            done = edit.end
        if not starts:
            return cls(n_raw)
        return cls._from_segments(n_raw, [*starts, done], [*ends, n_raw], [*sizes, n_raw - done])

    @classmethod
    def gather(cls, n_raw: int, ranges: Sequence[tuple[int, int]], *, separators: Sequence[str] = ()) -> Alignment:
        """Return the alignment of the text made by putting pieces of the raw text one after the other.

        Parameters
        ----------
        n_raw : int
            Characters of the raw text.
        ranges : sequence of (int, int)
            The pieces ``raw[start:end]`` in the order in which the clean text has them, which may differ from
            theirs in the raw text.
        separators : sequence of str, default=()
            What was inserted between piece ``i`` and piece ``i + 1``: one fewer than pieces, or none at all.

        Raises
        ------
        InputError
            If a range leaves the raw text or the separators are of the wrong number.

        Examples
        --------
        >>> headline_last = Alignment.gather(8, [(5, 8), (0, 4)], separators=["。"])  # 正文在前|后标题
        >>> headline_last.to_raw(0, 3), headline_last.to_raw(4, 8), headline_last.to_raw(3, 4)
        ((5, 8), (0, 4), (8, 8))
        """
        if len(separators) not in (0, max(len(ranges) - 1, 0)):
            raise InputError(
                f"{len(separators)} separators for {len(ranges)} ranges: expected one between each two, or none"
            )
        starts: list[int] = []
        ends: list[int] = []
        sizes: list[int] = []
        for i, (start, end) in enumerate(ranges):
            if not 0 <= start <= end <= n_raw:
                raise InputError(f"range [{start}, {end}) is not inside a text of {n_raw} characters")
            gap = len(separators[i]) if i < len(separators) else 0
            starts += (start, end)
            ends += (end, end)
            sizes += (end - start, gap)
        if n_raw == sum(sizes) and len(ranges) == 1:
            return cls(n_raw)
        return cls._from_segments(n_raw, starts, ends, sizes)

    @classmethod
    def _from_segments(cls, n_raw: int, starts: list[int], ends: list[int], sizes: list[int]) -> Alignment:
        """Lay segments end to end: one of as many clean as raw characters maps one to one, others as a block."""
        start, end, size = (np.asarray(a, dtype=np.int64) for a in (starts, ends, sizes))  # (n_segments,)
        first = np.cumsum(size) - size
        owner = np.repeat(np.arange(len(size)), size)  # (n_clean,) the segment of each clean character
        one_to_one = (size == end - start)[owner]
        lo = start[owner] + np.where(one_to_one, np.arange(len(owner)) - first[owner], 0)
        return cls(n_raw, lo, np.where(one_to_one, lo + 1, end[owner]))

    @property
    def lo(self) -> IntArray:
        """Where the raw range of each clean character starts: int32 of shape (n_clean,)."""
        return np.arange(self.n_raw, dtype=np.int32) if self._lo is None else self._lo

    @property
    def hi(self) -> IntArray:
        """Where the raw range of each clean character ends: int32 of shape (n_clean,)."""
        return np.arange(1, self.n_raw + 1, dtype=np.int32) if self._hi is None else self._hi

    @property
    def is_identity(self) -> bool:
        """Whether it is known that every character maps to itself; costs nothing.

        False for an alignment that came out as the identity only by the values in its arrays.
        """
        return self._lo is None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Alignment):
            return NotImplemented
        if self.n_raw != other.n_raw or self.n_clean != other.n_clean:
            return False
        if self.is_identity and other.is_identity:
            return True
        return np.array_equal(self.lo, other.lo) and np.array_equal(self.hi, other.hi)

    def __hash__(self) -> int:
        return hash((self.n_raw, self.n_clean))

    def __repr__(self) -> str:
        kind = ", identity" if self.is_identity else ""
        return f"Alignment(n_raw={self.n_raw}, n_clean={self.n_clean}{kind})"

    def to_raw(self, start: int, end: int) -> tuple[int, int]:
        """Return the smallest raw range that covers what the clean characters ``[start, end)`` speak of.

        Inserted characters at either end do not widen it. An empty clean range, or one of inserted characters
        only, gives an empty raw range where they stand. Where the pieces of a `gather` stand apart in the raw text,
        the range covers what lies between them as well: :meth:`to_raw_ranges` does not.

        Raises
        ------
        InputError
            If ``0 <= start <= end <= n_clean`` does not hold.

        Examples
        --------
        >>> Alignment.from_edits(5, [Edit(1, 4, "内存")]).to_raw(1, 2)  # 用記憶體吧 -> 用内存吧
        (1, 4)
        """
        _check_range(start, end, self.n_clean, "clean")
        if self._lo is None or self._hi is None:
            return start, end
        if start == end:
            place = self._gap(start)
            return place, place
        if self._is_plain():
            return int(self._lo[start]), int(self._hi[end - 1])
        lo, hi = self._lo[start:end], self._hi[start:end]
        real = lo < hi
        if not real.any():
            return int(lo[0]), int(lo[0])
        return int(lo[real].min()), int(hi[real].max())

    def to_raw_ranges(self, start: int, end: int, *, bridge: int = 0) -> list[tuple[int, int]]:
        """Return exactly what the clean characters ``[start, end)`` speak of, as raw ranges in clean order.

        Parameters
        ----------
        start, end : int
            Clean range.
        bridge : int, default=0
            Up to how many raw characters that were deleted between two ranges may be taken in to make them one.
            With 0 every deletion parts two ranges.

        Raises
        ------
        InputError
            If ``0 <= start <= end <= n_clean`` does not hold.

        Examples
        --------
        >>> Alignment.gather(8, [(5, 8), (0, 4)], separators=["。"]).to_raw_ranges(1, 6)
        [(6, 8), (0, 2)]
        """
        _check_range(start, end, self.n_clean, "clean")
        if start == end:
            return []
        if self._lo is None or self._hi is None:
            return [(start, end)]
        real = self._lo[start:end] < self._hi[start:end]
        lo, hi = self._lo[start:end][real], self._hi[start:end][real]
        if not len(lo):
            return []
        parted = (lo[1:] < lo[:-1]) | (lo[1:] - hi[:-1] > bridge)
        cuts = np.flatnonzero(parted) + 1
        first, last = np.append(0, cuts), np.append(cuts, len(lo)) - 1
        return list(zip(lo[first].tolist(), hi[last].tolist(), strict=True))

    def to_clean(self, start: int, end: int) -> tuple[int, int]:
        """Return the smallest clean range that holds every clean character speaking of some of ``raw[start:end]``.

        Where all of it was deleted, and for an empty raw range, the range is empty and stands where it would be.

        Raises
        ------
        InputError
            If ``0 <= start <= end <= n_raw`` does not hold.

        Examples
        --------
        >>> Alignment.from_edits(5, [Edit(1, 4, "内存")]).to_clean(2, 3)  # 用記憶體吧 -> 用内存吧
        (1, 3)
        """
        _check_range(start, end, self.n_raw, "raw")
        if self._lo is None or self._hi is None:
            return start, end
        if self._is_plain():
            # In the arrays' own type: a wider one would have them copied for every call.
            first = int(np.searchsorted(self._hi, np.int32(start), side="right"))
            last = int(np.searchsorted(self._lo, np.int32(end), side="left"))
            return (first, last) if start < end and first < last else (first, first)
        touching = np.flatnonzero((self._lo < self._hi) & (self._lo < end) & (self._hi > start))
        if start < end and len(touching):
            return int(touching[0]), int(touching[-1]) + 1
        before = np.flatnonzero(self._hi <= start)
        place = int(before[np.argmax(self._hi[before])]) + 1 if len(before) else 0
        return place, place

    def to_raw_many(self, starts: npt.ArrayLike, ends: npt.ArrayLike) -> tuple[IntArray, IntArray]:
        """Map many clean ranges at once; the same as :meth:`to_raw` for each.

        Parameters
        ----------
        starts, ends : array-like of int of shape (n_ranges,)
            Clean ranges.

        Returns
        -------
        starts, ends : ndarray of int of shape (n_ranges,)
            Raw ranges.

        Raises
        ------
        InputError
            If one of the ranges is not inside the clean text; the message gives the first of them.
        """
        start, end = np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64)
        wrong = (start < 0) | (start > end) | (end > self.n_clean)
        if wrong.any():
            first = int(np.argmax(wrong))
            _check_range(int(start[first]), int(end[first]), self.n_clean, "clean")
        if self._lo is None or self._hi is None or not len(start):
            return start, end
        empty = start == end
        if self._is_plain():
            lo = self._lo[np.where(empty, 0, start)] if self.n_clean else start
            hi = self._hi[np.where(empty, 0, end - 1)] if self.n_clean else end
        else:
            lo, hi = self._cover(start, end)
        if empty.any():
            gaps = self._gaps(start)
            lo, hi = np.where(empty, gaps, lo), np.where(empty, gaps, hi)
        return lo, hi

    def then(self, other: Alignment) -> Alignment:
        """Chain two alignments: this one from raw to middle, `other` from middle to clean.

        Raises
        ------
        InputError
            If `other` does not start from as many characters as this one ends in.

        Examples
        --------
        >>> glosses = Alignment.from_edits(6, [Edit(1, 5, "")])
        >>> glosses.then(Alignment.from_edits(2, [Edit(0, 1, "")])).to_raw(0, 1)
        (5, 6)
        """
        if self.n_clean != other.n_raw:
            raise InputError(
                f"cannot chain an alignment that ends in {self.n_clean} characters with one that starts from "
                f"{other.n_raw}: both must speak of the same text in between"
            )
        if other.is_identity:
            return self
        if self.is_identity:
            return other
        return Alignment(self.n_raw, *self.to_raw_many(other.lo, other.hi))

    def _is_plain(self) -> bool:
        """Whether raw order is clean order and nothing was inserted, so that the ends of a range say it all."""
        if self._plain is None:
            lo, hi = self.lo, self.hi
            self._plain = bool((lo[1:] >= lo[:-1]).all() and (hi[1:] >= hi[:-1]).all() and (lo < hi).all())
        return self._plain

    def _gap(self, position: int) -> int:
        """Raw offset of the gap before clean character `position`: right behind the character in front of it."""
        if position:
            return int(self.hi[position - 1])
        return int(self.lo[0]) if self.n_clean else 0

    def _gaps(self, positions: IntArray) -> IntArray:
        behind = np.concatenate(([self._gap(0)], self.hi))  # (n_clean + 1,)
        return behind[positions]

    def _cover(self, start: IntArray, end: IntArray) -> tuple[IntArray, IntArray]:
        """Smallest ``lo`` and greatest ``hi`` in each range, inserted characters left out where others are there."""
        real = self.lo < self.hi
        # One more entry, for ranges that end with the text: `reduceat` wants every index inside.
        low = np.append(np.where(real, self.lo, _NOWHERE), _NOWHERE)
        high = np.append(np.where(real, self.hi, -1), -1)
        bounds = np.column_stack((start, end)).ravel()
        lo: IntArray = np.minimum.reduceat(low, bounds)[::2]
        hi: IntArray = np.maximum.reduceat(high, bounds)[::2]
        nothing = hi < 0
        at = np.append(self.lo, self.n_raw)[start]
        return np.where(nothing, at, lo), np.where(nothing, at, hi)


def _check_arrays(n_raw: int, lo: IntArray, hi: IntArray) -> None:
    if lo.shape != hi.shape or lo.ndim != 1:
        raise InputError(f"lo has shape {lo.shape} and hi {hi.shape}: both must be (n_clean,)")
    if len(lo) and not (0 <= lo.min() and (lo <= hi).all() and hi.max() <= n_raw):
        raise InputError(f"an alignment with {n_raw} raw characters needs 0 <= lo <= hi <= {n_raw} throughout")


def _check_range(start: int, end: int, n: int, which: str) -> None:
    if not 0 <= start <= end <= n:
        raise InputError(
            f"range [{start}, {end}) is not inside the {which} text: expected 0 <= start <= end <= {n}, its length"
        )
