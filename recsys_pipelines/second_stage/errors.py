"""What can be wrong with a second stage.

SecondStageError
|- MissingExtra    LightGBM is not installed, and the tenant's document asks for trees
|- NotLearned      a candidate is to be made, but its second stage was not learned with the document's settings
|- Leak            a fit knows what its second stage is to learn from
"""

from data_contracts.errors import ContractError


class SecondStageError(ContractError):
    """A second stage cannot be learned or used as asked."""


class MissingExtra(SecondStageError):
    """LightGBM is not installed."""


class NotLearned(SecondStageError):
    """The second stage of this day was not learned, or with other settings."""


class Leak(SecondStageError):
    """The sources have seen the outcomes that the second stage would learn from."""
