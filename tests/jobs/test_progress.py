import io
import logging
from types import SimpleNamespace

import dagster as dg
import pytest
from rich.console import Console

from jobs.progress import StepLines

pytestmark = pytest.mark.slow


def printed(*events, terminal):
    """What a person sees of these (event type, step, milliseconds)."""
    out = io.StringIO()
    lines = StepLines(Console(file=out, force_terminal=terminal, width=80, color_system=None))
    for kind, step, ms in events:
        record = logging.LogRecord("dagster", logging.DEBUG, "", 0, "", None, None)
        record.dagster_event = SimpleNamespace(
            event_type=kind, step_key=step, event_specific_data=SimpleNamespace(duration_ms=ms)
        )
        lines.emit(record)
    return out.getvalue(), lines


START, END, FAILED = (getattr(dg.DagsterEventType, f"STEP_{name}") for name in ("START", "SUCCESS", "FAILURE"))


def test_without_a_terminal_there_is_one_plain_line_per_finished_step():
    said, _ = printed((START, "als", None), (END, "als", 1500), (FAILED, "gate", 20), terminal=False)

    assert said == "  ok als 1.5 s\n  failed gate 0.0 s\n"


def test_on_a_terminal_the_step_at_work_is_named_until_it_ends():
    said, working = printed((START, "als", None), terminal=True)
    working.rest()
    done, ended = printed((START, "als", None), (END, "als", 1500), terminal=True)

    assert "als" in said
    assert "ok als 1.5 s" in done
    assert ended.working.task_ids == []


def test_other_lines_of_the_log_are_not_shown():
    said, _ = printed((dg.DagsterEventType.ASSET_MATERIALIZATION, "als", None), terminal=False)

    assert said == ""
