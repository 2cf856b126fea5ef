# Tidemark. `make` alone prints this help.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
CONVERT := .venv-convert
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help run test test-server test-convert bench bench-faults check audit kafka clean lock

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(STAMP) ## Set up everything and run the whole pipeline on real documents (tidemark demo)
	$(BIN)/tidemark demo $(ARGS)

test: $(DEV_STAMP) ## Set up everything and run the tests
	$(BIN)/pytest $(ARGS)

test-server: $(DEV_STAMP) ## The warehouse's contract on the server of TIDEMARK_CLICKHOUSE, in a scratch database
	@case "$$TIDEMARK_CLICKHOUSE" in clickhouse://*|clickhouses://*) ;; \
	  *) echo "set TIDEMARK_CLICKHOUSE to a server: clickhouse://user@host:8123/any" >&2; exit 2;; esac
	$(BIN)/pytest tests/contract/test_warehouse_contract.py -k server $(ARGS)

test-convert: $(CONVERT)/.installed ## Converted models against PyTorch, in an environment of its own (downloads 3 GB)
	$(CONVERT)/bin/python -m pytest tests/integration/test_models_pytorch.py tests/integration/test_models_train_writer.py $(ARGS)

bench: $(DEV_STAMP) ## Benchmarks: the pipeline, or ARGS="throughput", "soak", "encoder", "drift", "guard", "trends", "families", "card"
	$(BIN)/python -m tests.bench $(ARGS)

bench-faults: $(DEV_STAMP) ## Kill, stop and starve every part at full size; count what is lost or doubled
	$(BIN)/python -m tests.fault $(ARGS)

check: $(DEV_STAMP) ## Lint, format, strict types, known vulnerabilities (where they can be asked for)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.audit --where-reachable

audit: $(DEV_STAMP) ## Ask osv.dev whether a locked package has a known vulnerability
	$(BIN)/python -m tests.audit

kafka: $(STAMP) ## Run a local Apache Kafka in the foreground (Java 17); other commands share it (ARGS="--nodes 3")
	$(BIN)/tidemark broker $(ARGS)

clean: ## Remove the virtual environment, caches, weights and embedded data
	rm -rf $(VENV) $(CONVERT) .tidemark .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

lock: ## Renew requirements*.lock (needs uv)
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --extra build pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --extra build --extra dev -c requirements.lock \
	  pyproject.toml -o requirements-dev.lock
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --extra eval -c requirements.lock \
	  pyproject.toml -o requirements-eval.lock
	echo 'torch>=2.4' | uv pip compile --universal --python-version 3.10 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-emit-find-links -c requirements-dev.lock - \
	  -o requirements-convert.lock

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) \
	  else "Tidemark needs Python 3.10 to 3.13, this is %d.%d: run make PYTHON=python3.11" % v)'
	$(PYTHON) -m venv $(VENV)

$(STAMP): $(BIN)/python requirements.lock pyproject.toml
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_STAMP): $(STAMP) requirements-dev.lock
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

# PyTorch stays out of the other one, which lends it everything else.
$(CONVERT)/.installed: $(DEV_STAMP) requirements-convert.lock
	$(PYTHON) -m venv --clear $(CONVERT)
	$(CONVERT)/bin/pip install --quiet --require-hashes -r requirements-convert.lock
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > "$$($(CONVERT)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tidemark-tests.pth"
	@touch $@
