"""A sentence encoder of the user's own, exported to ONNX: tokens in, vectors averaged over the tokens of a text.

Any model of sentence-transformers with 384 numbers can be exported so: `docs/explanation/features-and-embeddings.md`.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.feature_tables import DIMENSIONS
from recsys_pipelines.embeddings.errors import BrokenEncoder, EncoderUnavailable

VERSION = "1"
MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
_CHUNK = 1 << 20


class Onnx(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``folder`` holds ``model.onnx`` and ``tokenizer.json``; a relative one begins beside the tenant's document.

    ``threads`` of more than 1 may change the last digits; the time grows with texts and tokens, memory with ``batch``.
    """

    folder: str
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] = 256
    batch: Annotated[int, msgspec.Meta(ge=1)] = 32
    threads: Annotated[int, msgspec.Meta(ge=1)] = 1

    name: ClassVar[str] = "onnx"
    learns: ClassVar[bool] = False

    def fit(self, texts: Sequence[str]) -> pl.DataFrame:
        """Nothing."""
        return pl.DataFrame()

    def open(self, learned: pl.DataFrame, folder: Path) -> "Sentences":
        """The encoder. Raises ``EncoderUnavailable`` that says what to install or which file is missing."""
        place = folder / self.folder
        missing = [name for name in (MODEL, TOKENIZER) if not (place / name).is_file()]
        if missing:
            raise EncoderUnavailable(f"the encoder onnx needs {' and '.join(missing)} in {place}")
        return Sentences(self, place)


class Sentences:
    """The model and its tokenizer, loaded when the first text comes."""

    def __init__(self, settings: Onnx, folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    @cached_property
    def id(self) -> str:
        """Changes with the model's files, the tokenizer and the number of tokens."""
        digest = hashlib.sha256(str(self._settings.max_tokens).encode())
        for path in (*sorted(self._folder.glob(f"{MODEL}*")), self._folder / TOKENIZER):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        return f"onnx/{VERSION}/{digest.hexdigest()[:16]}"

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One row of length 1 per text. Raises ``BrokenEncoder`` for a model of another width."""
        size = self._settings.batch
        return np.concatenate([self._batch(texts[start : start + size]) for start in range(0, len(texts), size)])

    def _batch(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        tokens = self._tokenizer.encode_batch(list(texts))
        mask = np.array([each.attention_mask for each in tokens], np.int64)
        given = {
            "input_ids": np.array([each.ids for each in tokens], np.int64),
            "attention_mask": mask,
            "token_type_ids": np.array([each.type_ids for each in tokens], np.int64),
        }
        asked = {node.name: given[node.name] for node in self._session.get_inputs() if node.name in given}
        output = self._session.run(None, asked)[0]
        vectors = _averaged(output, mask) if output.ndim == 3 else output  # noqa: PLR2004  (texts, tokens, numbers)
        if vectors.shape[1:] != (DIMENSIONS,):
            raise BrokenEncoder(
                f"{self._folder / MODEL} gives {vectors.shape[-1]} numbers per text, but the index holds {DIMENSIONS}; "
                f"export a model of {DIMENSIONS}"
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: npt.NDArray[np.float32] = (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
        return unit

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            import tokenizers  # noqa: PLC0415  (of the extra `embeddings`, which most installations do without)
        except ImportError as error:
            raise _missing("tokenizers") from error
        tokenizer = tokenizers.Tokenizer.from_file(str(self._folder / TOKENIZER))
        tokenizer.enable_truncation(self._settings.max_tokens)
        tokenizer.enable_padding()
        return tokenizer

    @cached_property
    def _session(self) -> Any:
        try:
            import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415  (likewise)
        except ImportError as error:
            raise _missing("onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = self._settings.threads
        return onnxruntime.InferenceSession(
            str(self._folder / MODEL), sess_options=options, providers=["CPUExecutionProvider"]
        )


def _averaged(output: npt.NDArray[np.float32], mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """The mean over the tokens that are not padding."""
    weights = mask[:, :, None].astype(np.float32)
    mean: npt.NDArray[np.float32] = (output * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0)
    return mean


def _missing(name: str) -> EncoderUnavailable:
    return EncoderUnavailable(
        f"the encoder onnx needs {name}, which is not installed: pip install 'recsys-suite[embeddings]'"
    )
