# attestlog. `make` lists what there is.

SHELL := /bin/bash
# Pure Go: the binaries are static, and no C compiler is needed.
export CGO_ENABLED := 0

FUZZTIME ?= 10s
SECONDS_EACH ?= 10

.DEFAULT_GOAL := help
.PHONY: help verifier build test demo lint fuzz bench race clean postgresql circom chromium

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: verifier ## Build the programs into bin/
	@go build -trimpath -o bin/ ./cmd/...

test: postgresql circom chromium verifier ## Run every test; installs PostgreSQL, Node.js and Chromium if they are missing
	@scripts/test

demo: postgresql build ## Play the whole story on real data; the server stays up until Ctrl-C (ONCE=1: it does not)
	@scripts/demo $(if $(ONCE),--once)

lint: ## gofmt, go vet, golangci-lint with the import walls
	@scripts/lint

race: postgresql ## Run the tests of ledger, api and attestlogd under the race detector; needs a C compiler
	@CGO_ENABLED=1 go test -race -timeout 35m ./ledger/... ./api/... ./cmd/attestlogd/...

fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@scripts/fuzz $(FUZZTIME)

bench: postgresql build ## Measure log, http, prove, verify, worker, monitor and web, SECONDS_EACH (10) a case; one JSON object a line
	@for area in log http prove verify worker monitor web; do bin/attestlog-bench $$area --seconds $(SECONDS_EACH) || exit 1; done

clean: ## Remove what was built
	rm -rf bin .cache

verifier: # for browsers; what embeds it is built after it
	@go run ./web/verifier/build -quiet

postgresql:
	@scripts/install-postgresql

circom:
	@scripts/install-circom

chromium:
	@scripts/install-chromium
