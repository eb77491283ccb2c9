"""``recsys-eval gate``: whether a candidate may replace the incumbent."""

from recsys_eval.contest import Contest
from recsys_eval.fixture import Fixture
from recsys_eval.spoken import say


def gate(contest: Contest, fixture: Fixture) -> int:
    """Whether a candidate may replace the incumbent: exit code 0 promoted, 2 rejected or suspicious, 3 ungated.

    Both are measured on the same truth. The difference per user is bootstrapped; a candidate is rejected if it is
    certainly worse, or breaks a guardrail: it covers much less of the catalog, leans more on what is popular, leaves
    more users without any recommendation, answers too slowly, or harms a slice of users or items.

    `recsys-eval gate --candidate new.csv --incumbent old.csv --truth truth.csv --catalog items.csv`
    """
    verdict = contest.judge(fixture).verdict
    say(verdict)
    return verdict.exit_code
