"""`recsys backtest`: what would work on my data?"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn
from rich.table import Column, Table

from data_contracts.errors import ContractError
from jobs.asked import Files, Splitting, Weights, lengths, listed, writable

if TYPE_CHECKING:
    from recsys_pipelines.backtest.record import Backtest, Result
    from recsys_pipelines.backtest.splitting import Plan, Posed

WIDTH = 150  # of the table where nobody says how wide a line may be
SHOWN = ("ndcg", "precision", "recall", "map", "hit_rate", "coverage")


def backtest(  # noqa: PLR0913  (the options of one question)
    *,
    files: Files = Files(),  # noqa: B008  (frozen)
    splitting: Splitting = Splitting(),  # noqa: B008  (frozen)
    weights: Weights = Weights(),  # noqa: B008  (frozen)
    algorithms: str = "",
    set: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    k: str = "10",
    blend: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    blend_by: Literal["rank", "score"] = "rank",
    seed: int = 0,
    json: Path | None = None,
    html: Path | None = None,
) -> None:
    """Fit algorithms on one part of your data, rank for the users of another, and say how good each one is.

    It needs no tenant. Every algorithm runs in a process of its own, so that time and memory are its own. Items that a
    user had in train are not recommended. Of items with equal scores, those that the user chose stand last.

    `recsys backtest --train train.csv --test test.csv --algorithms als,popularity --set als.factors=32 --json out.json`

    `recsys backtest --interactions events.parquet --split time --k 5,10,20`

    Parameters
    ----------
    algorithms
        Separated by commas; default: all. A label makes a second one: als,wide=als
    set
        A setting, such as als.factors=32; may be repeated.
    k
        Lengths of lists, separated by commas; algorithms are compared by NDCG at the last one.
    blend
        Also blend what runs, by weights such as ease=1,als=0.5, or `learned` ones, from train alone; may be repeated.
    blend_by
        Blend by rank, as the server does, or by each list's scores between its lowest and its highest.
    seed
        The same files, settings and seed give the same numbers.
    json
        Write all results to this file.
    html
        Write them as a page for people to this file.
    """
    from recsys_pipelines.backtest.backtest import Ask  # noqa: PLC0415  (Polars, SciPy: only when asked)
    from recsys_pipelines.backtest.backtest import backtest as run  # noqa: PLC0415
    from recsys_pipelines.backtest.blending import parsed  # noqa: PLC0415
    from recsys_pipelines.backtest.choosing import chosen  # noqa: PLC0415
    from recsys_pipelines.backtest.running import Terms  # noqa: PLC0415

    writable(json, html)
    found = chosen(listed(algorithms), set)
    plan = splitting.plan(given=files.interactions is None)
    ask = Ask(
        plan=plan,
        terms=Terms(weighing=weights.weighing(), seed=seed),
        k=lengths(k),
        blends=tuple(parsed(each, found, blend_by) for each in blend),
    )
    posed = questions(files, plan)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for warning in posed.warnings:
        console.print(f"warning: {warning}", markup=False)
    with progress(console) as told:
        report = run(posed, found, ask, told=told)
    for note in report.warnings[len(posed.warnings) :]:
        console.print(f"warning: {note}", markup=False)
    write(report, json, html)
    shown = Console(highlight=False)
    show(shown if shown.is_terminal else Console(highlight=False, width=WIDTH), report)


def write(report: "Backtest", json: Path | None, html: Path | None) -> None:
    """The report as files, where they are wanted."""
    from recsys_pipelines.backtest.page import page  # noqa: PLC0415  (Jinja)

    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if html is not None:
        html.write_text(page(report), encoding="utf-8")


def questions(files: Files, plan: "Plan") -> "Posed":
    """The files as questions."""
    from recsys_pipelines.backtest.data import read_candidates, read_events, read_items  # noqa: PLC0415
    from recsys_pipelines.backtest.splitting import Sides, given, split  # noqa: PLC0415

    columns = files.columns()
    sides = Sides(
        None if files.items is None else read_items(files.items),
        None if files.candidates is None else read_candidates(files.candidates, columns),
    )
    if files.interactions is not None:
        if files.train or files.test:
            raise ContractError("give either --interactions, or --train and --test")
        return split(read_events(files.interactions, columns, whole=True), plan, sides)
    if files.train is None or files.test is None:
        raise ContractError("give --train TRAIN and --test TEST, or --interactions FILE")
    return given(read_events(files.train, columns, whole=True), read_events(files.test, columns), plan, sides)


@contextmanager
def progress(console: Console) -> Iterator[Any]:
    """Tells on standard error what runs and, when it is done, what it took."""
    working = Progress(SpinnerColumn(), "{task.description}", TimeElapsedColumn(), console=console, transient=True)

    def told(label: str, result: "Result | None") -> None:
        if result is None:
            working.add_task(label, total=None)
            return
        for task in working.task_ids:
            working.remove_task(task)
        took = f"fit {result.fit_s:.1f} s, recommend {result.recommend_s:.1f} s, {result.peak_mb:,.0f} MB"
        console.print(f"  [green]ok[/] {label} [dim]{took}[/]")

    with working if console.is_terminal else _nothing():
        yield told


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def show(console: Console, report: "Backtest") -> None:
    """The results as a table, best first, and who is ahead."""
    cut = report.protocol.k[-1]
    names = [f"{name}@{cut}" for name in SHOWN]
    table = Table(Column("algorithm", no_wrap=True), *names, "fit s", "recommend s", "peak MB")
    for result in sorted(report.results, key=lambda each: (-each.metrics[names[0]], each.algorithm)):
        values = [f"{result.metrics[name]:.4f}" if name in result.metrics else "-" for name in names]
        costs = (f"{result.fit_s:.1f}", f"{result.recommend_s:.1f}", f"{result.peak_mb:,.0f}")
        table.add_row(result.algorithm, *values, *costs)
    console.print(table)
    for each in report.comparisons[:1]:
        sure = "" if each.certain else "; that may be chance"
        console.print(
            f"{each.better} is ahead of {each.than} by {each.difference:.4f} {each.metric} "
            f"({each.low:+.4f} to {each.high:+.4f} with {each.confidence:.0%} confidence){sure}",
            markup=False,
        )
