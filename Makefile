# social gateway: every command a developer needs. `make` alone prints them.
#
# One rule carries the others: .venv is made from requirements.lock by plain pip, so a machine's own pip configuration
# (mirror, proxy, certificates) is respected. Nothing here needs root, Docker, or a database server.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# What a shell happens to export must not decide what our Python imports; without byte code each start is slower.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
# Containers and services may have no home, and tools then write their caches in odd places.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/.venv/home
endif
export BUF_CACHE_DIR := $(CURDIR)/.venv/cache/buf

BIN   := .venv/bin
# The stamp carries the folder's checksum: a checkout that was moved or copied makes its .venv again, because the scripts
# in it name the old place.
STAMP := .venv/.made-$(firstword $(shell pwd -P | cksum))
# How many test processes (twice the cores: many tests wait for other processes), which tests, and further arguments of pytest:
#   make test TESTS=tests/api ARGS="-k hygiene -x"
WORKERS ?= $(shell echo $$((2 * $$(nproc 2>/dev/null || echo 2))))
TESTS   ?= tests
ARGS    ?=

.PHONY: help setup lock protos docs lint type fresh shape test chaos demo bench check live

help: ## print this
	@echo "social gateway: make demo and make test work on a bare machine with Python 3.11 or newer, and do all their set-up."
	@echo
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## make .venv with everything in it (every other command does this first, when something changed)

$(STAMP): requirements.lock pyproject.toml .ci/setup
	@.ci/setup $@

lock: $(STAMP) ## solve requirements.lock again from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements.lock
	@if grep -n '://' requirements.lock; then echo "requirements.lock must not name a host" >&2; exit 1; fi

protos: $(STAMP) ## make the Python code of the contract again, from protos/socialgateway
	@$(BIN)/python protos/generate.py

docs: $(STAMP) ## print the pages of docs that come from the code again
	@$(BIN)/python -m gateway.cli.reference > docs/settings.md.new && mv docs/settings.md.new docs/settings.md
	@$(BIN)/python -m tests.api.print_errors > docs/errors.md.new && mv docs/errors.md.new docs/errors.md
	@$(BIN)/python -m gateway.cli.providers docs/providers.md

lint: $(STAMP) ## ruff, import-linter and buf
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tests.shape
	@.ci/contract

type: $(STAMP) ## mypy, strict
	@$(BIN)/mypy

fresh: $(STAMP) ## say whether the generated code is what protoc makes now
	@$(BIN)/python protos/generate.py --check

test: $(STAMP) ## the tests, in parallel, against real servers; no network (TESTS=tests/api ARGS="-k name" narrow it)
	@$(if $(filter tests,$(TESTS)),.ci/chromium)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not live and not chaos and not shape" $(TESTS) $(ARGS)

chaos: $(STAMP) ## the long tests: real processes killed, frozen and fed a gibibyte, every fault and every variant (some ten minutes)
	@$(if $(filter tests,$(TESTS)),.ci/chromium)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m chaos $(TESTS) $(ARGS)

demo: $(STAMP) ## publish a real video through the gateway to a simulated TikTok (FILE=my.mp4 takes yours)
	@$(BIN)/social-gateway demo $(if $(FILE),--file "$(FILE)")

bench: $(STAMP) ## measure against bare servers on this machine, as ratios
	@$(BIN)/python -m tests.bench $(ARGS)

shape: $(STAMP) ## the tests that look at the code itself: what is where, how long, and killed in some test
	@$(BIN)/python -m pytest -q -n $(WORKERS) tests/shape

check: lint type fresh shape ## everything that is about the code and not what it does: lint, types, generated code, shape

live: $(STAMP) ## tests against the real vendors: needs credentials, and says what it spends before it does
	@$(BIN)/python -m tests.live.costs
	@$(BIN)/python -m pytest -m live -rs tests/live $(ARGS)
