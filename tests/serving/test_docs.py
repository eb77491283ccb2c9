import re


def test_the_page_refers_to_nothing_outside_of_the_server(shop):
    page = shop.get("/docs").text
    refers = re.findall(r'(?:src|href)="([^"]+)"', page) + re.findall(
        r'url: "([^"]+)"', shop.get("/docs/start.js").text
    )

    assert len(refers) == 5
    assert not re.search(r"https?:|//[a-z]", page)
    for path in refers:
        assert shop.get(path).status_code == 200


def test_the_browser_is_told_to_load_nothing_from_elsewhere(shop):
    assert "default-src 'self'" in shop.get("/docs").headers["content-security-policy"]


def test_nobody_is_asked_whether_the_document_is_valid(shop):
    assert "validatorUrl: null" in shop.get("/docs/start.js").text


def test_in_production_there_are_no_docs_unless_wanted(world):
    with world.client(env="prod", pseudonym_secret="sixteen-bytes-or-more") as client:
        assert client.get("/docs").status_code == 404
        assert client.get("/openapi.json").status_code == 404
        assert client.get("/healthz").status_code == 200


def test_assets_stay_inside_their_folder(shop):
    assert shop.get("/docs/assets/../../pyproject.toml").status_code == 404
    assert shop.get("/docs/assets/%2e%2e/%2e%2e/pyproject.toml").status_code == 404
