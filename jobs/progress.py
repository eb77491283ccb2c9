"""What a person sees while a run works: one line per step, with its time; plain lines where there is no terminal."""

import logging

import dagster as dg
from rich.console import Console

MARKS = {
    dg.DagsterEventType.STEP_START: "[dim]..[/]",
    dg.DagsterEventType.STEP_SUCCESS: "[green]ok[/]",
    dg.DagsterEventType.STEP_FAILURE: "[red]failed[/]",
    dg.DagsterEventType.STEP_SKIPPED: "[yellow]skipped[/]",
}


class StepLines(logging.Handler):
    """Prints the beginning and the end of each step, and nothing else of what Dagster logs."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """One line for a step event."""
        event: dg.DagsterEvent | None = getattr(record, "dagster_event", None)
        if event is None or event.step_key is None or event.event_type not in MARKS:
            return
        if event.event_type is dg.DagsterEventType.STEP_START and not self.console.is_terminal:
            return
        self.console.print(f"  {MARKS[event.event_type]} {event.step_key}{took(event)}", highlight=False)


def took(event: dg.DagsterEvent) -> str:
    """How long a finished step took."""
    duration_ms = getattr(event.event_specific_data, "duration_ms", None)
    return "" if duration_ms is None else f" [dim]{duration_ms / 1000:.1f} s[/]"


@dg.logger(None, description="One line per step on the terminal.")
def progress(_: dg.InitLoggerContext) -> logging.Logger:
    """The logger that `recsys run` chooses instead of Dagster's console log."""
    logger = logging.Logger("recsys.progress", logging.DEBUG)
    logger.addHandler(StepLines(Console(stderr=True)))
    return logger


@dg.logger(None, description="Says nothing.")
def silent(_: dg.InitLoggerContext) -> logging.Logger:
    """The logger of `recsys run --json`."""
    logger = logging.Logger("recsys.silent", logging.CRITICAL)
    logger.addHandler(logging.NullHandler())
    return logger
