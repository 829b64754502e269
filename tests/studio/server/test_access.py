"""Tokens and keys."""

import stat

import pytest

from livedream.errors import ArgumentError
from livedream.studio.server.access import KEY_SECONDS, LINK_SECONDS, MOST_LINKS, Access
from livedream.urls import redact_text


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(tmp_path, clock) -> Access:
    return Access(tmp_path / "secret", now=clock)


def test_a_token_works_once(access) -> None:
    token = access.new_token()
    key = access.redeem(token)
    assert key is not None
    assert access.accepts(key)
    assert access.redeem(token) is None


def test_an_old_token_does_not_work(access, clock) -> None:
    token = access.new_token()
    clock.now += LINK_SECONDS + 1
    assert access.redeem(token) is None


def test_a_key_ends(access, clock) -> None:
    key = access.redeem(access.new_token())
    clock.now += KEY_SECONDS - 1
    assert access.accepts(key)
    clock.now += 2
    assert not access.accepts(key)


@pytest.mark.parametrize("key", ["", ".", "..", "x", "9999999999.aa.bb", "9999999999.aa.", "\u00fc.\u00e4.\u00f6"])
def test_other_keys_are_refused(access, key) -> None:
    assert not access.accepts(key)


def test_a_key_cannot_be_prolonged(access) -> None:
    expiry, rest = access.redeem(access.new_token()).split(".", 1)
    assert not access.accepts(f"{int(expiry) + 1}.{rest}")


def test_keys_survive_a_restart_and_end_with_the_secret(tmp_path) -> None:
    file = tmp_path / "studio" / "secret"
    first = Access(file)
    key = first.redeem(first.new_token())
    assert Access(file).accepts(key)
    file.unlink()
    assert not Access(file).accepts(key)


def test_only_this_user_reads_the_secret(tmp_path) -> None:
    Access(tmp_path / "secret")
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_damaged_secret_is_replaced(tmp_path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    access = Access(tmp_path / "secret")
    assert access.accepts(access.redeem(access.new_token()))


def test_a_lasting_token_works_again_and_as_a_key(tmp_path) -> None:
    access = Access(tmp_path / "secret", "correct horse battery")
    assert access.redeem("correct horse battery") != access.redeem("correct horse battery")
    assert access.accepts("correct horse battery")
    assert not access.accepts("correct horse batterz")


def test_a_short_token_is_refused(tmp_path) -> None:
    with pytest.raises(ArgumentError, match="too short"):
        Access(tmp_path / "secret", "short")


def test_tokens_are_bounded(access) -> None:
    tokens = [access.new_token() for _ in range(MOST_LINKS + 1)]
    assert access.redeem(tokens[0]) is None
    assert access.redeem(tokens[1]) is not None


def test_who_printed_a_token_hears_that_it_was_used(access) -> None:
    used: list[str] = []
    access.on_used = used.append
    token = access.new_token()
    access.redeem("wrong")
    access.redeem(token)
    assert used == [token]


def test_the_lasting_token_is_hidden_in_all_texts(tmp_path) -> None:
    Access(tmp_path / "secret", "Correct-Horse-4711-Battery")
    assert "4711" not in redact_text("the token Correct-Horse-4711-Battery is wrong")
