from importlib.metadata import EntryPoint
from typing import ClassVar

import msgspec
import numpy as np
import polars as pl
import pytest

from data_contracts.policies import EmbeddingSettings
from recsys_pipelines.embeddings.encoder import GROUP, configured, discover, encoded
from recsys_pipelines.embeddings.errors import BrokenEncoder
from recsys_pipelines.embeddings.svd import Svd


class Ones(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plugin: every text is the same to it."""

    width: int = 384

    name: ClassVar[str] = "ones"
    learns: ClassVar[bool] = False

    def fit(self, texts):
        return pl.DataFrame()

    def open(self, learned, folder):
        return self

    @property
    def id(self):
        return "ones/1"

    def encode(self, texts):
        return np.full((len(texts), self.width), self.width**-0.5, np.float32)


class Impostor(Ones, frozen=True, forbid_unknown_fields=True):
    name: ClassVar[str] = "svd"


def found(value, name="plugin"):
    """An entry point that loads as an installed one would; importlib knows this module by its name alone."""
    return Point(name, value)


class Point:
    """What `importlib.metadata.EntryPoint` is to discovery."""

    def __init__(self, name, target):
        self.name, self.value, self._target = name, f"package:{name}", target

    def load(self):
        return self._target


def test_the_default_needs_no_download():
    assert configured(EmbeddingSettings(), "shop") == Svd()


def test_settings_come_from_the_document():
    assert configured(EmbeddingSettings(settings={"terms": 7}), "shop") == Svd(terms=7)


def test_an_installed_encoder_is_found_by_its_name():
    plugins = [found(Ones)]

    encoding = configured(EmbeddingSettings(encoder="ones"), "shop", plugins)

    assert sorted(discover(plugins)) == ["ones", "onnx", "svd"]
    assert encoded(encoding.open(encoding.fit(["a"]), None), ["a", "", "b"]).any(axis=1).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        pytest.param(found(Impostor), "names its encoder 'svd', but there is one already", id="a name that is taken"),
        pytest.param(found(object), "must give a msgspec.Struct class with name, learns, fit, open", id="no encoder"),
        pytest.param(
            EntryPoint("gone", "no.such.module:Encoder", GROUP),
            "cannot be imported: ModuleNotFoundError",
            id="not importable",
        ),
    ],
)
def test_a_broken_plugin_is_named(plugin, message):
    with pytest.raises(BrokenEncoder, match=f"entry point '{plugin.name}' .* {message}"):
        discover([plugin])


def test_another_width_is_an_error_that_names_both():
    with pytest.raises(BrokenEncoder, match=r"ones/1 gave \(2, 5\) for 2 texts; 384 numbers for each"):
        encoded(Ones(width=5), ["a", "b"])
