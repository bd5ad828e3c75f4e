from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts_with_edits

from tagger.errors import InputError
from tagger.text.alignment import Alignment, Edit
from tagger.text.normalize import apply_edits

# One entry a clean character: the raw offsets that it speaks of.
Sources = list[set[int]]


def sources(alignment: Alignment) -> Sources:
    return [set(range(lo, hi)) for lo, hi in zip(alignment.lo.tolist(), alignment.hi.tolist(), strict=True)]


def alignments() -> st.SearchStrategy[Alignment]:
    edited = texts_with_edits().map(lambda pair: Alignment.from_edits(len(pair[0]), pair[1]))
    return edited | gathers() | st.integers(0, 9).map(Alignment.identity)


@st.composite
def gathers(draw: st.DrawFn) -> Alignment:
    n_raw = draw(st.integers(0, 15))
    bounds = sorted(draw(st.lists(st.integers(0, n_raw), max_size=8)))
    ranges = draw(st.permutations(list(zip(bounds[::2], bounds[1::2], strict=False))))
    separators = [draw(st.sampled_from(["", "\n", "。\n"])) for _ in ranges[1:]]
    return Alignment.gather(n_raw, ranges, separators=separators)


def ranges_of(n: int) -> list[tuple[int, int]]:
    return [(start, end) for start in range(n + 1) for end in range(start, n + 1)]


@given(alignments())
def test_to_raw_is_the_hull_of_what_the_characters_speak_of(alignment: Alignment) -> None:
    speaks = sources(alignment)
    for start, end in ranges_of(alignment.n_clean):
        lo, hi = alignment.to_raw(start, end)
        covered = set().union(*speaks[start:end])
        assert 0 <= lo <= hi <= alignment.n_raw
        assert (lo, hi) == (min(covered), max(covered) + 1) if covered else lo == hi


@given(alignments())
def test_to_clean_is_the_hull_of_the_characters_that_speak_of_it(alignment: Alignment) -> None:
    speaks = sources(alignment)
    for start, end in ranges_of(alignment.n_raw):
        lo, hi = alignment.to_clean(start, end)
        touching = [i for i, raw in enumerate(speaks) if raw & set(range(start, end))]
        assert 0 <= lo <= hi <= alignment.n_clean
        assert (lo, hi) == (touching[0], touching[-1] + 1) if touching else lo == hi


@given(alignments())
def test_round_trips(alignment: Alignment) -> None:
    speaks = sources(alignment)
    for start, end in ranges_of(alignment.n_clean):
        inside = [i for i in range(start, end) if speaks[i]]
        back = alignment.to_clean(*alignment.to_raw(start, end))
        assert all(back[0] <= i < back[1] for i in inside)
        hull = set(range(*alignment.to_raw(start, end)))
        if inside and not any(speaks[i] & hull for i in range(alignment.n_clean) if not start <= i < end):
            assert back == (inside[0], inside[-1] + 1)
    kept = set().union(*speaks)
    for start, end in ranges_of(alignment.n_raw):
        assert set(range(start, end)) & kept <= set(range(*alignment.to_raw(*alignment.to_clean(start, end))))


@given(alignments())
def test_many_at_once_equal_one_at_a_time(alignment: Alignment) -> None:
    ranges = ranges_of(alignment.n_clean)
    starts, ends = alignment.to_raw_many([r[0] for r in ranges], [r[1] for r in ranges])
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == [alignment.to_raw(*r) for r in ranges]


@given(alignments())
def test_raw_ranges_are_exact(alignment: Alignment) -> None:
    speaks = sources(alignment)
    for start, end in ranges_of(alignment.n_clean):
        covered = [set(range(*r)) for r in alignment.to_raw_ranges(start, end)]
        assert set().union(*covered) == set().union(*speaks[start:end])
        assert all(covered)


@given(texts_with_edits(), st.data())
def test_chaining_equals_mapping_twice(pair: tuple[str, list[Edit]], data: st.DataObject) -> None:
    text, edits = pair
    first = apply_edits(text, edits)
    bounds = sorted(data.draw(st.lists(st.integers(0, len(first.text)), max_size=6)))
    again = [Edit(a, b, data.draw(st.text("再y", max_size=2))) for a, b in zip(bounds[::2], bounds[1::2], strict=False)]
    second = apply_edits(first.text, again).alignment
    chained = first.alignment.then(second)
    assert (chained.n_raw, chained.n_clean) == (len(text), second.n_clean)
    inserts = any(edit.start == edit.end for edit in edits)
    inserts = any(edit.start == edit.end for edit in edits)
    for start, end in ranges_of(chained.n_clean):
        twice = first.alignment.to_raw(*second.to_raw(start, end))
        lo, hi = chained.to_raw(start, end)
        if lo == hi:  # inserted by one of them, or an empty range
            assert end - start != 1 or twice[0] == twice[1]
        elif end - start == 1 or not inserts:
            assert (lo, hi) == twice
        else:  # an inserted character in the middle text may stand behind others that were deleted
            assert twice[0] <= lo < hi <= twice[1]


