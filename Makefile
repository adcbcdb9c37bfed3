# Each target needs git, make and Python >= 3.11, and makes or finds the rest: its own environment from
# requirements.lock, programs from the system's packages where it is root, or a line that says what it
# leaves out and why.
.POSIX:
.NOTPARALLEL:
SHELL = /bin/sh
PYTHON = .venv/bin/python
ARGS =
.PHONY: help demo demo-clones demo-fleet test conformance docs clients dashboard lint bench torture soak flood fuzz generate lock guest package reference-plugins env clean

help:
	@echo 'make demo      a real agent gives three VMs their networks, boots a guest, takes everything back'
	@echo 'make demo-clones  four guests from one snapshot run at once, each with an address of its own outside'
	@echo 'make demo-fleet  three agents in three hosts and an etcd: thirty VMs are placed, a host is lost, another drained'
	@echo 'make test      every test;  ARGS="-k redirect" for some'
	@echo 'make clients   the clients in every language, built and tested against a live agent;  ARGS=go for one'
	@echo 'make conformance   whether the agent keeps the contract, and the report'
	@echo 'make dashboard  every query of the dashboard, answered by a real Prometheus that reads a real agent under load'
	@echo 'make docs      the site of the documents, in build/site'
	@echo 'make lint      ruff, mypy, import contracts, fences, the contract and its generated code'
	@echo 'make bench     set-up and teardown, measured beside their peers'
	@echo 'make torture   1000 kills of the agent under load; ARGS="--kills 60 --seed 7" for others, ARGS=--every-step in turn'
	@echo 'make soak      10 minutes at half the top rate, nothing may grow; ARGS="--seconds 60 --seed 7" for others'
	@echo 'make flood     bad requests from 50 connections, an honest caller beside them; ARGS="--seconds 30" for longer'
	@echo 'make fuzz      what reads the words of others, 15 minutes each;  ARGS="netlink --seconds 60 --seed 7"'
	@echo 'make generate  the code that is made from protos/'
	@echo 'make lock      requirements.lock, anew'
	@echo 'make package   wheels and a Debian package, in build/package/out'
	@echo 'make guest     the guest that tests and demo boot;  ARGS=--from-source for a kernel built here'
	@echo 'make clean     forget what the targets made, but for the environment'

demo: env
	@tools/system_packages.sh iproute2 || true
	@tools/system_packages.sh qemu || true
	@$(PYTHON) -m tools.demo $(ARGS)

demo-clones: env
	@tools/system_packages.sh iproute2 qemu nftables || true
	@$(PYTHON) -m tools.demo.clones

demo-fleet: env
	@tools/system_packages.sh iproute2 etcd openssl || true
	@$(PYTHON) -m tools.fleet.demo $(ARGS)

test: env
	@tools/system_packages.sh iproute2 nftables gcc qemu go systemd etcd prometheus || true
	@if [ -x tools/reference_plugins.sh ] && command -v go >/dev/null; then \
		tools/reference_plugins.sh >/dev/null || echo 'left out: the reference plugins could not be installed' >&2; fi
	@tools/iptables.sh >/dev/null || true
	@$(PYTHON) -m tools.guest.build >/dev/null || true
	$(PYTHON) -m pytest $(ARGS)

clients: env
	@tools/system_packages.sh iproute2 openssl etcd || true
	@$(PYTHON) -m tools.clients $(ARGS)

conformance: env
	@tools/system_packages.sh iproute2 || true
	$(PYTHON) -m tests.conformance.against vmplumbd $(ARGS)

dashboard: env
	@tools/system_packages.sh iproute2 prometheus
	@$(PYTHON) -m tools.dashboard $(ARGS)

docs: env
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict $(ARGS)

lint: env
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON) tools/fences.py
	$(PYTHON) tools/contract/lint.py
	$(PYTHON) tools/etcd/generate.py --check
	$(PYTHON) -m tools.clients --stale
	$(PYTHON) -m tools.docs.architecture --check

bench: env
	@tools/system_packages.sh iproute2 nftables gcc go || true
	@test -f bench/__main__.py || { echo 'make bench: this version has no benchmark yet' >&2; exit 1; }
	$(PYTHON) -m bench $(ARGS)

torture: env
	@tools/system_packages.sh iproute2 || true
	$(PYTHON) -m tools.torture $(ARGS)

fuzz: env
	$(PYTHON) -m tools.fuzz $(ARGS)

flood: env
	@tools/system_packages.sh iproute2 || true
	$(PYTHON) -m tools.flood $(ARGS)

soak: env
	@tools/system_packages.sh iproute2 || true
	$(PYTHON) -m tools.soak $(ARGS)

generate: env
	$(PYTHON) tools/contract/generate.py
	$(PYTHON) tools/etcd/generate.py
	$(PYTHON) -m tools.clients --write

lock: env
	tools/lock.sh $(ARGS)
	@tools/env.sh

guest: env
	$(PYTHON) -m tools.guest.build $(ARGS)

reference-plugins:
	@tools/system_packages.sh go
	tools/reference_plugins.sh

env:
	@tools/env.sh

package: env
	@tools/system_packages.sh go || true
	$(PYTHON) -m tools.package.build $(ARGS)

clean:
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
