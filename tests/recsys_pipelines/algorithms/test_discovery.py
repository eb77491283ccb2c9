from importlib.metadata import Distribution

import msgspec
import pytest

from data_contracts.documents import parse
from data_contracts.errors import InvalidDocument
from recsys_pipelines.algorithm import BrokenAlgorithm, configured, discover
from recsys_pipelines.algorithms.popularity import Popularity


def plugin(folder, value, name="mine"):
    """The entry points of a distribution `acme-recs 1.2` as pip would have left it in a folder."""
    info = folder / "acme_recs-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-recs\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[recsys.algorithms]\n{name} = {value}\n")
    return Distribution.at(info).entry_points


def document(algorithms):
    """A tenant document that asks for these algorithms."""
    source = {"path": "x.csv"}
    fields = {
        "schema": "recsys.tenant/1",
        "tenant": "acme",
        "sources": {"items": [source], "events": [source]},
        "algorithms": algorithms,
        "ranking": {},
        "surfaces": {"home": {}},
    }
    return parse(msgspec.json.encode(fields), "test")


def test_the_built_in_algorithms_are_the_modules_of_the_folder():
    found = discover(())

    assert found["popularity"] is Popularity
    assert all(found[name].name == name for name in found)
    assert {algorithm.__module__ for algorithm in found.values()} == {
        f"recsys_pipelines.algorithms.{name}" for name in found
    }


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        pytest.param("no_such_module:X", "cannot be imported: ModuleNotFoundError", id="a module that is not there"),
        pytest.param("json:nothing", "cannot be imported: AttributeError", id="a name that is not there"),
        pytest.param("json:loads", "must give a msgspec.Struct class", id="a function"),
        pytest.param("json:JSONDecoder", "must give a msgspec.Struct class", id="another class"),
        pytest.param("data_contracts.layout:Locations", "frozen=True and forbid_unknown_fields", id="not strict"),
        pytest.param("data_contracts.manifest:Window", "shape must be one of item_scores", id="no shape"),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution(tmp_path, value, complaint):
    with pytest.raises(BrokenAlgorithm) as caught:
        discover(plugin(tmp_path, value))

    assert "distribution acme-recs 1.2" in str(caught.value)
    assert complaint in str(caught.value)


def test_a_plugin_may_not_take_the_name_of_another_algorithm(tmp_path):
    with pytest.raises(BrokenAlgorithm) as caught:
        discover(plugin(tmp_path, "recsys_pipelines.algorithms.popularity:Popularity"))

    assert "acme-recs 1.2" in str(caught.value)
    assert "module recsys_pipelines.algorithms.popularity has that name already" in str(caught.value)


def test_a_document_becomes_settings():
    found = configured(
        document({"popularity": {"limit": 5}, "trending": {"algorithm": "popularity", "half_life_days": 2}})
    )

    assert found == {"popularity": Popularity(limit=5), "trending": Popularity(half_life_days=2.0)}


@pytest.mark.parametrize(
    ("algorithms", "complaint"),
    [
        pytest.param(
            {"popularity": {"limt": 5}},
            "algorithms.popularity: Object contains unknown field `limt`; popularity takes limit (default 1000), ",
            id="a misspelt setting",
        ),
        pytest.param({"popularity": {"limit": 0}}, "Expected `int` >= 1 - at `$.limit`", id="out of range"),
        pytest.param({"popularity": {"limit": "5"}}, "Expected `int`, got `str` - at `$.limit`", id="a wrong type"),
        pytest.param({"deep": {}}, "algorithms.deep: there is no algorithm 'deep'; there are ", id="unknown"),
        pytest.param({"a": {"algorithm": ["x"]}}, "there is no algorithm ['x']", id="a name that is no text"),
        pytest.param({"items": {"algorithm": "popularity"}}, "not a name for an artifact", id="the catalog's name"),
        pytest.param({"seen.view": {"algorithm": "popularity"}}, "not a name for an artifact", id="a seen list's name"),
        pytest.param({"../x": {"algorithm": "popularity"}}, "not a name for an artifact", id="a path"),
    ],
)
def test_a_wrong_document_is_refused_in_one_line_that_helps(algorithms, complaint):
    with pytest.raises(InvalidDocument) as caught:
        configured(document(algorithms))

    assert str(caught.value).startswith("tenant 'acme', algorithms.")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
