"""A run says how much data there was, what of it is too little, and who learned nothing from it."""

import msgspec
import pytest

from jobs.summary import RunReport, show
from recsys_pipelines.sufficiency import MEASURES, sufficiency

pytestmark = pytest.mark.slow  # imports Dagster

PLENTY = {name: 0.0 if measure.is_at_most else 10_000.0 for name, measure in MEASURES.items()}


def report(numbers, learned_nothing=()):
    """A run that ended well."""
    return RunReport(
        tenant="acme",
        first="2026-01-28",
        day="2026-01-28",
        status="published",
        run_id="r",
        error="",
        verdict=None,
        judgements=None,
        outcomes=None,
        reports="",
        quality_page="",
        sufficiency=sufficiency(numbers),
        learned_nothing=learned_nothing,
    )


def test_what_there_is_too_little_of_is_printed_with_what_helps(capsys):
    show(report(PLENTY | {"users": 7, "items": 12}), as_json=False)

    _, first, second = capsys.readouterr().out.splitlines()
    assert first == "critical    7 users of 10 needed: serve popularity and content similarity until more users come"
    assert second.startswith("warning     12 items with interactions of 20 wanted: ")


def test_who_learned_nothing_is_named(capsys):
    show(report(PLENTY, ("buy_again", "trending")), as_json=False)

    assert capsys.readouterr().out.splitlines()[1:] == ["warning     learned nothing: buy_again, trending"]


def test_of_plenty_nothing_is_said(capsys):
    show(report(PLENTY), as_json=False)

    assert len(capsys.readouterr().out.splitlines()) == 1


def test_scripts_read_the_numbers_and_the_limits(capsys):
    show(report(PLENTY | {"users": 7}, ("trending",)), as_json=True)

    told = msgspec.json.decode(capsys.readouterr().out)
    assert told["sufficiency"]["numbers"]["users"] == 7
    assert [finding["threshold"] for finding in told["sufficiency"]["findings"]] == [10]
    assert told["learned_nothing"] == ["trending"]


def test_the_daily_job_looks_at_its_data(installation):
    told = installation.published("ecommerce_mini")

    assert told["sufficiency"]["findings"] == []
    assert told["sufficiency"]["numbers"]["history_days"] == 28
    assert told["learned_nothing"] == []
