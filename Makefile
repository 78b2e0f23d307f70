GO ?= go
# Tools that are no part of the module: run at a fixed version, out of go.mod.
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
LICENCES := go.elastic.co/go-licence-detector@v0.11.1
APIDIFF   := golang.org/x/exp/cmd/apidiff@v0.0.0-20261014143641-f0251eb4aa3e
GORELEASER := github.com/goreleaser/goreleaser/v2@v2.16.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
VULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
OASDIFF   := github.com/oasdiff/oasdiff@v1.33.0

# The race detector needs cgo, and cgo needs a C compiler.
CC_FOUND := $(shell CC="$$($(GO) env CC)"; [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v "$${CC%% *}")
RACE     := $(if $(CC_FOUND),-race)

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: generate
generate: ## Make gen/ anew from the contract, the overlay and the settings in api/
	$(GO) generate ./...

# Compares with what is on disk, not with what is committed, so that it holds in the middle of a change as well. The
# overlay is applied strictly: an action that matches nothing fails it.
.PHONY: verify
verify: ## Fail if gen/ is not what api/ generates
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && \
	$(GO) run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen \
		-config api/oapi-codegen.yaml -o "$$fresh/gen.go" api/openapi.yaml && \
	{ diff -u gen/gen.go "$$fresh/gen.go" && [ "$$(ls gen)" = gen.go ] || \
	{ echo "gen/ is not what api/ generates: run 'make generate' and commit the result" >&2; exit 1; }; }

.PHONY: test
test: verify ## Vet, verify and run all tests, with the race detector where there is a C compiler
	$(GO) vet ./...
	$(if $(RACE),,@echo "no C compiler: running the tests without the race detector")
	$(GO) test $(RACE) -shuffle=on ./...
	@$(GO) test -run '^TestContractMatrix$$' -v ./wrapper | grep -o 'matrix: .*'

.PHONY: mutate
mutate: ## Break the contract and the wrapper, one fact at a time, and fail if the tests miss one
	cd e2e && $(GO) run ./mutate

.PHONY: e2e
e2e: ## Test with tools that nobody here wrote: Prism, Redocly, Spectral, curl, MSAL, Chromium, Redis
	@for tool in npm curl chromium redis-server; do command -v $$tool >/dev/null || \
	{ echo "make e2e needs $$tool, which is not installed; Debian has it as a package" >&2; exit 1; }; done
	cd e2e && npm ci --ignore-scripts --no-audit --no-fund
	cd e2e && npm run --silent lint
	cd e2e && $(GO) vet ./... && $(GO) test $(RACE) -count=1 . -rapid.checks=20000
	cd e2e && $(GO) test $(RACE) -count=1 ./sharedcache

# The tests' bearers and tokens are called so. A test that fails may print one; one that passes must not.
.PHONY: canary
canary: ## Fail if the whole test suite prints a secret
	@out=$$(mktemp) && trap 'rm -f "$$out"' EXIT && \
	{ $(GO) test -count=1 -v ./... > "$$out" 2>&1 || { cat "$$out"; exit 1; }; } && \
	if grep -n canary "$$out"; then echo "the tests print a secret" >&2; exit 1; fi && \
	echo "no secret in $$(wc -l < "$$out") lines of test output"

FUZZTIME ?= 1m
.PHONY: fuzz
fuzz: ## Run each fuzz target for a minute, or for FUZZTIME
	@for package in ./wrapper ./emulator; do \
	for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	echo "$$target" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; done; done

.PHONY: stress
stress: ## Share one client and one source among 1,000 goroutines that give up at random, for a minute
	cd e2e && $(GO) test $(RACE) -count=1 -v ./stress -stress 60s

SOAK ?= -duration 10m
.PHONY: soak
soak: ## Make exchanges at full speed with 5 % faults for ten minutes, or as SOAK says
	cd e2e && $(GO) run ./soak $(SOAK)

.PHONY: bench
bench: ## Measure this client beside what a user would pick instead, and write the table into the README (four minutes)
	cd bench && $(GO) run ./report -write ../README.md

.PHONY: bench-check
bench-check: ## Run each benchmark briefly, and fail if a ratio is beyond its bound
	cd bench && $(GO) vet ./... && $(GO) run ./report -count 10 -check bounds.json

.PHONY: bench-once
bench-once: ## Run each benchmark once, so that all keep working
	cd bench && $(GO) test -run '^$$' -bench . -benchtime 1x .

.PHONY: weight
weight: ## Print what importing each package adds to a program
	cd bench && $(GO) run ./weight

.PHONY: chart
chart: ## Draw the README's picture of retries anew, from a real run
	cd e2e && $(GO) run ./chart > ../.github/retries.svg

.PHONY: load
load: ## Send an emulator 5,000 requests a second for 20 seconds
	cd e2e && $(GO) test -count=1 -v ./load

.PHONY: fleet
fleet: ## Simulate a day of 10,000 services, with a token each and with one for all (six minutes)
	cd e2e && $(GO) test -timeout 30m -count=1 -v ./fleet

# A warning fails it as well: a property that is no longer promised is a field that Go users no longer have.
.PHONY: breaking
breaking: ## Fail if the contract breaks users of the one at a git ref: make breaking BASE=HEAD
	@[ -n "$(BASE)" ] || { echo "name the git ref to compare with: make breaking BASE=HEAD" >&2; exit 2; }
	@base=$$(mktemp) && trap 'rm -f "$$base"' EXIT && \
	git show "$(BASE):api/openapi.yaml" > "$$base" && \
	$(GO) run $(OASDIFF) breaking --fail-on WARN "$$base" api/openapi.yaml

.PHONY: api
api: ## Fail if the Go API breaks users of the one at a git ref: make api BASE=v1.0.0
	@[ -n "$(BASE)" ] || { echo "name the git ref to compare with: make api BASE=HEAD" >&2; exit 2; }
	@base=$$(mktemp -d) && trap 'git worktree remove --force "$$base/tree"; rm -rf "$$base"' EXIT && \
	git worktree add --quiet --detach "$$base/tree" "$(BASE)" && \
	(cd "$$base/tree" && $(GO) run $(APIDIFF) -m -w "$$base/api" github.com/partnercenter-go/generatetoken) && \
	changes=$$($(GO) run $(APIDIFF) -m -incompatible "$$base/api" github.com/partnercenter-go/generatetoken) && \
	if [ -n "$$changes" ]; then echo "$$changes"; exit 1; fi && echo "no incompatible change since $(BASE)"

.PHONY: demo
demo: ## Get a token from the emulator, which fails once, so that the retry shows
	$(GO) run ./cmd/pctoken get --emulator --fault 500 --verbose

.PHONY: build
build: ## Build bin/pctoken
	$(GO) build -trimpath -buildvcs=auto -o bin/pctoken ./cmd/pctoken

.PHONY: release-files
release-files: build ## Make the manual pages and completions that a release brings, in bin/
	rm -rf bin/man bin/completions && mkdir -p bin/completions
	bin/pctoken man bin/man
	for shell in bash zsh fish; do bin/pctoken completion $$shell > bin/completions/pctoken.$$shell || exit 1; done
	bin/pctoken completion powershell > bin/completions/pctoken.ps1

# A software bill of materials needs syft, which the release workflow installs.
.PHONY: snapshot
snapshot: ## Build what a release would be, in dist/, without releasing it
	$(GO) run $(GORELEASER) check
	$(GO) run $(GORELEASER) release --snapshot --clean --skip=publish$$(command -v syft > /dev/null || echo ,sbom)

.PHONY: release
release: ## Release the tag that is checked out, as a draft; the release workflow runs it
	$(GO) run $(GORELEASER) release --clean

.PHONY: consumer
consumer: ## Build and test a service that imports the client as a stranger would
	cd e2e/consumer && $(GO) build -mod=readonly -o /dev/null . && $(GO) test -mod=readonly ./...
	@cd e2e/consumer && echo "modules in its graph: $$($(GO) mod graph | cut -d' ' -f2 | cut -d@ -f1 | sort -u | wc -l); modules it compiles:" && \
	$(GO) list -deps -f '{{with .Module}}{{if not .Main}}  {{.Path}}{{end}}{{end}}' . | sort -u

.PHONY: lint
lint: ## Check the formatting and the code of both modules; make e2e lints the contract
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "run gofmt -w $$unformatted" >&2; exit 1; }
	$(GO) run $(GOLANGCI) run ./...
	cd e2e && $(GO) run $(GOLANGCI) run ./...
	cd bench && $(GO) run $(GOLANGCI) run ./...
	$(GO) run $(ACTIONLINT)

# What ships may have these licences; tests and benchmarks may have MPL as well.
.PHONY: licences
licences: ## List the licences of all dependencies, and fail for one that is not allowed
	@check() { (cd $$1 && $(GO) mod download && $(GO) mod verify && $(GO) list -m -json all | $(GO) run $(LICENCES) \
	-includeIndirect -rules "$(CURDIR)/e2e/licences/$$2.json" \
	-depsTemplate "$(CURDIR)/e2e/licences/list.tmpl" -depsOut /dev/stdout); } && check . shipped && check e2e tests && check bench tests

.PHONY: vulncheck
vulncheck: ## Look the dependencies up in Go's database of vulnerabilities, which needs the network
	@if curl --silent --fail --max-time 10 --output /dev/null https://vuln.go.dev/index/db.json; then \
	$(GO) run $(VULNCHECK) ./...; else echo "vulncheck: skipped, for there is no way to vuln.go.dev from here"; fi

.PHONY: clean
clean: ## Remove what build made
	rm -rf bin
