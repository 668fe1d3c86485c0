# `make demo` and `make test` are all that is needed on a machine with Python 3.11 or newer; both set up what they use.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# What a shell happens to have set must not matter.
unexport PYTHONDONTWRITEBYTECODE PYTHONHASHSEED PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS
unexport PYTEST_ADDOPTS NINELIVES_HOME

# Besides the version that `python3` is, tests run on these where they are installed.
OTHER_PYTHONS := 3.12 3.13
PYTEST := bin/python -m pytest --numprocesses auto -q

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: .venv/.run ## run the main job on a real input, kill it in the middle, resume it, and say what happened
	@.venv/bin/python demo/run.py

.PHONY: test
test: .venv/.dev ## run the tests; on the other Pythons a sample of them
	@NINELIVES_TESTS=quick $(MAKE) --no-print-directory other-pythons
	.venv/$(PYTEST)

.PHONY: test-all
test-all: .venv/.dev ## run the full matrix: every test on every Python
	@NINELIVES_TESTS=all $(MAKE) --no-print-directory other-pythons
	NINELIVES_TESTS=all .venv/$(PYTEST)

.PHONY: other-pythons
other-pythons: .venv/.dev
	@main=$$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	for version in $(OTHER_PYTHONS); do \
	    [ $$version != $$main ] || continue; \
	    python=$$(.ci/python $$version) || { echo "no Python $$version here: its tests are left out"; continue; }; \
	    [ "$$NINELIVES_TESTS" != all ] || rm -f .venv-$$version/.dev; \
	    $(MAKE) --silent .venv-$$version/.dev OTHER_PYTHON=$$python || exit 1; \
	    echo ".venv-$$version/$(PYTEST)"; \
	    .venv-$$version/$(PYTEST) || exit 1; \
	done

.PHONY: soak
soak: .venv/.dev ## check generated programs for MINUTES=10; REPLAY=FILE runs one again that failed
	@PYTHONPATH=src:tests .venv/bin/python -m generated.soak --minutes $(or $(MINUTES),10) \
	    $(if $(SEED),--seed $(SEED)) $(if $(KIND),--kind $(KIND)) $(if $(REPLAY),--replay $(REPLAY))

.PHONY: lint
lint: .venv/.dev ## check style, types and the arrows between packages
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

.PHONY: format
format: .venv/.dev ## let ruff format, and repair what it can
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

.PHONY: protos
protos: .venv/.dev ## make the code of src/ninelives/runners/remote/wire from its protos; a test holds that it is that
	.venv/bin/python -m grpc_tools.protoc -I src --python_out=src --pyi_out=src src/ninelives/runners/remote/wire/*.proto

.PHONY: bench
bench: .venv-bench/.bench ## measure, peers beside us, and print the table
	.venv-bench/bin/python benchmarks/run.py

.PHONY: lock
lock: .venv/.dev ## resolve the dependencies anew, with the hashes of all platforms' files
	.venv/bin/python -m pip install --quiet uv
	.ci/lock

.PHONY: clean
clean: ## remove everything that the commands above made
	rm -rf .venv .venv-* .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist

.venv/.run: requirements/run.txt requirements/build.txt pyproject.toml
	@.ci/venv .venv "" requirements/run.txt requirements/build.txt
	@touch $@

.venv/.dev: requirements/dev.txt requirements/libraries.txt pyproject.toml
	@.ci/venv .venv "" requirements/dev.txt requirements/libraries.txt
	@touch $@ .venv/.run

.venv-bench/.bench: requirements/bench.txt pyproject.toml
	@.ci/venv .venv-bench "" requirements/bench.txt
	@touch $@

# The libraries' programs run on the other Pythons in `make test-all` only: they take a minute to install.
.venv-%/.dev: requirements/dev.txt requirements/libraries.txt pyproject.toml
	@.ci/venv .venv-$* "$(OTHER_PYTHON)" requirements/dev.txt $(if $(filter all,$(NINELIVES_TESTS)),requirements/libraries.txt)
	@touch $@
