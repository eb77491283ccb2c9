"""The command line of the server, as far as it goes without serving."""

import pytest

from serving.__main__ import main


@pytest.fixture
def environ(monkeypatch, tmp_path):
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_an_address_that_others_reach_is_refused(environ, capsys, host):
    code = main(["--host", host])

    said = capsys.readouterr().err
    assert code == 2
    assert "access control is not built yet" in said
    assert "--allow-public" in said


def test_a_bad_setting_is_named_without_a_stack_trace(environ, capsys):
    environ.setenv("RECSYS_WORKERS", "many")

    assert main([]) == 2
    assert "RECSYS_WORKERS is 'many'" in capsys.readouterr().err


def test_help_teaches(environ, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    assert "--allow-public" in capsys.readouterr().out


def test_a_store_that_cannot_be_is_refused_before_any_worker_starts(environ, capsys):
    environ.setenv("RECSYS_STORE", "ftp://nowhere")

    assert main([]) == 2
    assert "a store is a directory or s3://bucket/prefix" in capsys.readouterr().err
