"""One suite over every blob store: what publishing may rely on."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from data_contracts.errors import BlobChanged, BlobExists, BlobMissing, InvalidName
from data_contracts.open import open_blobs

BAD_KEYS = [
    pytest.param("", id="empty"),
    pytest.param("/etc/passwd", id="absolute"),
    pytest.param("a/../b", id="a step up"),
    pytest.param("a//b", id="an empty part"),
    pytest.param("a/", id="a folder"),
    pytest.param("a/.hidden", id="a dot name"),
    pytest.param(".store/locks/00", id="the store's own folder"),
    pytest.param("a\\b", id="a backslash"),
    pytest.param("a\x00b", id="a zero byte"),
    pytest.param("a\nb", id="a line break"),
    pytest.param("a\ud800b", id="half a surrogate pair"),
    pytest.param("a" * 256, id="a part too long for a file name"),
    pytest.param("a/" * 500 + "a", id="too long for S3"),
]


def test_what_was_created_can_be_read(blobs):
    blobs.create("a/b/value.json", b"one")

    assert blobs.read("a/b/value.json") == b"one"
    assert blobs.size("a/b/value.json") == 3


def test_an_empty_value_is_a_value(blobs):
    blobs.create("nothing", b"")

    assert blobs.read("nothing") == b""
    assert blobs.size("nothing") == 0


def test_a_file_is_created_and_downloaded_by_streaming(blobs, tmp_path):
    body = bytes(range(256)) * 12_000  # 3 MB: more than one chunk
    (tmp_path / "source").write_bytes(body)

    blobs.create("big", tmp_path / "source")
    blobs.download("big", tmp_path / "new folder" / "copy")

    assert (tmp_path / "new folder" / "copy").read_bytes() == body


def test_a_download_takes_the_place_of_an_older_file(blobs, tmp_path):
    (tmp_path / "copy").write_bytes(b"older, and longer")
    blobs.create("a", b"new")

    blobs.download("a", tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == b"new"
    assert [path.name for path in tmp_path.glob("*copy*")] == ["copy"]


@pytest.mark.parametrize("body", [b"other", b"one"], ids=["other content", "the same content"])
def test_creating_twice_fails_and_keeps_the_first_value(blobs, body):
    blobs.create("a", b"one")

    with pytest.raises(BlobExists, match="a"):
        blobs.create("a", body)
    assert blobs.read("a") == b"one"


def test_a_missing_key_is_named(blobs):
    blobs.create("there", b"1")

    for ask in (blobs.read, blobs.read_tagged):
        with pytest.raises(BlobMissing, match="not/there"):
            ask("not/there")
    assert blobs.size("not/there") is None


def test_a_failed_download_leaves_no_file(blobs, tmp_path):
    with pytest.raises(BlobMissing, match="gone"):
        blobs.download("gone", tmp_path / "copy")
    assert list(tmp_path.rglob("*copy*")) == []


def test_an_empty_store_has_no_entries_and_no_values(blobs):
    assert list(blobs.entries("")) == []
    assert blobs.size("a") is None
    with pytest.raises(BlobMissing):
        blobs.read("a")


def test_a_key_may_begin_like_a_folder_but_is_none(blobs):
    blobs.create("folder/a", b"1")

    assert blobs.size("folder") is None
    with pytest.raises(BlobMissing):
        blobs.read("folder")


def test_replace_needs_the_newest_tag(blobs):
    first = blobs.replace("pointer", b"1", None)
    second = blobs.replace("pointer", b"2", first)

    with pytest.raises(BlobChanged, match="pointer"):
        blobs.replace("pointer", b"3", first)
    assert blobs.read_tagged("pointer") == (b"2", second)


def test_replace_without_a_tag_needs_an_empty_place(blobs):
    blobs.create("pointer", b"1")

    with pytest.raises(BlobChanged):
        blobs.replace("pointer", b"2", None)
    assert blobs.read("pointer") == b"1"


def test_replace_with_a_tag_needs_the_value_to_be_there_still(blobs):
    tag = blobs.replace("pointer", b"1", None)
    blobs.delete("pointer")

    with pytest.raises(BlobChanged):
        blobs.replace("pointer", b"2", tag)
    assert blobs.size("pointer") is None


def test_a_known_tag_reads_as_unchanged_until_the_value_changes(blobs):
    first = blobs.replace("pointer", b"1", None)

    unchanged = blobs.read_tagged("pointer", first)
    second = blobs.replace("pointer", b"2", first)

    assert unchanged is None
    assert blobs.read_tagged("pointer", first) == (b"2", second)


def test_entries_are_whole_keys_in_byte_order_with_size_and_time(blobs):
    for key in ("a/b/2", "a-b", "a/b/10", "b", "a/bc", "a.b/x", "a/b é"):
        blobs.create(key, key.encode())

    found = list(blobs.entries(""))

    assert [entry.key for entry in found] == ["a-b", "a.b/x", "a/b é", "a/b/10", "a/b/2", "a/bc", "b"]
    assert found[3].bytes == len("a/b/10")
    assert abs(found[3].modified - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param("a/b/", ["a/b/1"], id="a folder"),
        pytest.param("a/b", ["a/b/1", "a/bc"], id="the beginning of names"),
        pytest.param("a/bc", ["a/bc"], id="a whole key"),
        pytest.param("none/", [], id="nothing"),
        pytest.param("a/bc/", [], id="a key taken for a folder"),
    ],
)
def test_entries_of_a_prefix(blobs, prefix, expected):
    for key in ("a/b/1", "a/bc", "b"):
        blobs.create(key, b"1")

    assert [entry.key for entry in blobs.entries(prefix)] == expected


def test_deleting_twice_is_no_error(blobs):
    blobs.create("a", b"1")

    blobs.delete("a")
    blobs.delete("a")

    assert list(blobs.entries("")) == []


def test_a_deleted_key_can_be_created_again(blobs):
    blobs.create("a", b"1")
    blobs.delete("a")

    blobs.create("a", b"2")

    assert blobs.read("a") == b"2"


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_would_leave_the_store_is_refused_by_every_method(blobs, tmp_path, key):
    calls = [
        lambda: blobs.read(key),
        lambda: blobs.read_tagged(key),
        lambda: blobs.size(key),
        lambda: blobs.download(key, tmp_path / "copy"),
        lambda: blobs.create(key, b"1"),
        lambda: blobs.replace(key, b"1", None),
        lambda: blobs.delete(key),
    ]

    for call in calls:
        with pytest.raises(InvalidName):
            call()


@pytest.mark.parametrize("prefix", ["../", "/", "a/../", "a//b"])
def test_a_prefix_that_would_leave_the_store_is_refused(blobs, prefix):
    with pytest.raises(InvalidName):
        list(blobs.entries(prefix))


@pytest.mark.parametrize("round_", range(3))
def test_of_eight_writers_at_once_exactly_one_creates(store, round_):
    barrier = Barrier(8)

    def write(number):
        blobs = store.open()
        barrier.wait()
        try:
            blobs.create("a", b"%d" % number)
        except BlobExists:
            return []
        return [b"%d" % number]

    with ThreadPoolExecutor(8) as pool:
        winners = [winner for won in pool.map(write, range(8)) for winner in won]

    assert winners == [store.open().read("a")]


@pytest.mark.parametrize("there", [False, True], ids=["nothing there", "a value there"])
def test_of_eight_writers_at_once_exactly_one_replaces(store, there):
    tag = store.open().replace("a", b"first", None) if there else None
    barrier = Barrier(8)

    def write(number):
        blobs = store.open()
        barrier.wait()
        try:
            return [blobs.replace("a", b"%d" % number, tag)]
        except BlobChanged:
            return []

    with ThreadPoolExecutor(8) as pool:
        winners = [winner for won in pool.map(write, range(8)) for winner in won]

    assert winners == [store.open().read_tagged("a").tag]


def test_nothing_is_lost_when_eight_writers_append_by_compare_and_swap(store):
    def append(number):
        blobs = store.open()
        while True:
            try:
                body, tag = blobs.read_tagged("log")
            except BlobMissing:
                body, tag = b"", None
            try:
                return blobs.replace("log", body + b"%d\n" % number, tag)
            except BlobChanged:
                continue

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(8)))

    assert sorted(store.open().read("log").split()) == [b"%d" % number for number in range(8)]


def test_the_url_opens_the_same_store(store):
    store.open().create("a", b"1")

    again = open_blobs(store.url, store.environ)

    assert (again.url, again.read("a")) == (store.url, b"1")
