import pytest

from data_contracts.files import appearing


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "value"

    with appearing(path) as file:
        file.write(b"half")
        seen_half_way = path.exists()
        file.write(b" and half")

    assert not seen_half_way
    assert path.read_bytes() == b"half and half"


def test_a_writer_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "value"
    path.write_bytes(b"old")

    with pytest.raises(TypeError), appearing(path) as file:
        file.writelines([b"new", None])

    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["value"]
