"""The form of a key, what is kept of it, and the chain of its passes."""

import hashlib
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_stream.delivery.http import keys
from tests.delivery.http.keyring import START, kept, pair

TODAY = keys.today(START)


def test_a_key_is_an_id_and_256_bits() -> None:
    made = {keys.make() for _ in range(50)}
    assert len(made) == 50
    for key in made:
        assert re.fullmatch(r"ofd_[a-z2-7]{8}_[A-Za-z0-9_-]{43}", key)
        assert keys.id_of(key) == key[4:12]
        assert len(keys.from_text(key[13:])) == 32


@given(st.text(max_size=80) | st.from_regex(r"ofd_[a-z2-7]{7,9}_[\w-]{42,44}", fullmatch=True))
def test_only_that_form_is_a_key(text: str) -> None:
    alphabet = set(string.ascii_letters + string.digits + "_-")
    right = len(text) == 56 and text[:4] == "ofd_" and set(text[4:12]) <= set("abcdefghijklmnopqrstuvwxyz234567")
    right = right and text[12] == "_" and set(text[13:]) <= alphabet
    assert (keys.id_of(text) is not None) is right


def test_what_is_kept_holds_neither_the_key_nor_a_pass() -> None:
    secret, key = pair()
    assert key.digest == hashlib.sha256(secret.encode()).digest()
    assert secret[13:] not in repr(key)
    made = keys.pass_of(secret, key.id, START)
    assert made.proof != key.anchor
    assert key.anchor != key.digest
    # what can be made from the kept values is no pass of any day that still counts
    for forged in (key.anchor, key.digest, hashlib.sha256(key.digest).digest()):
        for day in (TODAY, TODAY + 1):
            assert not keys.holds(keys.Pass(key.id, day, forged), key.anchor, START)


def test_a_pass_holds_for_today_and_tomorrow() -> None:
    secret, key = pair()
    made = keys.pass_of(secret, key.id, START)
    assert made.day == TODAY + 1
    ends = keys.day_ends(made.day)
    assert keys.DAY <= ends - START <= 2 * keys.DAY
    assert keys.holds(made, key.anchor, START)
    assert keys.holds(made, key.anchor, ends - 1)
    assert not keys.holds(made, key.anchor, ends)
    # it makes those of earlier days, which are over sooner, and none of later ones
    earlier = keys.Pass(key.id, TODAY, hashlib.sha256(made.proof).digest())
    assert keys.holds(earlier, key.anchor, START)
    assert not keys.holds(earlier, key.anchor, keys.day_ends(TODAY))
    assert not keys.holds(keys.Pass(key.id, TODAY + 1, earlier.proof), key.anchor, START)
    assert not keys.holds(keys.Pass(key.id, TODAY + 2, made.proof), key.anchor, START)


def test_a_pass_is_of_its_key_alone() -> None:
    secret, key = pair()
    _, other = pair()
    assert not keys.holds(keys.pass_of(secret, key.id, START), other.anchor, START)
    assert kept(secret).anchor == key.anchor  # and outlives a restart: nothing of it is the process's own


@pytest.mark.parametrize("now", [0.0, keys.day_ends(keys.LAST_DAY) - 1, keys.day_ends(keys.LAST_DAY) + 10**9])
def test_clocks_far_off(now: float) -> None:
    secret, key = pair()
    made = keys.pass_of(secret, key.id, now)
    assert 0 <= made.day <= keys.LAST_DAY
    assert keys.holds(made, key.anchor, now) is (now < keys.day_ends(keys.LAST_DAY))


def test_a_pass_as_text() -> None:
    secret, key = pair()
    made = keys.pass_of(secret, key.id, START)
    assert keys.parse_pass(str(made)) == made
    assert re.fullmatch(r"[a-z2-7]{8}\.\d+\.[\w-]{43}", str(made))  # nothing that a cookie would have to quote


@settings(max_examples=200)
@given(st.text(max_size=70) | st.from_regex(r"[a-z2-7]{8}\.[0-9]{1,6}\.[\w=-]{40,45}", fullmatch=True))
def test_any_text_is_a_pass_or_none(text: str) -> None:
    found = keys.parse_pass(text)
    if found is not None:
        assert len(found.proof) == 32
        assert not keys.holds(found, bytes(32), START)
