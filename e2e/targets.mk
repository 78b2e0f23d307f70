# What lies in e2e/: proofs that need heavier parts. The Makefile at the top includes this file.

##@ proof

.PHONY: e2e
e2e: ## Test with tools that nobody here wrote, and print each judge with its count of cases
	@for tool in npm curl chromium redis-server; do command -v $$tool >/dev/null || \
	{ echo "make e2e needs $$tool, which is not installed; Debian has it as a package" >&2; exit 1; }; done
	cd e2e && npm ci --ignore-scripts --no-audit --no-fund
	cd e2e && $(GO) vet ./...
	@out=$$(mktemp) && trap 'rm -f "$$out"' EXIT && \
	{ (cd e2e && $(GO) test $(RACE) -count=1 -v . -rapid.checks=20000) > "$$out" 2>&1 || { cat "$$out"; exit 1; }; } && \
	grep -o 'judge .*' "$$out"
	cd e2e && $(GO) test $(RACE) -count=1 ./sharedcache

.PHONY: mutate
mutate: ## Break the contract and the wrapper, one fact at a time, and fail if the tests miss one
	cd e2e && $(GO) run ./mutate

.PHONY: stress
stress: ## Share one client and one source among 1,000 goroutines that give up at random, for a minute
	cd e2e && $(GO) test $(RACE) -count=1 -v ./stress -stress 60s

SOAK ?= -duration 10m
.PHONY: soak
soak: ## Make exchanges at full speed with 5 % faults for ten minutes, or as SOAK says
	cd e2e && $(GO) run ./soak $(SOAK)

.PHONY: load
load: ## Send an emulator 5,000 requests a second for 20 seconds
	cd e2e && $(GO) test -count=1 -v ./load

.PHONY: fleet
fleet: ## Simulate a day of 10,000 services with a token each, and with one for all
	cd e2e && $(GO) test -timeout 30m -count=1 -v ./fleet

.PHONY: chart
chart: ## Draw the picture of retries anew, from a real run
	cd e2e && $(GO) run ./chart > ../.github/retries.svg

.PHONY: consumer
consumer: ## Build and test a service that imports the client as a stranger would
	cd e2e/consumer && $(GO) build -mod=readonly -o /dev/null . && $(GO) test -mod=readonly ./...
	@cd e2e/consumer && echo "modules in its graph: $$($(GO) mod graph | cut -d' ' -f2 | cut -d@ -f1 | sort -u | wc -l); modules it compiles:" && \
	$(GO) list -deps -f '{{with .Module}}{{if not .Main}}  {{.Path}}{{end}}{{end}}' . | sort -u
