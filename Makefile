# What can be done here. `make` alone lists it.

GO      ?= go
BIN     := bin/infinirouter
TOOL    := $(GO) tool -modfile=.ci/tools.mod
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)

# Flags of `make test`, time of each target in `make fuzz`, arguments of `make bench`.
TESTFLAGS ?= -shuffle=on
FUZZTIME  ?= 30s
BENCHARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo build policies test check bench bench-quick bench-report fuzz clients clean

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## run the router in front of two fake services, on port 8000
	@$(BIN) demo

build: ## build bin/infinirouter
	@test -e $(BIN) || echo "building $(BIN) (the first time takes up to a minute)"
	@$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o $(BIN) ./cmd/infinirouter

policies: build ## compile the policies to policies/*.wasm
	@$(BIN) policy build

test: policies ## run all tests
	$(GO) test $(TESTFLAGS) ./...

check: ## check format, vet, lint, import law and tidiness
	@unformatted=$$($(TOOL) gofumpt -l bench cmd host plugins policies sdk) && \
		{ test -z "$$unformatted" || { echo "gofumpt -w is needed by:"; echo "$$unformatted"; exit 1; }; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(GO) mod tidy -diff
	$(GO) test -count=1 -run '^(TestImportLaw|TestLawCatchesBreaches|TestPackagesHaveNamesAndDocs|TestTopLevelFolders|TestNothingIsCommittedThatShouldNotBe|TestToolsAreNotDependencies)$$' ./cmd/infinirouter

bench: ## measure the router and its peers over loopback, some twelve minutes: bin/bench/report.html
	@$(GO) run ./bench/run -rounds 3 $(BENCHARGS)

bench-quick: ## the same at a glance, under 90 s
	@$(GO) run ./bench/run -quick $(BENCHARGS)

bench-report: ## the same with more rounds, half an hour on a quiet machine, into bench/README.md
	@$(GO) run ./bench/run -rounds 7 -readme bench/README.md $(BENCHARGS)

fuzz: policies ## fuzz every parser for FUZZTIME each
	@.ci/fuzz $(FUZZTIME)

clients: policies ## run the official OpenAI clients against the router
	@.ci/clients/run

clean: ## remove what was built
	rm -rf bin .cache .ci/clients/node/node_modules
	rm -f policies/*.wasm
