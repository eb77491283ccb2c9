"""An experiment as one page for people, and as files: the decision first, then why, then all that it rests on."""

from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recsys_eval.errors import UnreadableFile
from recsys_eval.experiment.charts import lifts
from recsys_eval.experiment.facts import Experiment, Ruling
from recsys_eval.pages import TEMPLATES, signed

OWN = Path(__file__).parent / "templates"
HEADLINES: dict[Ruling, str] = {
    "ship": "Ship {variant}.",
    "hold": "Do not decide yet.",
    "rollback": "Go back to {control}.",
}


def html(experiment: Experiment) -> str:
    """One self-contained page: styles and drawings inside, no script, no address of anything elsewhere.

    Stability: experimental
    """
    environment = Environment(
        loader=FileSystemLoader([OWN, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"signed": signed, "number": number, "count": count, "chance": chance}
    return environment.get_template("experiment.html.j2").render(
        experiment=experiment,
        plan=experiment.plan,
        headline=HEADLINES[experiment.decision].format(variant=experiment.variant, control=experiment.plan.control),
        drawing=lifts("lifts", experiment.comparisons),
        shown=_shown(experiment),
    )


def schema() -> bytes:
    """The JSON Schema of the decision, as checked in beside this module.

    Stability: experimental
    """
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Experiment)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def read(path: Path) -> Experiment:
    """The decision in a JSON file. Raises ``UnreadableFile`` that names the file and the place of the error.

    Stability: experimental
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Experiment)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path} is not the decision of an experiment: {error}") from error


def number(value: float | None) -> str:
    """A value with four digits that count.

    >>> number(0.0123), number(1234.5), number(None)
    ('0.0123', '1,234', '-')
    """
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"  # noqa: PLR2004  # no decimals among thousands


def chance(p_value: float | None) -> str:
    """A p-value as people need it.

    >>> chance(0.0351), chance(3e-8), chance(None)
    ('0.035', '< 0.0001', '-')
    """
    if p_value is None:
        return "-"
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.2g}"  # noqa: PLR2004  # no more digits mean anything


def count(value: int) -> str:
    """A whole number that is easy to read.

    >>> count(12345)
    '12,345'
    """
    return f"{value:,}"


def _shown(experiment: Experiment) -> object:
    """The primary comparison of the arm that is shipped, or else of the first treatment."""
    variant = experiment.variant or experiment.plan.treatments[0]
    return next(each for each in experiment.comparisons if each.role == "primary" and each.variant == variant)
