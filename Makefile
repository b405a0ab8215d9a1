# Every target has one line of help; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
SERVICES := services/orders services/realtime services/usda-ingest services/notify

# `make run` and `make up` start the same system in two ways; status, restart, logs and stop act on the one that runs.
define on_the_running_one
@if $(PYTHON) -m native running; then $(PYTHON) -m native $(1); else compose/control $(1); fi
endef

# Never beside each other, nor beside tests: they would measure each other.
define benchmark
$(PYTHON) -m native.environments --test services/orders tests && tests/.venv/bin/python -m tests.bench $(1)
endef

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: run
run: ## install what is missing and run everything as processes with demo data, until Ctrl-C
	@$(PYTHON) -m native run

.PHONY: up
up: ## build the images and run everything in containers, detached; volumes survive
	@compose/up

.PHONY: down
down: ## stop the containers of `make up`
	@compose/down

.PHONY: status
status: ## name, state and pid of each process
	$(call on_the_running_one,status)

.PHONY: restart
restart: ## restart one process without a failed request: make restart S=orders-web
	$(call on_the_running_one,restart "$(S)")

.PHONY: logs
logs: ## follow one process's log: make logs S=orders-web
	$(call on_the_running_one,logs "$(S)")

.PHONY: stop
stop: ## stop what `make run` or `make up` started
	@if $(PYTHON) -m native running; then $(PYTHON) -m native stop; else compose/down; fi

.PHONY: install
install: ## install what `make run` needs, and start nothing
	@$(PYTHON) -m native install

.PHONY: test
test: ## lint, types, unit, integration, contract, end-to-end and browser tests; containers too where Docker answers
	@$(PYTHON) -m tests.run

.PHONY: test-one
test-one: ## one suite of `make test`: make test-one S=services/orders
	@$(PYTHON) -m tests.run "$(S)"

.PHONY: bench
bench: ## the benchmarks, each beside its peer or limit in the same run, as a table of ratios (about 20 minutes)
	@$(call benchmark)

.PHONY: bench-orders
bench-orders: ## only ordering: the order page, placing, gunicorn beside pgbench and bare Flask, memory
	@$(call benchmark,orders)

.PHONY: bench-gateway
bench-gateway: ## only the gateway: restarts, order, overhead, memory, fairness, sockets, beside nginx, HAProxy and Caddy
	@$(call benchmark,gateway)

.PHONY: bench-fanout
bench-fanout: ## only realtime: updates per core-second, memory, drops, restarts, soak, beside Flask-SocketIO, FastAPI and websockets
	@$(call benchmark,fanout)

.PHONY: bench-ingest
bench-ingest: ## only usda-ingest: storing beside COPY and pandas, memory, a morning, forecasts, the series endpoint
	@$(call benchmark,ingest)

.PHONY: check
check: ## only lint, types and import rules
	@$(PYTHON) -m tests.run lint types imports

.PHONY: format
format: ## format the Python code
	@tests/.venv/bin/ruff format -q . && tests/.venv/bin/ruff check -q --fix .

.PHONY: lock
lock: ## pin the dependencies of every project anew, with hashes
	@$(PYTHON) -m native.environments --lock events demo tests gateway tests/bench/fanout/peers tests/bench/ingest/peers $(SERVICES)
