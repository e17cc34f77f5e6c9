# FlexPrint Tracker. Plain `make` prints the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# The workspace lists what it needs; `requirements.lock` pins it with hashes. Both are exported, neither holds an address.
LOCKS  := requirements-setup.lock requirements.lock
export UV_PYTHON_DOWNLOADS := never
SYSTEM_PACKAGES := chromium libreoffice-calc poppler-utils fonts-dejavu-core iproute2 nftables snmpd \
	wine wine64 gcc-mingw-w64-x86-64-win32 cups cups-client cups-ipp-utils avahi-daemon dbus

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-system lint format bench bench-system pictures lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## make the virtual environment from the lock files

$(VENV)/.ready: $(LOCKS) agent/pyproject.toml server/pyproject.toml shared/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "FlexPrint needs Python 3.11 or newer; point PYTHON at one: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.lock
	$(BIN)/uv pip sync --quiet --system-certs --python $(BIN)/python --require-hashes $(LOCKS)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation -e shared -e agent -e server
	@touch $@

demo: setup ## the main job on a simulated office; DEMO=once ends by itself
	$(BIN)/python -m tests.lab.demo $(if $(filter once,$(DEMO)),--once)

# Half of the suite is waiting for other programs, so that two cores have work for three.
test: lint ## linters, types, and all tests that need no Debian packages, on real PostgreSQL and a Redis-protocol server
	$(BIN)/python -m pytest -n 3 -m "not system"
	@echo "Tests of browsers, LibreOffice, networks, Windows and CUPS need Debian packages: make test-system"

lint: setup ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test-system: setup ## install the Debian packages of the browser, LibreOffice, network, Windows and CUPS tests, then run
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends $(SYSTEM_PACKAGES)
	PYTHONPATH=tests $(BIN)/python -m services.windows
	$(BIN)/python -m pytest -m system

bench: setup ## measure against peers side by side; writes docs/benchmarks.md
	$(BIN)/python -m bench

bench-system: setup ## install the Debian packages of the peers (those that there are), then measure
	apt-get update -qq
	for peer in gcc libc6-dev snmp onesixtyone braa nmap glpi-agent-task-network fusioninventory-agent-task-network; do \
		apt-get install -y -qq --no-install-recommends $$peer || echo "$$peer: not here, so it is left out"; done
	$(BIN)/python -m bench

pictures: setup ## draw the pictures of the README again (needs what `make test-system` installs)
	PYTHONPATH=tests $(BIN)/python tests/pictures.py

lock: ## resolve again and export the pins (for developers; needs the network)
	$(BIN)/uv lock --upgrade
	$(BIN)/uv export --quiet --locked --all-packages --all-groups --no-emit-workspace --no-header -o requirements.lock
	echo 'uv' | $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate - -o requirements-setup.lock

clean: ## remove what the targets made
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .hypothesis
