"""What a person sees while a run works: one line per step, with its time; plain lines where there is no terminal."""

import logging

import dagster as dg
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

ENDS = {
    dg.DagsterEventType.STEP_SUCCESS: "[green]ok[/]",
    dg.DagsterEventType.STEP_FAILURE: "[red]failed[/]",
    dg.DagsterEventType.STEP_SKIPPED: "[yellow]skipped[/]",
}


class StepLines(logging.Handler):
    """A line when a step ends; on a terminal, a spinner that names the one at work. Nothing else of Dagster's log."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self.working = Progress(
            SpinnerColumn(), "{task.description}", TimeElapsedColumn(), console=console, transient=True
        )

    def emit(self, record: logging.LogRecord) -> None:
        """React to a step that begins or ends."""
        event: dg.DagsterEvent | None = getattr(record, "dagster_event", None)
        if event is None or event.step_key is None:
            return
        if event.event_type is dg.DagsterEventType.STEP_START and self.console.is_terminal:
            self.working.add_task(event.step_key, total=None)
            self.working.start()
        elif event.event_type in ENDS:
            self.rest()
            self.console.print(f"  {ENDS[event.event_type]} {event.step_key}{took(event)}", highlight=False)

    def rest(self) -> None:
        """No step is at work."""
        if self.working.live.is_started:
            self.working.stop()
        for task in self.working.task_ids:
            self.working.remove_task(task)


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
