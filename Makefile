# social gateway: every command a developer needs. `make` alone lists them.
#
# Every target depends on .venv, which plain pip installs from requirements.lock, so the machine's own pip configuration
# (mirror, proxy, certificates) is respected. Nothing here needs root, Docker, or a database server.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# Variables exported by the shell must not change what our Python imports. PYTHONDONTWRITEBYTECODE would slow each start.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
# Containers and services may have no home directory; tools would then write their caches anywhere.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/.venv/home
endif
export BUF_CACHE_DIR := $(CURDIR)/.venv/cache/buf

BIN   := .venv/bin
# The stamp's name contains a checksum of the folder's path: the scripts in .venv contain that path, so a checkout that was
# moved or copied creates its .venv again.
STAMP := .venv/.made-$(firstword $(shell pwd -P | cksum))
# Number of test processes (twice the cores, since many tests wait for other processes), which tests, further pytest options:
#   make test TESTS=tests/api ARGS="-k hygiene -x"
WORKERS ?= $(shell echo $$((2 * $$(nproc 2>/dev/null || echo 2))))
TESTS   ?= tests
ARGS    ?=

.PHONY: help setup lock protos protos-archive sbom licences docs lint type fresh shape test test-clients chaos simulate demo bench bench-scale profile check live

help: ## list the commands
	@echo "social gateway: make demo and make test need Python 3.11 or newer, and set up everything else themselves."
	@echo
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## create or update .venv (every other command does this first when it is needed)

$(STAMP): requirements.lock pyproject.toml .ci/setup
	@.ci/setup $@

lock: $(STAMP) ## resolve requirements.lock from pyproject.toml again
	@$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements.lock
	@if grep -n '://' requirements.lock; then echo "requirements.lock must not name a host" >&2; exit 1; fi

protos: $(STAMP) ## generate the Python code of the contract from protos/socialgateway
	@$(BIN)/python protos/generate.py

protos-archive: $(STAMP) ## pack the contract with its imports into dist/social-gateway-protos.tar.gz
	@$(BIN)/python protos/generate.py --archive dist/social-gateway-protos.tar.gz
	@echo dist/social-gateway-protos.tar.gz

sbom: $(STAMP) ## write what the product is made of to dist/social-gateway.cdx.json (CycloneDX)
	@$(BIN)/python -m tests.shape.sbom

licences: $(STAMP) ## print the licence of everything that the product is made of
	@$(BIN)/python -m tests.shape.sbom --licences

docs: $(STAMP) ## print docs/settings.md, errors.md and the tables of providers.md and metrics.md
	@$(BIN)/python -m gateway.cli.reference > docs/settings.md.new && mv docs/settings.md.new docs/settings.md
	@$(BIN)/python -m tests.api.print_errors > docs/errors.md.new && mv docs/errors.md.new docs/errors.md
	@$(BIN)/python -m gateway.cli.providers docs/providers.md
	@$(BIN)/python -m gateway.cli.metrics_page docs/metrics.md

lint: $(STAMP) ## ruff, import-linter and buf (style, import directions, the contract)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tests.shape
	@.ci/contract

type: $(STAMP) ## mypy, strict
	@$(BIN)/mypy

fresh: $(STAMP) ## check that the generated code is what protoc generates now
	@$(BIN)/python protos/generate.py --check

test: $(STAMP) ## the tests: parallel, against real servers, no network (TESTS=tests/api ARGS="-k name" select some)
	@$(if $(filter tests,$(TESTS)),.ci/chromium && .ci/node-packages && .ci/pgbouncer && .ci/promtool)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not live and not chaos and not shape and not clients" $(TESTS) $(ARGS)

test-clients: $(STAMP) ## the tests in other languages: stubs of each, and the examples as real programs
	@.ci/client-tools && .ci/node-packages
	@$(BIN)/python -m pytest -m clients tests/clients $(ARGS)

chaos: $(STAMP) ## the long tests: processes killed and frozen, a gibibyte sent, every fault and variant (some fifteen minutes)
	@$(if $(filter tests,$(TESTS)),.ci/chromium && .ci/pgbouncer)
	@CHAOS_POSTS=$(POSTS) CHAOS_SEED=$(SEED) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m chaos $(TESTS) $(ARGS)

simulate: $(STAMP) ## run seeds of the simulation: several gateways, virtual time, every fault (SEEDS=1000, SEED=7 replays one)
	@PYTHONHASHSEED=0 $(BIN)/python -m tests.simulation $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

demo: $(STAMP) ## publish a real video through the gateway to a simulated TikTok (FILE=my.mp4 uses your own)
	@$(BIN)/social-gateway demo $(if $(FILE),--file "$(FILE)")

bench: $(STAMP) ## measure what the gateway costs, beside bare servers and a bare script (some ten minutes)
	@$(BIN)/python -m tests.bench $(ARGS)

bench-scale: $(STAMP) ## measure how costs grow with size; --help names the measurements (all of them: an hour and more)
	@$(BIN)/python -m tests.bench.scale $(ARGS)

profile: $(STAMP) ## flame graphs of a publish run and of hot reads, in profiles/
	@$(BIN)/python -m tests.bench.profile

shape: $(STAMP) ## the tests of the code itself: import directions, lengths, a kill test for every failpoint
	@$(BIN)/python -m pytest -q -n $(WORKERS) tests/shape

check: lint type fresh shape ## everything about the code itself: lint, type, fresh, shape

live: $(STAMP) ## the tests against the real vendors: needs credentials, and lists what it will spend first
	@$(BIN)/python -m tests.live.costs
	@$(BIN)/python -m pytest -m live -rs tests/live $(ARGS)
