"""The reference of metrics says what the code says."""

import re
from pathlib import Path

import msgspec

from data_contracts.documents import Gate
from recsys_eval.checks import CHECKS
from recsys_eval.metrics.definitions import DEFINITIONS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_metric_is_in_the_reference_with_its_definition_and_nothing_else_is():
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", (DOCS / "reference" / "metrics.md").read_text(), re.MULTILINE)

    assert dict(rows) == DEFINITIONS


def test_every_limit_of_a_slice_or_a_guardrail_that_the_explanation_names_is_one_of_the_gate():
    fields = {field.name for field in msgspec.structs.fields(Gate)}
    text = (DOCS / "explanation" / "evaluation.md").read_text()
    named = {name.lstrip("-") for name in re.findall(r"`-?((?:minimum|maximum|suspicious)_\w+)`", text)}

    assert len(named) >= 4
    assert named <= fields


def test_every_check_has_a_sentence_of_its_own():
    sentences = [check.__doc__ for _, check in CHECKS]

    assert len(set(sentences)) == len(CHECKS)
    assert all(sentence and sentence.endswith(".") for sentence in sentences)
