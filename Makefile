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
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: run
run: ## install what is missing and run everything as processes with demo data, until Ctrl-C
	@$(PYTHON) -m native run

.PHONY: up
up: ## build the images and run everything in containers, detached; volumes survive
	@compose/up

.PHONY: dev
dev: ## like `make up`, but changes of the Python sources are served at once; a page for mails, the database on this machine
	@compose/up dev

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

.PHONY: self-test
self-test: ## what stands between notify and a delivered mail: make self-test A="--to you@hub.example"
	$(call on_the_running_one,self-test $(A))

.PHONY: digest
digest: ## what this week's price digest would tell; make digest A=--now makes it, once in its week
	$(call on_the_running_one,digest $(A))

.PHONY: invite-admin
invite-admin: ## the first admin, or another: make invite-admin A='you@hub.example --name "Your Name"'
	$(call on_the_running_one,invite-admin $(A))

.PHONY: events
events: ## watch events, dead letters, what was lost: make events A="tail 'orders.>'", A=lag, A="dlq list", A="replay --since 2h"
	$(call on_the_running_one,events $(A))

.PHONY: backup
backup: ## take a backup of the containers' databases now, besides the one of each night
	@compose/backup now

.PHONY: backups
backups: ## list the backups
	@compose/backup list

.PHONY: restore-drill
restore-drill: ## restore the newest backup into a server of its own and check it
	@compose/backup drill

.PHONY: restore
restore: ## put a backup in place of what the databases hold: make restore FROM=newest; A=--check only looks
	@compose/restore $(FROM) $(A)

.PHONY: deploy
deploy: ## bring out the release that lies here, in containers, without a failed request; A=--check only looks
	@compose/deploy $(A)

.PHONY: rollback
rollback: ## go back to the release before
	@compose/rollback

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

.PHONY: bench-notify
bench-notify: ## only notify: 2,000 confirmations at once, a reset that overtakes them, order to mail, memory (about 4 minutes)
	@$(call benchmark,notify)

.PHONY: bench-images
bench-images: ## only the images: building them again after a line of code, a dependency, a commit (needs Docker)
	@$(call benchmark,images)

.PHONY: sbom
sbom: ## write what is in each built image to .sbom/, as CycloneDX
	@$(PYTHON) -m native.environments --test tests && tests/.venv/bin/python -m tests.sbom

.PHONY: faults
faults: ## every fault in its full length, in containers and as processes, and a table of what each cost (about 25 minutes)
	@$(PYTHON) -m native.environments --test tests && tests/.venv/bin/python -m tests.faults

.PHONY: explore
explore: ## the tests that make their examples up, with many of them and others each time; A="services/orders" (an hour and more)
	@$(PYTHON) -m native.environments --test events $(SERVICES) gateway && $(PYTHON) -m tests.explore $(A)

.PHONY: check
check: ## only lint, types and import rules
	@$(PYTHON) -m tests.run lint types imports

.PHONY: format
format: ## format the Python code
	@tests/.venv/bin/ruff format -q . && tests/.venv/bin/ruff check -q --fix .

.PHONY: lock
lock: ## pin the dependencies of every project anew, with hashes
	@$(PYTHON) -m native.environments --lock . native events demo backup tests gateway tests/bench/fanout/peers tests/bench/ingest/peers $(SERVICES)
