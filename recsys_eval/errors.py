"""What can be wrong with an evaluation.

EvaluationError
|- InvalidFrame      a table breaks its contract: column, type, null, range, repeated row
|- NothingToEvaluate there is no relevant item, or no event to split
|- Leak              the future stands in the training data, or the past in the test data
|- DifferentUsers    candidate and incumbent were not measured on the same users
|- UnknownMetric     a metric of that name was not measured
|- UnreadableFile    a file cannot be read as the table that it should hold
"""


class EvaluationError(Exception):
    """An evaluation cannot be trusted, or cannot be made. Exit code 1.

    Stability: public
    """


class InvalidFrame(EvaluationError):
    """A table breaks its contract; the message names table, rule, offending value and remedy.

    Stability: public
    """


class NothingToEvaluate(EvaluationError):
    """There is no relevant item to find, so every score would be a made-up zero.

    Stability: public
    """


class Leak(EvaluationError):
    """A split lets the future into training, or the past into the test.

    Stability: public
    """


class DifferentUsers(EvaluationError):
    """Candidate and incumbent were measured on different users, so their difference means nothing.

    Stability: public
    """


class UnknownMetric(EvaluationError):
    """The metric was not measured; the message lists those that were.

    Stability: public
    """


class UnreadableFile(EvaluationError):
    """A file is missing, broken, or lacks a column of the table that it should hold.

    Stability: public
    """
