from pathlib import Path

import pytest

from data_contracts.source_specs import Kafka, Lookup, Postgres, ServerLog, SourceSpec
from recsys_pipelines.sources.files import FileSource
from recsys_pipelines.sources.folders import WithFolders
from recsys_pipelines.sources.kafka import KafkaSource
from recsys_pipelines.sources.lookup import LookedUp, PullingLookedUp
from recsys_pipelines.sources.objects import ObjectSource
from recsys_pipelines.sources.opening import UnknownSource, opened
from recsys_pipelines.sources.postgres import PostgresSource
from recsys_pipelines.sources.server_log import ServerLogSource
from recsys_pipelines.sources.source import Place, Pulling

PLACE = Place("acme", Path(), {})
LOOKUP = Lookup(path="orders.csv", on=("order_id", "id"))


@pytest.mark.parametrize(
    ("spec", "kind", "pulls"),
    [
        pytest.param(SourceSpec(path="in/*.csv"), FileSource, False, id="files"),
        pytest.param(SourceSpec(path="s3://bucket/in"), ObjectSource, False, id="objects"),
        pytest.param(SourceSpec(postgres=Postgres(url="x", table="t")), PostgresSource, True, id="postgres"),
        pytest.param(SourceSpec(kafka=Kafka(brokers="b:1", topic="t")), KafkaSource, True, id="kafka"),
        pytest.param(SourceSpec(server_log=ServerLog()), ServerLogSource, False, id="the server's log"),
        pytest.param(SourceSpec(path="in", folder_columns=True), WithFolders, False, id="folders"),
        pytest.param(SourceSpec(path="in", lookup=LOOKUP), LookedUp, False, id="a lookup"),
        pytest.param(
            SourceSpec(postgres=Postgres(url="x", table="t"), lookup=LOOKUP), PullingLookedUp, True, id="both"
        ),
    ],
)
def test_an_entry_says_which_source_reads_it_and_whether_it_is_pulled(spec, kind, pulls):
    source = opened(spec, PLACE)

    assert type(source) is kind
    assert isinstance(source, Pulling) is pulls


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param(
            SourceSpec(path="https://me:hunter2@shop/x.csv"),
            "no source reads https://; a path is a file, a folder, a glob or s3://bucket/key",
            id="another scheme",
        ),
        pytest.param(SourceSpec(), "a source says exactly one of path, postgres, kafka, server_log", id="nothing"),
    ],
)
def test_what_nothing_reads_is_said_without_secrets(spec, said):
    with pytest.raises(UnknownSource) as raised:
        opened(spec, PLACE)

    assert str(raised.value) == said
