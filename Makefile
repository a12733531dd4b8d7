# Every target is a short call of a script or a Go command; `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export CGO_ENABLED ?= 0
PHASE := scripts/phase.sh

.PHONY: help up down test unit integration e2e bench lint generate images build

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## start a local Kubernetes (or use $KUBECONFIG), install Matriarch, run the demonstration
	@scripts/up.sh

down: ## stop the local Kubernetes and remove what it left on the machine
	@scripts/down.sh

build: ## build the operator, the agent and the local cluster's programs into bin/
	@$(PHASE) "build operator and agent" scripts/build.sh
	@$(PHASE) "build local Kubernetes" local/build.sh

images: ## assemble the server, operator and agent images (cached by content)
	@$(PHASE) "images" scripts/images.sh

generate: ## regenerate deep copies, CRDs, RBAC and catalogs
	@$(PHASE) "generate" scripts/generate.sh

lint: ## gofmt, go vet, staticcheck, and that generated files are current
	@$(PHASE) "lint" scripts/lint.sh

test: unit integration e2e ## run every test

unit: ## tests without servers: seconds
	@$(PHASE) "unit tests" scripts/test.sh unit

integration: ## tests on a real API server and real PostgreSQL, PgBouncer, Pgpool processes
	@$(PHASE) "integration tests" scripts/test.sh integration

e2e: ## tests on a whole cluster, as a user would
	@$(PHASE) "end to end tests" scripts/test.sh e2e

bench: ## measure, print a table, keep it in docs/benchmarks.md
	@$(PHASE) "benchmark" scripts/bench.sh
