"""Who may import whom. The table is the architecture; every new dependency shows up in its diff."""

import ast
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Third-party and first-party packages that each package may import, anywhere in it.
MAY_IMPORT: dict[str, set[str]] = {
    "data_contracts": {"msgspec", "boto3", "botocore", "cryptography", "types_boto3_s3"},
    "recsys_algo": {"data_contracts", "msgspec", "numpy"},
    "recsys_eval": {"data_contracts", "cyclopts", "jinja2", "markupsafe", "msgspec", "numpy", "polars"}
    | {"httpx", "rich", "scipy", "statsmodels", "vl_convert"},
    "recsys_pipelines": {"adbc_driver_manager", "adbc_driver_postgresql", "stamina"}
    | {"data_contracts", "recsys_algo", "recsys_eval", "babel", "duckdb", "great_expectations", "implicit", "jinja2"}
    | {
        "aiokafka",
        "httpx",
        "lightgbm",
        "numba",
        "optuna",
        "prometheus_client",
        "mlflow",
        "msgspec",
        "numpy",
        "onnxruntime",
        "phonenumbers",
        "polars",
        "pyarrow",
        "scipy",
        "sklearn",
        "sqlalchemy",
        "threadpoolctl",
        "tokenizers",
    },
    "serving": {"data_contracts", "recsys_algo", "granian", "litestar", "msgspec", "numpy", "prometheus_client"}
    | {"structlog", "swagger_ui_bundle"},
    "assets": {
        "data_contracts",
        "recsys_algo",
        "recsys_eval",
        "recsys_pipelines",
        "dagster",
        "pydantic",  # what Dagster's own configuration is made of
        "msgspec",
        "numpy",
        "polars",
    },
    "jobs": {"assets", "data_contracts", "recsys_algo", "recsys_eval", "recsys_pipelines", "cyclopts", "dagster"}
    | {"msgspec", "polars", "rich"},
}

# Libraries so dear to import, or so easy to tie oneself to, that one module alone may name them.
ONLY_IN: dict[str, set[str]] = {
    "great_expectations": {"recsys_pipelines/validation.py"},
    "mlflow": {"recsys_pipelines/tracking.py"},
    "onnxruntime": {"recsys_pipelines/embeddings/onnx.py"},
    "tokenizers": {"recsys_pipelines/embeddings/onnx.py"},
    "phonenumbers": {"recsys_pipelines/privacy/personal.py"},
    "aiokafka": {"recsys_pipelines/sources/kafka_client.py", "recsys_pipelines/outbox/topic.py"},
    "boto3": {"data_contracts/s3.py"},
    "adbc_driver_manager": {"recsys_pipelines/sources/postgres_session.py"},
    "adbc_driver_postgresql": {"recsys_pipelines/sources/postgres_session.py"},
    "botocore": {"data_contracts/s3.py"},
    "lightgbm": {"recsys_pipelines/second_stage/lambdamart.py"},
    "optuna": {"recsys_pipelines/tuning/search.py"},
    "httpx": {"recsys_eval/served.py", "recsys_pipelines/outbox/webhook.py"},
    "vl_convert": {"recsys_eval/charts.py"},
    "cryptography": {"data_contracts/signature.py"},
    "babel": {"recsys_pipelines/catalog/money.py"},
}

# What the server's process may never pull in, directly or through what it imports.
NEVER_IN_SERVING = ("dagster", "mlflow", "polars", "pandas", "great_expectations", "implicit", "sklearn", "sqlalchemy")


def imported(source: str) -> Iterator[str]:
    """The top-level package of every import in the source, also those inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def forbidden(package: str, path: str, source: str) -> list[str]:
    """What the module imports against the tables above."""
    allowed = MAY_IMPORT[package] | {package} | sys.stdlib_module_names
    return sorted(
        name for name in set(imported(source)) if name not in allowed or path not in ONLY_IN.get(name, {path})
    )


def modules() -> list[tuple[str, Path]]:
    return [(package, path) for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize(("package", "path"), modules(), ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_a_module_imports_only_what_its_package_may(package, path):
    name = path.relative_to(ROOT).as_posix()

    assert forbidden(package, name, path.read_text()) == []


@pytest.mark.parametrize(
    ("package", "path", "source", "expected"),
    [
        pytest.param("serving", "serving/app.py", "import dagster", ["dagster"], id="the server asks the orchestrator"),
        pytest.param(
            "recsys_pipelines", "recsys_pipelines/a.py", "from assets import x", ["assets"], id="the library looks up"
        ),
        pytest.param("recsys_algo", "recsys_algo/a.py", "def f():\n import polars", ["polars"], id="inside a function"),
        pytest.param(
            "recsys_pipelines", "recsys_pipelines/a.py", "import mlflow.x", ["mlflow"], id="a second module names it"
        ),
        pytest.param(
            "recsys_eval", "recsys_eval/a.py", "from recsys_algo import rank", ["recsys_algo"], id="eval alone"
        ),
    ],
)
def test_the_rule_sees_a_forbidden_import(package, path, source, expected):
    assert forbidden(package, path, source) == expected


def test_every_package_has_its_rules():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}

    assert packages == set(MAY_IMPORT)


def test_no_module_lies_loose_at_the_root():
    """A stray ``gql.py`` beside the packages shadows the library of that name in every process started here."""
    assert [path.name for path in ROOT.glob("*.py")] == []


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_no_other_distribution_brings_a_package_of_our_name(package):
    assert set(importlib.metadata.packages_distributions().get(package, ["recsys-suite"])) == {"recsys-suite"}


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_package_roots_are_empty_but_for_the_published_library(package):
    body = (ROOT / package / "__init__.py").read_text()

    assert package == "recsys_eval" or body == ""
