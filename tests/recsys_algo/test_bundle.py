"""Opening a generation: what is in the bundle, and what is refused."""

from datetime import UTC, datetime

import numpy as np
import pytest

from data_contracts.documents import Ranking
from data_contracts.manifest import Artifact, Evaluation, File, Lineage, Manifest, Window
from recsys_algo.arrays import SMALL, mapped
from recsys_algo.bundle import open_bundle, open_encoded
from recsys_algo.encode import Encoded, encode_catalog, encode_table, load_items
from recsys_algo.errors import BadArtifact

END = datetime(2026, 1, 31, tzinfo=UTC)
NO_HASH = "0" * 64


def artifact(encoded: Encoded, **changes: str) -> Artifact:
    files = tuple(File(name=path.name, uri="", sha256=NO_HASH, bytes=0) for path in encoded.files)
    facts = {"name": encoded.name, "kind": encoded.kind, "shape": encoded.shape} | changes
    return Artifact(rows=encoded.rows, files=files, **facts)


def manifest(artifacts, evaluated=()) -> Manifest:
    return Manifest(
        schema="recsys.manifest/2",
        tenant="demo",
        surface="home",
        generation=7,
        parent=6,
        created_at=END,
        engine_api=">=1,<2",
        window=Window(END, END),
        config=File(name="config", uri="", sha256="ab" * 32, bytes=0),
        artifacts=artifacts,
        lineage=Lineage(data_fingerprint="", config_hash="", model_name="demo.home", model_version="3"),
        evaluation=Evaluation(decision="promoted", artifacts=evaluated),
    )


@pytest.fixture
def encoded(tmp_path):
    catalog = encode_catalog({"item_id": ["a", "b"]}, tmp_path)
    items = load_items(tmp_path)
    scores = {"segment": ["", ""], "item_id": ["a", "b"], "score": [1.0, 2.0]}
    users = {"user_id": ["u"], "item_id": ["b"], "score": [1.0]}
    return (
        catalog,
        encode_table("popularity", "popularity", "item_scores", scores, items, tmp_path),
        encode_table("history", "history", "user_items", users, items, tmp_path),
        encode_table("seen.purchase", "seen", "user_items", users, items, tmp_path),
    )


def test_a_bundle_says_which_versions_it_is_made_of(encoded, tmp_path):
    opened = manifest(tuple(artifact(e) for e in encoded))

    bundle = open_bundle(opened, lambda file: tmp_path / file.name, Ranking())

    assert (bundle.tenant, bundle.surface, bundle.generation) == ("demo", "home", 7)
    assert bundle.algo_version == "engine-1+demo.home.3"
    assert bundle.config_version == "abababababab"
    assert bundle.window_end == END


def test_history_and_seen_lists_are_no_candidate_sources(encoded):
    bundle = open_encoded("demo", "home", encoded, Ranking(), END)

    assert list(bundle.sources) == ["popularity"]
    assert bundle.history is not None
    assert list(bundle.seen) == ["purchase"]


def test_encoder_output_opens_as_generation_zero(encoded):
    bundle = open_encoded("demo", "home", encoded, Ranking(k=5), END)

    assert bundle.generation == 0
    assert bundle.config_version != open_encoded("demo", "home", encoded, Ranking(k=6), END).config_version


def test_arrays_cannot_be_changed(encoded):
    bundle = open_encoded("demo", "home", encoded, Ranking(), END)

    assert not any(array.flags.writeable for array in bundle.catalog.arrays.values())


def test_large_arrays_stay_on_disk_and_small_ones_cost_no_file_descriptor(tmp_path):
    np.save(tmp_path / "t.large.npy", np.zeros(SMALL))
    np.save(tmp_path / "t.small.npy", np.zeros(10))

    arrays = mapped("t", [(path.name, path) for path in tmp_path.iterdir()])

    assert isinstance(arrays["large"].base, np.memmap)
    assert not isinstance(arrays["small"].base, np.memmap)


def test_the_evaluated_fit_opens_with_the_catalog_that_is_served(encoded, tmp_path):
    catalog, popularity, *_ = (artifact(e) for e in encoded)
    published = manifest((catalog,), evaluated=(popularity,))

    bundle = open_bundle(
        published, lambda file: tmp_path / file.name, Ranking(), artifacts=published.evaluation.artifacts
    )

    assert list(bundle.sources) == ["popularity"]
    assert len(bundle.catalog) == 2


def test_a_generation_without_a_catalog_is_refused(encoded):
    with pytest.raises(BadArtifact, match="exactly one catalog; that of 'demo' has 0"):
        open_encoded("demo", "home", encoded[1:], Ranking(), END)


def test_an_artifact_that_lacks_an_array_is_named(encoded):
    catalog, popularity, *_ = encoded
    short = popularity._replace(files=tuple(path for path in popularity.files if "indices" not in path.name))

    with pytest.raises(BadArtifact, match="popularity: the array 'indices' is missing"):
        open_encoded("demo", "home", [catalog, short], Ranking(), END)


def test_a_truncated_file_is_named(encoded):
    (path,) = (path for path in encoded[1].files if "indices" in path.name)
    path.write_bytes(path.read_bytes()[:-4])

    with pytest.raises(BadArtifact, match=r"popularity\.indices\.npy is not a plain array"):
        open_encoded("demo", "home", encoded, Ranking(), END)


def test_arrays_that_make_no_rows_are_refused(encoded, tmp_path):
    other = {"segment": ["", ""], "item_id": ["a", "b"], "score": [1.0, 2.0]}
    one = {name: values[:1] for name, values in other.items()}
    items = load_items(tmp_path)
    short = encode_table("popularity", "popularity", "item_scores", one, items, tmp_path / "short")
    mixed = encoded[1]._replace(
        files=tuple(path if "indices" not in path.name else tmp_path / "short" / path.name for path in encoded[1].files)
    )

    assert short.rows == 1
    with pytest.raises(BadArtifact, match=r"popularity: indptr of 2, indices of 1 and values of 2 entries"):
        open_encoded("demo", "home", [encoded[0], mixed], Ranking(), END)


def test_a_shape_that_nothing_serves_is_refused(encoded):
    catalog, popularity, *_ = encoded

    with pytest.raises(BadArtifact, match="popularity: no source has the shape 'graph'"):
        open_encoded("demo", "home", [catalog, popularity._replace(shape="graph")], Ranking(), END)


def test_the_version_for_a_segment_stands_beside_the_one_for_everybody(encoded):
    catalog, popularity, *_ = encoded

    bundle = open_encoded("demo", "home", [catalog, popularity, popularity._replace(segment="vip")], Ranking(), END)

    assert list(bundle.sources) == ["popularity", "popularity@vip"]
