from __future__ import annotations

import time
from pathlib import Path

import pytest

from tagger._output import Progress, one_line, write_file


@pytest.mark.parametrize(("text", "shown"), [("鹭洲 a", "鹭洲 a"), ("\n\x1b", "\\n\\x1b"), ("\udcff", "\\udcff")])
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "结果.txt"
    write_file(["鹭", "洲"], path)

    def fails() -> object:
        yield "新"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_file(fails(), path)
    assert path.read_text(encoding="utf-8") == "鹭洲"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("live", [True, False])
def test_progress_counts_what_takes_long(
    live: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    progress = Progress("texts", total=1_000)
    progress.live = live
    assert list(progress.over("鹭洲日报")) == list("鹭洲日报")
    err = capsys.readouterr().err
    assert "tagger: 2 of 1,000 texts, 0 a second" in err
    assert ("\r" in err) == live


def test_progress_says_nothing_of_what_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(Progress("texts").over("鹭洲")) == ["鹭", "洲"]
    assert capsys.readouterr().err == ""