@given(texts_with_edits())
def test_characters_between_edits_are_themselves(pair: tuple[str, list[Edit]]) -> None:
    text, edits = pair
    done = apply_edits(text, edits)
    assert len(done.text) == done.alignment.n_clean
    inside = {i for edit in edits for i in range(edit.start, edit.end)}
    for i in set(range(len(text))) - inside:
        start, end = done.alignment.to_clean(i, i + 1)
        assert done.text[start:end] == text[i]
        assert done.alignment.to_raw(start, end) == (i, i + 1)


@given(st.integers(0, 1000))
def test_identity_is_known_as_one_and_holds_no_arrays(n: int) -> None:
    same = Alignment.identity(n)
    assert same.is_identity
    assert same.then(same) is same
    assert Alignment.from_edits(n, []).is_identity
    assert Alignment.gather(n, [(0, n)]).is_identity
    assert same == Alignment(n, np.arange(n), np.arange(1, n + 1))
    assert same.to_raw(0, n) == same.to_clean(0, n) == (0, n)


def test_replacement_of_equal_length_maps_character_by_character() -> None:
    alignment = Alignment.from_edits(4, [Edit(1, 3, "鼠标")])
    assert [alignment.to_raw(i, i + 1) for i in range(4)] == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_replacement_of_other_length_maps_as_a_block() -> None:
    alignment = Alignment.from_edits(5, [Edit(1, 4, "内存")])
    assert [alignment.to_raw(i, i + 1) for i in range(4)] == [(0, 1), (1, 4), (1, 4), (4, 5)]


def test_gather_of_a_headline_behind_its_body() -> None:
    raw = "正文在前。别的文章。标题"
    order = [(10, 12), (0, 5)]
    alignment = Alignment.gather(len(raw), order, separators=["\n"])
    clean = "标题\n正文在前。"
    for i, (lo, hi) in enumerate(zip(alignment.lo, alignment.hi, strict=True)):
        assert raw[lo:hi] == clean[i] or (clean[i] == "\n" and lo == hi)
    assert alignment.to_raw_ranges(0, len(clean)) == order
    assert alignment.to_raw(1, 4) == (0, 12)
    assert alignment.to_clean(5, 10)[0] == alignment.to_clean(5, 10)[1]


def test_raw_ranges_bridge_small_deletions_only_if_asked() -> None:
    alignment = Alignment.from_edits(8, [Edit(1, 5, "")])
    assert alignment.to_raw_ranges(0, 4) == [(0, 1), (5, 8)]
    assert alignment.to_raw_ranges(0, 4, bridge=4) == [(0, 8)]


@pytest.mark.parametrize("copied", [lambda a: pickle.loads(pickle.dumps(a)), copy.deepcopy, copy.copy])
def test_copies_are_equal(copied: object) -> None:
    for alignment in (Alignment.identity(3), Alignment.from_edits(3, [Edit(0, 1, "")])):
        assert copied(alignment) == alignment
        assert hash(copied(alignment)) == hash(alignment)
    assert Alignment.identity(3) != Alignment.from_edits(3, [Edit(0, 1, "")])
    assert Alignment.identity(3) != "砚川"


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([Edit(0, 9, "")], r"\[0, 9\).*between 0.* and 5"),
        ([Edit(2, 4, ""), Edit(3, 5, "")], r"\[3, 5\).*between 4"),
        ([Edit(-1, 2, "")], r"\[-1, 2\)"),
        ([Edit(3, 2, "")], r"\[3, 2\)"),
    ],
)
def test_edits_that_do_not_fit(edits: list[Edit], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Alignment.from_edits(5, edits)


@pytest.mark.parametrize("pair", [(-1, 2), (0, 6), (3, 2), (6, 6)])
@pytest.mark.parametrize("alignment", [Alignment.identity(5), Alignment(5, np.arange(5), np.arange(1, 6))])
def test_ranges_outside_are_refused(alignment: Alignment, pair: tuple[int, int]) -> None:
    for call in (alignment.to_raw, alignment.to_clean, alignment.to_raw_ranges):
        with pytest.raises(InputError, match="0 <= start <= end <= 5"):
            call(*pair)
    with pytest.raises(InputError, match="0 <= start <= end <= 5"):
        alignment.to_raw_many([0, pair[0]], [1, pair[1]])


def test_other_misuse_is_said() -> None:
    with pytest.raises(InputError, match="ends in 2 characters with one that starts from 3"):
        Alignment.identity(2).then(Alignment.identity(3))
    with pytest.raises(InputError, match="1 separators for 3 ranges"):
        Alignment.gather(9, [(0, 1), (2, 3), (4, 5)], separators=["\n"])
    with pytest.raises(InputError, match=r"\[2, 11\) is not inside a text of 9"):
        Alignment.gather(9, [(2, 11)])
    with pytest.raises(InputError, match="must be"):
        Alignment(3, np.arange(3), np.arange(2))
    with pytest.raises(InputError, match="0 <= lo <= hi <= 3"):
        Alignment(3, np.array([2]), np.array([9]))
