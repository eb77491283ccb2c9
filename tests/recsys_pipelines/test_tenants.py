import msgspec
import pytest

from recsys_pipelines.tenants import UnknownTenant, tenant, tenants


def document(name):
    return msgspec.json.encode(
        {
            "schema": "recsys.tenant/1",
            "tenant": name,
            "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events.csv"}]},
            "algorithms": {"popularity": {}},
            "ranking": {"weights": {"popularity": 1}},
            "surfaces": {"home": {}},
        }
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "tenant.json").write_bytes(document("shop"))
    return tmp_path


def test_a_document_is_found_in_its_folder_and_its_paths_start_there(folder):
    found = tenant("shop", {"RECSYS_TENANTS": str(folder)})

    assert found.folder == folder / "shop"
    assert found.document.tenant == "shop"


def test_of_two_documents_of_one_tenant_the_first_folder_counts(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "shop.json").write_bytes(document("shop"))

    found = tenant("shop", {"RECSYS_TENANTS": f"{folder}:{other}"})

    assert found.folder == folder / "shop"


def test_an_unknown_tenant_is_told_who_is_known_and_where_was_looked(folder):
    with pytest.raises(UnknownTenant, match=rf"no tenant 'shpo' in {folder}; known tenants: shop"):
        tenant("shpo", {"RECSYS_TENANTS": str(folder)})


def test_a_broken_document_is_the_trouble_of_its_own_tenant_only(folder):
    (folder / "bad.json").write_text('{"schema": "recsys.tenant/1", "tenant": "bad", "sorces": {}}')

    known, broken = tenants({"RECSYS_TENANTS": str(folder)})

    assert list(known) == ["shop"]
    assert "sorces" in broken[folder / "bad.json"]


def test_a_document_that_names_no_check_is_broken_and_says_which_there_are(folder):
    body = msgspec.json.decode(document("other")) | {"checks": {"severity": {"events.type.one_off": "warn"}}}
    (folder / "other.json").write_bytes(msgspec.json.encode(body))

    found = tenants({"RECSYS_TENANTS": str(folder)})

    assert list(found.known) == ["shop"]
    assert "did you mean 'events.type.one_of'?" in found.broken[folder / "other.json"]
