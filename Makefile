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

##@ daily

# $(call targets,GROUPS) prints the targets of groups; a target belongs to the last ##@ before it.
targets = @awk -F ':.*\#\# ' -v groups="$(1)" '/^\#\#@ / { group = substr($$0, 5) } \
	/^[a-z0-9-]+:.*\#\# / { text[group] = text[group] sprintf("  %-14s %s\n", $$1, $$2) } \
	END { n = split(groups, name, " "); for (i = 1; i <= n; i++) printf "%s\n%s", name[i], text[name[i]] }' $(MAKEFILE_LIST)

.PHONY: start
start: # what make does by itself
	$(call targets,daily)
	@echo "make help shows the rest: the contract, the proofs, the release."

.PHONY: help
help: ## Show all targets
	$(call targets,daily contract proof release)

.PHONY: demo
demo: ## Get a token from the emulator, which fails once, so that the retry shows
	$(GO) run ./cmd/pctoken get --emulator --fault 500 --verbose

.PHONY: test
test: verify ## Vet, verify and run all tests, with the race detector where there is a C compiler
	$(GO) vet ./...
	$(if $(RACE),,@echo "no C compiler: running the tests without the race detector")
	$(GO) test $(RACE) -shuffle=on ./...
	@$(GO) test -run '^TestContractMatrix$$' -v ./wrapper | grep -o 'matrix: .*'

.PHONY: build
build: ## Build bin/pctoken
	$(GO) build -trimpath -buildvcs=auto -o bin/pctoken ./cmd/pctoken

.PHONY: lint
lint: ## Check the formatting, the code of all modules and the workflows; make e2e lints the contract
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "run gofmt -w $$unformatted" >&2; exit 1; }
	$(GO) run $(GOLANGCI) run ./...
	cd e2e && $(GO) run $(GOLANGCI) run ./...
	cd bench && $(GO) run $(GOLANGCI) run ./...
	$(GO) run $(ACTIONLINT)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist

##@ contract

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

# A warning fails it as well: a property that is no longer promised is a field that Go users no longer have.
.PHONY: breaking
breaking: ## Fail if the contract breaks users of the one at a git ref: make breaking BASE=HEAD
	@[ -n "$(BASE)" ] || { echo "name the git ref to compare with: make breaking BASE=HEAD" >&2; exit 2; }
	@base=$$(mktemp) && trap 'rm -f "$$base"' EXIT && \
	git show "$(BASE):api/openapi.yaml" > "$$base" && \
	$(GO) run $(OASDIFF) breaking --fail-on WARN "$$base" api/openapi.yaml

.PHONY: api
api: ## Fail if the Go API breaks users of the one at a git ref: make api BASE=HEAD
	@[ -n "$(BASE)" ] || { echo "name the git ref to compare with: make api BASE=HEAD" >&2; exit 2; }
	@base=$$(mktemp -d) && trap 'git worktree remove --force "$$base/tree"; rm -rf "$$base"' EXIT && \
	git worktree add --quiet --detach "$$base/tree" "$(BASE)" && \
	(cd "$$base/tree" && $(GO) run $(APIDIFF) -m -w "$$base/api" github.com/partnercenter-go/generatetoken) && \
	changes=$$($(GO) run $(APIDIFF) -m -incompatible "$$base/api" github.com/partnercenter-go/generatetoken) && \
	if [ -n "$$changes" ]; then echo "$$changes"; exit 1; fi && echo "no incompatible change since $(BASE)"

##@ proof

# The tests' bearers and tokens are called so. A test that fails may print one; one that passes must not.
.PHONY: canary
canary: ## Fail if the whole test suite prints a secret
	@out=$$(mktemp) && trap 'rm -f "$$out"' EXIT && \
	{ $(GO) test -count=1 -v ./... > "$$out" 2>&1 || { cat "$$out"; exit 1; }; } && \
	if grep -n canary "$$out"; then echo "the tests print a secret" >&2; exit 1; fi && \
	echo "no secret in $$(wc -l < "$$out") lines of test output"

