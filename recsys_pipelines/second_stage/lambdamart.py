"""LambdaMART (Burges, 2010, MSR-TR-2010-82) by LightGBM: trees that order each user's candidates for NDCG.

Nothing in it is random: no rows and no features are sampled, and histograms are built in one fixed order, so the same
lesson gives the same trees with any number of threads. A source that ranks an item higher can never count against it
(the features about ranks and scores are monotone). How many trees there should be is found on every fifth user; then
all users are learned from.
"""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import polars as pl

from data_contracts.errors import InvalidDocument
from recsys_algo.ranker import MOST_LEAVES, NODES, PER_SOURCE, feature_names
from recsys_pipelines.second_stage.errors import MissingExtra
from recsys_pipelines.second_stage.lessons import Lesson, users_with_hits

if TYPE_CHECKING:
    import lightgbm

MONOTONE = ("blend", "sources")  # beside what the sources say
FOLD = 5  # every fifth user is asked how many trees are enough
PATIENCE = 20  # trees without a gain
FEW = 200_000  # candidates: over fewer, several threads mostly wait for each other
SCHEMA = dict(
    zip(
        NODES,
        (pl.Int32, pl.Int32, pl.String, pl.Float64, pl.Boolean, pl.Int32, pl.Int32, pl.Float64),
        strict=True,
    )
)


class LambdaMart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Hyperparameters: those of the document's ``second_stage.settings``."""

    trees: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    leaves: Annotated[int, msgspec.Meta(ge=2, le=MOST_LEAVES)] = 15
    learning_rate: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.05
    candidates_in_leaf: Annotated[int, msgspec.Meta(ge=1)] = 100
    truncation: Annotated[int, msgspec.Meta(ge=1)] = 30  # pairs count if one of them stands so high
    seed: int = 1


def settings_of(settings: dict[str, Any], place: str) -> LambdaMart:
    """The hyperparameters of a document. Raises ``InvalidDocument`` that names the ``place``."""
    try:
        return msgspec.convert(settings, LambdaMart)
    except msgspec.ValidationError as error:
        takes = ", ".join(f"{each.name} (default {each.default!r})" for each in msgspec.structs.fields(LambdaMart))
        raise InvalidDocument(f"{place}: {error}; lambdamart takes {takes}") from error


def grown(lesson: Lesson, settings: LambdaMart) -> pl.DataFrame:
    """Trees as rows (columns ``ranker.NODES``), learned from the users of whom a candidate turned out right.

    Time grows with candidates x features x trees. Raises ``MissingExtra``.
    """
    library = _library()
    users = np.array(users_with_hits(lesson), np.int64)
    held_out = users[::FOLD] if len(users) >= 2 * FOLD else users[:0]
    rounds = settings.trees
    if len(held_out):
        rest = lesson.of_users(np.setdiff1d(users, held_out))
        rounds = _booster(library, rest, settings, lesson.of_users(held_out)).best_iteration or rounds
    booster = _booster(library, lesson.of_users(users), msgspec.structs.replace(settings, trees=rounds))
    return nodes_of(booster, feature_names(lesson.sources))


def nodes_of(booster: "lightgbm.Booster", features: tuple[str, ...]) -> pl.DataFrame:
    """Every node of every tree, the root of each tree first."""
    rows = []
    for number, tree in enumerate(booster.dump_model()["tree_info"]):
        found: list[dict[str, Any]] = []
        _collect(tree["tree_structure"], features, found)
        rows += [{"tree": number} | row for row in found]
    return pl.DataFrame(rows, SCHEMA, orient="row")


def _library() -> Any:
    try:
        import lightgbm  # noqa: PLC0415 - an extra, and 0.3 s to import
    except ImportError as error:
        raise MissingExtra(
            "a second stage of the model lambdamart needs LightGBM, the extra `ranker`: pip install "
            "'recsys-suite[pipelines,ranker]', or choose the model weights"
        ) from error
    except OSError as error:  # the library is there, and what it is linked to is not
        raise MissingExtra(f"LightGBM cannot be loaded: {error}; install OpenMP's runtime (libgomp1)") from error
    return lightgbm


def _booster(library: Any, lesson: Lesson, settings: LambdaMart, judge: Lesson | None = None) -> "lightgbm.Booster":
    names = feature_names(lesson.sources)
    train = _dataset(library, lesson)
    asked = {} if judge is None else {"valid_sets": [_dataset(library, judge, train)]}
    stop = [] if judge is None else [library.early_stopping(PATIENCE, verbose=False)]
    booster: lightgbm.Booster = library.train(
        parameters(settings, names, len(lesson.user)), train, settings.trees, callbacks=stop, **asked
    )
    return booster


def _dataset(library: Any, lesson: Lesson, like: Any = None) -> Any:
    sizes = np.bincount(lesson.user, minlength=len(lesson.wanted))
    return library.Dataset(
        lesson.matrix, lesson.relevant.astype(np.int32), group=sizes, reference=like, params={"verbosity": -1}
    )


def parameters(settings: LambdaMart, names: tuple[str, ...], rows: int) -> dict[str, Any]:
    """What LightGBM is told, for a lesson of so many rows."""
    monotone = [int(name in MONOTONE or name.rpartition(".")[2] in PER_SOURCE) for name in names]
    return {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [10],
        "lambdarank_truncation_level": settings.truncation,
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.candidates_in_leaf,
        "monotone_constraints": monotone,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1 if rows < FEW else 0,
        "verbosity": -1,
    }


def _collect(node: dict[str, Any], features: tuple[str, ...], rows: list[dict[str, Any]]) -> int:
    """Append the node and all below it; its number."""
    number = len(rows)
    rows.append({"node": number, "value": node.get("leaf_value")})
    if "split_feature" in node:
        missing_left = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
        left = _collect(node["left_child"], features, rows)
        right = _collect(node["right_child"], features, rows)
        rows[number] |= {
            "feature": features[node["split_feature"]],
            "threshold": node["threshold"],
            "missing_left": missing_left,  # where nothing was missing in training, LightGBM takes NaN for 0
            "left": left,
            "right": right,
        }
    return number
