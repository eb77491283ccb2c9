"""The ONNX encoder on a real model of a few lines and a real tokenizer: an embedding table, looked up per token."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from recsys_pipelines.embeddings.errors import BrokenEncoder, EncoderUnavailable
from recsys_pipelines.embeddings.index import read_index
from recsys_pipelines.embeddings.onnx import Onnx

WORDS = ("[PAD]", "[UNK]", "red", "blue", "kettle", "tent")
TABLE = np.random.default_rng(1).normal(size=(len(WORDS), 384)).astype(np.float32)


def export(folder, table=TABLE, *, pooled=False, inputs=("input_ids", "attention_mask", "token_type_ids")):
    """A model whose output per token is its row of the table; ``pooled`` gives the rows of the first tokens only."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["tokens"])]
    if pooled:
        nodes.append(helper.make_node("ReduceMax", ["tokens", "axis"], ["out"], keepdims=0))
    nodes[-1].output[0] = "out"
    shape = ["texts", table.shape[1]] if pooled else ["texts", "tokens", table.shape[1]]
    graph = helper.make_graph(
        nodes,
        "lookup",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"]) for name in inputs],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1]), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / "model.onnx"))
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture
def model(tmp_path):
    export(tmp_path / "model")
    return tmp_path


def opened(folder, **settings):
    encoding = Onnx(folder="model", **settings)
    return encoding.open(encoding.fit([]), folder)


def unit(*words):
    mean = np.mean([TABLE[WORDS.index(word)] for word in words], axis=0)
    return mean / np.linalg.norm(mean)


def test_a_vector_is_the_mean_of_the_tokens_made_of_length_one(model):
    vectors = opened(model).encode(["red kettle", "tent"])

    assert (vectors.shape, vectors.dtype) == ((2, 384), np.float32)
    assert vectors == pytest.approx(np.stack([unit("red", "kettle"), unit("tent")]), abs=1e-6)


def test_padding_counts_for_nothing(model):
    alone, among = opened(model).encode(["tent"]), opened(model).encode(["tent", "red blue kettle tent"])

    assert among[0] == pytest.approx(alone[0], abs=1e-6)


def test_batches_are_put_together_in_order(model):
    texts = ["red", "blue", "kettle", "tent", "red tent"]

    assert opened(model, batch=2).encode(texts) == pytest.approx(opened(model).encode(texts), abs=1e-6)


def test_only_so_many_tokens_are_read(model):
    assert opened(model, max_tokens=1).encode(["tent red"])[0] == pytest.approx(unit("tent"), abs=1e-6)


def test_a_model_that_asks_for_fewer_inputs_gets_them(tmp_path):
    export(tmp_path / "model", inputs=("input_ids",))

    assert opened(tmp_path).encode(["tent"])[0] == pytest.approx(unit("tent"), abs=1e-6)


def test_a_model_that_pools_itself_is_taken_as_it_is(tmp_path):
    export(tmp_path / "model", pooled=True)

    assert opened(tmp_path).encode(["tent"])[0] == pytest.approx(unit("tent"), abs=1e-6)


def test_another_width_is_an_error_that_names_both(tmp_path):
    export(tmp_path / "model", TABLE[:, :300])

    with pytest.raises(BrokenEncoder, match=r"model\.onnx gives 300 numbers per text, but the index holds 384"):
        opened(tmp_path).encode(["tent"])


def test_missing_files_are_named(tmp_path):
    with pytest.raises(EncoderUnavailable, match=r"needs model\.onnx and tokenizer\.json in .*model"):
        opened(tmp_path)


def test_another_model_tokenizer_or_length_is_another_encoder(model, tmp_path):
    ids = {opened(model).id, opened(model, max_tokens=7).id}
    export(tmp_path / "model", TABLE * 2)
    ids.add(opened(tmp_path).id)
    (tmp_path / "model" / "tokenizer.json").write_text("{}")
    ids.add(opened(tmp_path).id)

    assert len(ids) == 4


def test_settings_of_speed_are_not(model):
    assert opened(model).id == opened(model, batch=1).id


def test_an_index_of_a_model_of_ones_own(index):
    export(index.folder / "model")
    index.settings = {"encoder": "onnx", "settings": {"folder": "model"}}

    first = index.refresh({"a": "red kettle", "b": "tent"})
    second = index.refresh({"a": "red kettle", "b": "blue tent"})

    assert (first.encoded, second.encoded, second.fitted) == (2, 1, False)
    vectors = dict(read_index(index.lake, "shop").select("item_id", "vector").iter_rows())
    assert vectors["b"] == pytest.approx(unit("blue", "tent"), abs=1e-6)


def test_a_new_model_encodes_everything_again(index):
    export(index.folder / "model")
    index.settings = {"encoder": "onnx", "settings": {"folder": "model"}}
    index.refresh({"a": "red kettle", "b": "tent"})
    export(index.folder / "model", np.roll(TABLE, 1, axis=1))

    assert index.refresh({"a": "red kettle", "b": "tent"}).encoded == 2


def test_from_the_default_to_a_model_of_ones_own_everything_is_encoded_again(index):
    index.refresh({"a": "red kettle", "b": "tent"})
    export(index.folder / "model")
    index.settings = {"encoder": "onnx", "settings": {"folder": "model"}}

    done = index.refresh({"a": "red kettle", "b": "tent"})

    assert done.encoded == 2
    assert done.embeddings["encoder"].unique().to_list() == [done.record.encoder]


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers"])
def test_without_the_extra_the_error_says_what_to_install(model, missing):
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"  # what an import finds where nothing is installed
        "from pathlib import Path\n"
        "from recsys_pipelines.embeddings.onnx import Onnx\n"
        "encoding = Onnx(folder='model')\n"
        f"encoding.open(encoding.fit([]), Path({str(model)!r})).encode(['tent'])\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert f"EncoderUnavailable: the encoder onnx needs {missing}" in ended.stderr
    assert "pip install 'recsys-suite[embeddings]'" in ended.stderr