FUZZTIME ?= 1m
.PHONY: fuzz
# Go spends up to a minute on making each new input smaller; a fuzzer that runs for minutes has better to do.
fuzz: ## Run each fuzz target for a minute, or for FUZZTIME
	@for package in ./wrapper ./emulator; do \
	for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	echo "$$target" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$package || exit 1; done; done

include e2e/targets.mk bench/targets.mk

##@ release

# What ships may have these licences; tests and benchmarks may have MPL as well.
.PHONY: licences
licences: ## List the licences of all dependencies, and fail for one that is not allowed
	@list=$$(mktemp) && trap 'rm -f "$$list"' EXIT && \
	check() { (cd $$1 && $(GO) mod download && $(GO) mod verify && $(GO) list -m -json all | $(GO) run $(LICENCES) \
	-includeIndirect -rules "$(CURDIR)/e2e/licences/$$2.json" \
	-depsTemplate "$(CURDIR)/e2e/licences/list.tmpl" -depsOut "$$list" && cat "$$list"); } && \
	check . shipped && check e2e tests && check bench tests

.PHONY: vulncheck
vulncheck: ## Look the dependencies up in Go's database of vulnerabilities, which needs the network
	@if curl --silent --fail --max-time 10 --output /dev/null https://vuln.go.dev/index/db.json; then \
	$(GO) run $(VULNCHECK) ./...; else echo "vulncheck: skipped, for there is no way to vuln.go.dev from here"; fi

.PHONY: release-files
release-files: build ## Make the manual pages and completions that a release brings, in bin/
	rm -rf bin/man bin/completions && mkdir -p bin/completions
	bin/pctoken man bin/man
	for shell in bash zsh fish; do bin/pctoken completion $$shell > bin/completions/pctoken.$$shell || exit 1; done
	bin/pctoken completion powershell > bin/completions/pctoken.ps1

# buildah builds without a daemon, also within a container. The image is in bin/image, and goes where IMAGE says.
BUILDAH := buildah --storage-driver vfs --root $(CURDIR)/bin/image/root --runroot $(CURDIR)/bin/image/run
IMAGE   ?= oci:$(CURDIR)/bin/image/pctoken
.PHONY: image
image: ## Build the emulator's container image with buildah: make image IMAGE=docker-daemon:pctoken:latest
	@command -v buildah > /dev/null || { echo "make image needs buildah; Debian has it as a package" >&2; exit 1; }
	CGO_ENABLED=0 GOOS=linux $(GO) build -trimpath -buildvcs=auto -o bin/image/linux/$$($(GO) env GOARCH)/pctoken ./cmd/pctoken
	$(BUILDAH) build --isolation chroot --platform linux/$$($(GO) env GOARCH) --tag pctoken --file cmd/pctoken/Dockerfile bin/image
	$(BUILDAH) push pctoken $(IMAGE)
	@container=$$($(BUILDAH) from pctoken) && $(BUILDAH) run --isolation chroot "$$container" -- /pctoken version
	@echo "image: $(IMAGE)$(if $(filter oci:%,$(IMAGE)),; to run it: podman run --rm -p 127.0.0.1:8080:8080 \"\$$(podman pull -q $(IMAGE))\")"

# A software bill of materials needs syft, which the release workflow installs.
.PHONY: snapshot
snapshot: ## Build what a release would be, in dist/, without releasing it
	$(GO) run $(GORELEASER) check
	$(GO) run $(GORELEASER) release --snapshot --clean --skip=publish$$(command -v syft > /dev/null || echo ,sbom)$$(docker info > /dev/null 2>&1 || echo ,docker)

.PHONY: release
release: ## Release the tag that is checked out, as a draft; the release workflow runs it
	$(GO) run $(GORELEASER) release --clean
