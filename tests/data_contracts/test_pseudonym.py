import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor

import pytest

from data_contracts.errors import InvalidStore
from data_contracts.pseudonym import Pseudonyms, secret_at

SECRET = b"0123456789abcdef"


def test_a_pseudonym_is_the_hmac_of_the_id_under_the_tenants_own_key():
    key = hmac.new(SECRET, b"recsys.pseudonym/1:demo", hashlib.sha256).digest()
    expected = hmac.new(key, b"subject:u-1", hashlib.sha256).hexdigest()[:32]

    assert Pseudonyms(SECRET, "demo").of("u-1") == expected


def test_one_person_has_another_pseudonym_in_another_tenant_and_under_another_secret():
    found = {
        Pseudonyms(SECRET, "demo").of("u-1"),
        Pseudonyms(SECRET, "other").of("u-1"),
        Pseudonyms(SECRET + b"!", "demo").of("u-1"),
    }

    assert len(found) == 3


def test_the_key_id_changes_with_the_secret_and_the_tenant():
    keys = [
        Pseudonyms(SECRET, "demo"),
        Pseudonyms(SECRET, "demo"),
        Pseudonyms(SECRET, "b"),
        Pseudonyms(SECRET * 2, "b"),
    ]

    assert len({key.key_id for key in keys}) == 3


def test_processes_that_start_together_agree_on_one_secret_for_the_owner_only(tmp_path):
    path = tmp_path / "new" / "pseudonym.key"

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: secret_at(path), range(16)))

    assert len(found) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["pseudonym.key"]


def test_a_secret_that_can_be_guessed_is_refused_without_showing_it(tmp_path):
    (tmp_path / "key").write_text("hunter2\n")

    with pytest.raises(InvalidStore, match="7 bytes") as caught:
        secret_at(tmp_path / "key")
    assert "hunter2" not in str(caught.value)
