import pytest

from serving.settings import InvalidSetting, Settings, is_loopback


def test_nothing_needs_to_be_set_on_a_laptop(tmp_path):
    settings = Settings.from_environ({"RECSYS_HOME": str(tmp_path)})

    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.locations.store == str(tmp_path / "store")
    assert settings.has_docs
    assert settings.drains_for_s == 0


def test_texts_become_what_the_fields_are():
    environ = {"RECSYS_PORT": "9000", "RECSYS_RELOAD_EVERY_S": "0.5", "RECSYS_ALLOW_PUBLIC": "true"}

    settings = Settings.from_environ(environ)

    assert (settings.port, settings.reload_every_s, settings.allow_public) == (9000, 0.5, True)


def test_an_empty_variable_is_as_good_as_none():
    assert Settings.from_environ({"RECSYS_DEFAULT_TENANT": ""}).default_tenant is None


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        pytest.param({"RECSYS_PORT": "x"}, "RECSYS_PORT is 'x': Expected `int`", id="no number"),
        pytest.param({"RECSYS_PORT": "70000"}, "RECSYS_PORT is '70000': Expected `int` <= 65535", id="too large"),
        pytest.param({"RECSYS_RELOAD_EVERY_S": "0"}, "RECSYS_RELOAD_EVERY_S is '0'", id="no time at all"),
        pytest.param({"RECSYS_RELOAD_EVERY_S": "nan"}, "RECSYS_RELOAD_EVERY_S is 'nan'", id="not a number"),
        pytest.param({"RECSYS_ENV": "staging"}, "RECSYS_ENV is 'staging'", id="unknown word"),
        pytest.param({"RECSYS_RELOAD_EVERY": "1"}, "did you mean RECSYS_RELOAD_EVERY_S?", id="unit forgotten"),
        pytest.param({"RECSYS_DEFAULT_TENNANT": "a"}, "did you mean RECSYS_DEFAULT_TENANT?", id="letter doubled"),
        pytest.param({"RECSYS_STOR": "a"}, "did you mean RECSYS_STORE?", id="misspelt name of the store"),
        pytest.param({"RECSYS_ENV": "prod"}, "RECSYS_PSEUDONYM_SECRET", id="production without a secret"),
        pytest.param({"RECSYS_PSEUDONYM_SECRET_FILE": "/nowhere"}, "No such file", id="secret file missing"),
    ],
)
def test_what_cannot_work_is_named(environ, message):
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environ(environ)

    assert message in str(caught.value)


def test_a_bad_secret_is_not_repeated():
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environ({"RECSYS_PSEUDONYM_SECRET": "too-short"})

    assert "too-short" not in str(caught.value)
    assert "RECSYS_PSEUDONYM_SECRET" in str(caught.value)


@pytest.mark.parametrize("name", ["RECSYS_TENANTS", "RECSYS_S3_ENDPOINT", "RECSYS_PG_HOST", "RECSYS_SOMETHING_ELSE"])
def test_variables_of_other_processes_are_let_alone(name):
    assert Settings.from_environ({name: "x"}).port == 8000


def test_a_secret_may_stand_in_a_file(tmp_path):
    (tmp_path / "secret").write_text("sixteen-bytes-or-more\n")

    settings = Settings.from_environ({"RECSYS_PSEUDONYM_SECRET_FILE": str(tmp_path / "secret")})

    assert settings.pseudonym_secret == "sixteen-bytes-or-more"


def test_a_secret_in_two_places_is_refused(tmp_path):
    (tmp_path / "secret").write_text("sixteen-bytes-or-more")
    environ = {
        "RECSYS_PSEUDONYM_SECRET_FILE": str(tmp_path / "secret"),
        "RECSYS_PSEUDONYM_SECRET": "another-of-sixteen",
    }

    with pytest.raises(InvalidSetting, match="both set"):
        Settings.from_environ(environ)


def test_production_hides_the_docs_and_drains():
    settings = Settings.from_environ({"RECSYS_ENV": "prod", "RECSYS_PSEUDONYM_SECRET": "sixteen-bytes-or-more"})

    assert not settings.has_docs
    assert settings.drains_for_s == 5


def test_docs_can_be_wanted_in_production():
    environ = {"RECSYS_ENV": "prod", "RECSYS_PSEUDONYM_SECRET": "sixteen-bytes-or-more", "RECSYS_DOCS": "true"}

    assert Settings.from_environ(environ).has_docs


def test_required_surfaces_are_pairs():
    settings = Settings.from_environ({"RECSYS_REQUIRED_SURFACES": "demo/home, video/home"})

    assert settings.required == (("demo", "home"), ("video", "home"))


def test_a_required_surface_without_a_tenant_is_refused():
    settings = Settings.from_environ({"RECSYS_REQUIRED_SURFACES": "home"})

    with pytest.raises(InvalidSetting, match="tenant/surface"):
        _ = settings.required


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("example.org", False)],
)  # fmt: skip
def test_loopback_is_what_only_this_machine_reaches(host, expected):
    assert is_loopback(host) is expected
