from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.errors import InputError
from tagger.text.files import decode, read_text

CHINESE = "砚川日报\r\n新闻热线：12345\r鹿泷县召开会议，部署工作。\n"


@pytest.mark.parametrize(
    ("codec", "encoding", "said"),
    [
        ("utf-8", "utf-8", "valid UTF-8"),
        ("utf-8-sig", "utf-8-sig", "byte-order mark of utf-8"),
        ("gb18030", "gb18030", "not UTF-8 .*everyday Chinese"),
        ("gbk", "gb18030", "everyday"),
        ("utf-16", "utf-16-le", "byte-order mark of utf-16-le"),
        ("utf-32", "utf-32-le", "byte-order mark of utf-32-le"),
    ],
)
def test_encodings_are_found_and_said(tmp_path: Path, codec: str, encoding: str, said: str) -> None:
    path = tmp_path / "版面.txt"
    path.write_bytes(CHINESE.encode(codec))
    found = read_text(path)
    assert found.text == CHINESE
    assert found.encoding == encoding
    assert re.search(said, found.evidence)
    assert "\n" not in found.evidence


def test_astral_characters_in_gb18030() -> None:
    text = "砚川市的𠀋字，鹿泷县的会议"
    assert decode(text.encode("gb18030"), name="x").text == text


@pytest.mark.parametrize(
    ("data", "text"), [(b"", ""), (b"\xef\xbb\xbf", ""), (b" \n\t", " \n\t"), ("砚".encode(), "砚")]
)
def test_hardly_anything_is_a_text_too(data: bytes, text: str) -> None:
    assert decode(data, name="x").text == text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=50))
def test_utf8_is_never_taken_for_anything_else(text: str) -> None:
    data = text.encode("utf-8")
    if not data.startswith((b"%PDF", b"PK\x03\x04", b"{\\rtf")):
        assert decode(data, name="x").text == text


@given(st.text("川市县召开会议部署全年工作，。：\n", min_size=1, max_size=60))
def test_gb18030_round_trip(text: str) -> None:
    data = text.encode("gb18030")
    found = decode(data, name="x")
    assert found.text == text or found.encoding == "utf-8"


@given(st.binary(max_size=60))
def test_any_bytes_are_read_exactly_or_refused_in_one_line(data: bytes) -> None:
    try:
        found = decode(data, name="x")
    except InputError as error:
        assert str(error).startswith("x: ") and "\n" not in str(error)
    else:
        assert data.endswith(found.text.encode(found.encoding.removesuffix("-sig")))


def test_one_bad_byte_in_utf8_is_damage_and_no_other_encoding() -> None:
    good = "砚川市召开会议，部署全年工作。\n".encode()
    for bad in (b"\xff", b"\x96", b"\xe7\xa0"):
        with pytest.raises(InputError, match=rf"page.txt: UTF-8, but damaged.* position {2 * len(good)} \(line 3\)"):
            decode(good * 2 + bad + good * 3, name="page.txt")


def test_truncated_utf8() -> None:
    with pytest.raises(InputError, match="UTF-8, but damaged"):
        decode("砚川市召开会议".encode()[:-1], name="page.txt")


def test_damaged_gb18030_says_where() -> None:
    data = "砚川市召开会议，\n部署工作".encode("gb18030")
    with pytest.raises(InputError, match=rf"neither UTF-8 .* nor GB18030.*0xff at position {len(data)} \(line 2\)"):
        decode(data + b"\xff", name="page.txt")


@pytest.mark.parametrize("codec", ["big5", "shift_jis", "utf-16-le"])
def test_other_encodings_are_refused(codec: str) -> None:
    text = {"big5": "臺灣縣市會議報導記者", "shift_jis": "日本語のテキスト"}.get(codec, "砚川 a")
    with pytest.raises(InputError):
        decode(text.encode(codec), name="page.txt")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"abc\x00def", r"binary file \(NUL byte at 3\)"),
        (b"%PDF-1.7\n", "binary file, a PDF file; extract its text"),
        (b"PK\x03\x04\x14", "ZIP archive"),
        (b"\x89PNG\r\n\x1a\n\x00", "PNG image"),
        (b"\xff\xfea\x00\x00", "utf-16-le, but is damaged"),
        (b"\xff\xfe\x00\x00", "."),
        (b"\xef\xbb\xbfabc\xff", r"utf-8, but is damaged.*0xff at position 6 \(line 1\)"),
        (b"\xef\xbb\xbfabc\x00", "NUL characters"),
    ],
)
def test_binary_files_are_called_so(data: bytes, said: str) -> None:
    if data == b"\xff\xfe\x00\x00":
        assert decode(data, name="x").text == ""
        return
    with pytest.raises(InputError, match=said):
        decode(data, name="x")


def test_missing_folder_and_odd_paths(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path / "没有.txt", "没有.txt: no such file"),
        (tmp_path, "is a folder"),
        ("a\0b", "cannot be"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            read_text(path)
        assert "\n" not in str(caught.value)


def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("砚川", encoding="utf-8")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(InputError, match="cannot be read"):
        read_text(path)


def test_seed_pages_are_utf8(shared: Path) -> None:
    for path in (shared / "seeds").glob("*.txt"):
        found = read_text(path)
        assert found.encoding == "utf-8"
        again = decode(found.text.encode("gb18030"), name="x")
        assert (again.text, again.encoding) == (found.text, "gb18030")
