"""The line of a key, alone and in a file; and that no fault ever repeats a key."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from orderflow_stream.config.keylines import KeyLine, expiry, key_line, keys_file, name, scopes
from orderflow_stream.delivery.http.keys import make

HASHES = f"sha256={'A' * 43} stream={'_' * 42}8"
LINE = f"ofd_abcdefgh {HASHES}"


def told(line: object) -> str:
    with pytest.raises(PydanticCustomError) as raised:
        key_line(line)
    context = raised.value.context or {}
    return f"{context['message']}; {context['hint']}"


@given(
    st.builds(
        KeyLine,
        id=st.from_regex(r"[a-z2-7]{8}", fullmatch=True),
        sha256=st.binary(min_size=32, max_size=32),
        stream=st.binary(min_size=32, max_size=32),
        name=st.just("") | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
        plan=st.sampled_from(["", "pro", "my-plan"]),
        scopes=st.frozensets(st.sampled_from(["read", "stream", "metrics", "admin"]), min_size=1),
        expires=st.none() | st.dates(date(2000, 1, 1)),
    )
)
def test_a_line_is_read_as_it_is_written(line: KeyLine) -> None:
    assert key_line(str(line)) == line
    assert key_line(f"  {line}  ".replace(" ", "  ")) == line
    assert "," not in str(line)  # which parts the list of a variable


def test_what_may_be_left_out() -> None:
    line = key_line(LINE)
    assert (line.name, line.plan, line.expires, line.until) == ("", "", None, None)
    assert line.scopes == {"read", "stream"}
    assert key_line(f"{LINE} expires=2026-11-22").until == 1_795_392_000  # the day after begins


@pytest.mark.parametrize(
    "line,words",
    [
        ("", "not the line of a key"),
        (7, "not the line of a key"),
        ("ofd_ABCDEFGH " + HASHES, "not the line of a key"),
        ("ofd_abcdefgh", "ofd_abcdefgh is not whole"),
        (f"ofd_abcdefgh sha256={'A' * 43}", "is not whole"),
        (f"ofd_abcdefgh sha256={'A' * 42} stream={'A' * 43}", "wrong sha256; it is 43 characters"),
        (f"{LINE} color=red", "a word that is unknown"),
        (f"{LINE} id=abcdefgh", "a word that is unknown, or there twice"),
        (f"{LINE} plan=a plan=b", "there twice"),
        (f"{LINE} scopes=read+write", "wrong scopes; there are the scopes read, stream, metrics, admin"),
        (f"{LINE} scopes=", "wrong scopes"),
        (f"{LINE} expires=31.12.2027", "wrong expires; write a date such as 2027-12-31"),
        (f"{LINE} expires=2027-02-30", "wrong expires"),
        (f"{LINE} expires=90d", "wrong expires"),
        (f"{LINE} name=<b>", "wrong name"),
    ],
)
def test_faults(line: object, words: str) -> None:
    assert words in told(line)


def test_a_key_in_the_place_of_its_line_is_recognised_and_not_repeated() -> None:
    key = make()
    assert "has a key itself in it" in told(key)
    for line in (key, f"{key} {HASHES}", f"ofd_abcdefgh sha256={key} stream={key}", f"{LINE} name={key}", f"x {key}"):
        assert key[13:20] not in told(line)


@given(st.text(max_size=200) | st.from_regex(r"ofd_[a-z2-7]{8}( [a-z0-9]{0,8}=[\w+-]{0,50}){0,6}", fullmatch=True))
def test_any_text_is_a_line_or_a_fault(text: str) -> None:
    try:
        key_line(text)
    except PydanticCustomError:
        return
    assert text.lstrip().startswith("ofd_")


def test_a_file_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    other = f"ofd_hgfedcba {HASHES} plan=pro"
    path.write_text(f'# mine\n\n{LINE}  # the desk\n  "{other}",\n')
    path.chmod(0o600)
    found = keys_file(str(path))
    assert found is not None
    assert [line.id for line in found.keys] == ["abcdefgh", "hgfedcba"]
    assert found.path == path
    assert keys_file("  ") is None


@pytest.mark.parametrize(
    "content,mode,words",
    [
        (LINE, 0o644, "can be read by others or written by its group; chmod 600"),
        (LINE, 0o604, "can be read by others"),
        (LINE, 0o660, "written by its group"),
        (LINE, 0o602, "can be read by others"),
        ("", 0o600, "has no key"),
        ("# none yet\n", 0o600, "has no key"),
        (f"{LINE}\nofd_x\n", 0o600, ":2: is not the line of a key"),
        ("\n" * (1 << 20) + "\n", 0o600, "larger than 1 MiB"),
        (None, 0, "cannot read"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: str | None, mode: int, words: str) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    with pytest.raises(PydanticCustomError) as raised:
        keys_file(str(path))
    context = raised.value.context or {}
    assert words in f"{context['message']}; {context['hint']}"
    assert str(path) in str(context["message"])


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_modes_that_are_fine(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    path.write_text(LINE)
    path.chmod(mode)
    assert keys_file(str(path)) is not None


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(PydanticCustomError, match="not UTF-8"):
        keys_file(str(path))


def test_words_of_the_command_line() -> None:
    today = date(2026, 11, 22)
    assert expiry("90d", today) == date(2027, 2, 20)
    assert scopes("read,Admin") == {"read", "admin"}
    assert name("desk-1.a_b") == "desk-1.a_b"
    for bad in ("0d", "d", "tomorrow", "2026-1-1", "2026-11-22T00:00"):
        with pytest.raises(ValueError, match="write a date"):
            expiry(bad, today)
