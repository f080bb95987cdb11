"""The page on adding a venue says what is asked of one: all of it, and nothing that is not there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from msgspec.structs import fields as struct_fields

from orderflow_stream import venues
from orderflow_stream.adapters.symbols import ListVenue
from orderflow_stream.adapters.watcher import FillList
from orderflow_stream.feed.protocols import StreamVenue
from orderflow_stream.feed.upstream import RestVenue
from orderflow_stream.venues.catalogue import VENUES, Codec, Spec
from orderflow_stream.venues.codec import LiquidationStream
from tests.venues.samples.kit import Sample
from tests.venues.test_catalogue import members

FOLDER = Path(venues.__path__[0])
TEXT = (FOLDER / "README.md").read_text()
TESTS = Path(__file__).parent


def named() -> set[str]:
    """Every name in code type."""
    return {word for code in re.findall(r"`([^`\n]+)`", TEXT) for word in re.findall(r"[A-Za-z_]\w*", code)}


def test_it_names_every_member_of_the_protocols() -> None:
    asked = members(Codec, LiquidationStream, StreamVenue, RestVenue, ListVenue, FillList)
    assert asked <= named(), sorted(asked - named())


def test_the_table_of_the_codec_has_no_member_that_is_not_asked_for() -> None:
    table = TEXT.partition("| member | what it is |")[2].partition("\n\n")[0]
    listed = {
        name for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert listed == members(Codec)


def test_it_names_every_field_of_a_line_and_of_the_samples() -> None:
    assert {each.name for each in struct_fields(Spec)} <= named()
    assert {each.name for each in fields(Sample)} <= named()


def test_its_files_exist_and_every_file_is_in_it() -> None:
    for name in re.findall(r"`((?:conformance/)?test_\w+\.py)`", TEXT):
        assert (TESTS / name).is_file(), name
    for name in re.findall(r"`([a-z_]+\.py)`", TEXT):
        assert (FOLDER / name).is_file() or (TESTS / name).is_file(), name
    for path in (TESTS / "conformance").glob("test_*.py"):
        assert f"`conformance/{path.name}`" in TEXT, path.name
    for path in FOLDER.glob("*.py"):
        assert path.name == "__init__.py" or f"`{path.name}`" in TEXT, path.name


def test_it_lists_every_venue() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| `(\w+)` \| `(\w+\.py)` \|", TEXT, re.MULTILINE)
    assert rows == [(each.name, each.market, each.name.replace("-", "_") + ".py") for each in VENUES]
    for each in VENUES:
        assert (TESTS / "samples" / f"{each.name.replace('-', '_')}.py").is_file()
