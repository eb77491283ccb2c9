# Two commands do it all on a machine with Python >= 3.11, make and a package index:
#   make demo    the main job on the embedded defaults
#   make test    the whole test suite
# Everything is installed into .venv from uv.lock; uv itself into .tools. Nothing else on the machine is touched.

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/bin/uv
BIN := .venv/bin
STAMP := .venv/.synced
PACKAGES := data_contracts recsys_algo recsys_pipelines recsys_eval serving assets jobs

export DAGSTER_DISABLE_TELEMETRY := yes
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help setup demo test gate check lint types imports licences serve ui golden bench clean
.DEFAULT_GOAL := help

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## install the locked dependencies into .venv

$(UV):
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet uv==$(UV_VERSION)

$(STAMP): pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --all-extras --compile-bytecode --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')"
	@$(BIN)/python -c "import implicit.cpu.als" || { echo "implicit needs OpenMP's runtime: apt-get install libgomp1, dnf install libgomp, brew install libomp"; exit 1; }
	@touch $(STAMP)

demo: $(STAMP)  ## raw events -> pipeline -> gate -> manifest -> recommendations, and what happened on the way
	$(BIN)/recsys demo

test: $(STAMP)  ## the whole test suite, with real servers that it starts itself
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

gate: $(STAMP)  ## the demo's recommendations against the last accepted ones: red if a change makes them worse
	for run in first again; do $(BIN)/python examples/release_gate/recommend.py .recsys/gate/$$run || exit 1; done
	$(BIN)/recsys-eval gate --candidate .recsys/gate/first/candidate.csv --repeat .recsys/gate/again/candidate.csv \
	  --incumbent examples/release_gate/incumbent.csv.gz --gate examples/release_gate/gate.json \
	  --truth .recsys/gate/first/truth.csv --train .recsys/gate/first/train.csv --catalog .recsys/gate/first/catalog.csv

check: $(STAMP) lint types imports  ## lint, types, import rules and the fast tests
	$(BIN)/pytest -q -m "not slow"

lint: $(STAMP)  ## formatting and lint rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

imports: $(STAMP)  ## who may import whom
	$(BIN)/pytest -q tests/test_architecture.py

licences: $(STAMP)  ## every file has a licence
	$(BIN)/reuse lint --quiet

serve: $(STAMP)  ## the HTTP server on http://127.0.0.1:8000 (docs at /docs)
	RECSYS_DEFAULT_TENANT=demo $(BIN)/recsys serve --port 8000 --workers 2

ui: $(STAMP)  ## Dagster's UI on http://127.0.0.1:3000
	$(BIN)/recsys ui --port 3000

golden: $(STAMP)  ## rewrite schemas and golden files; read the diff
	$(BIN)/python -m data_contracts.schema
	$(BIN)/python -m data_contracts.reference
	RECSYS_GOLDEN=write $(BIN)/pytest -q -n 2 --dist loadfile -k "golden"

bench: $(STAMP)  ## ratios measured in one run against the peer or the limit named; nothing is asserted
	env -u PYTHONDONTWRITEBYTECODE -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m benchmarks

clean:  ## remove the environment and all state
	rm -rf .venv .tools .recsys
