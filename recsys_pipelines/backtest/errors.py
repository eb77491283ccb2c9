"""What can be wrong with a backtest.

BacktestError
|- UnusableFile     a file lacks a column, has no rows, or holds a value that is not what its column should be
|- UnknownChoice    an algorithm, a setting or a split that does not exist, or one that cannot be used as asked
|- FailedRun        the process of an algorithm ended without a result
"""


class BacktestError(Exception):
    """A comparison cannot be made as asked."""


class UnusableFile(BacktestError):
    """The message names file, column, row and value, and what to do."""


class UnknownChoice(BacktestError):
    """The message says what there is to choose from."""


class FailedRun(BacktestError):
    """An algorithm could not be run; the message says which one and why."""
