"""Where the daemon is, and the key to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderflow_stream.cli.daemon import BadKey, base_of, nobody, read_key


@pytest.mark.parametrize(
    "url,base",
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://flow.example/", "https://flow.example"),
        ("http://h/prefix/", "http://h/prefix"),
    ],
)
def test_addresses(url: str, base: str) -> None:
    assert base_of(url) == base


def test_a_key_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("  ofd_abc\n")
    assert read_key(file) == "ofd_abc"
    assert read_key(None) == ""
    for content in (b"", b"two\nkeys", b"\xff"):
        file.write_bytes(content)
        with pytest.raises(BadKey, match=str(file)):
            read_key(file)
    with pytest.raises(BadKey, match="No such file or directory"):
        read_key(tmp_path / "none")


def test_nobody_there_names_the_remedy() -> None:
    assert nobody("http://x", "refused") == "no daemon at http://x (refused); start one: orderflow-stream serve"
