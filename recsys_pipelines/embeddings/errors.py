"""What can be wrong with encoders and with what they made.

EmbeddingError
|- BrokenEncoder        an encoder does not give what it must: 384 numbers per text, or an encoder at all
|- EncoderUnavailable   what an encoder needs is not installed, or its files are not there
|- UnhealthyIndex       the vectors may not be used: a check of the index failed, or nobody has checked it
"""


class EmbeddingError(Exception):
    """Texts cannot be embedded, or their vectors may not be used."""


class BrokenEncoder(EmbeddingError):
    """An encoder does not give what it must."""


class EncoderUnavailable(EmbeddingError):
    """What an encoder needs is not installed, or its files are not there."""


class UnhealthyIndex(EmbeddingError):
    """The vectors may not be used: a check of the index failed, or nobody has checked it."""
