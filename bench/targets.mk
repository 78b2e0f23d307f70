# What lies in bench/: this client beside others. The Makefile at the top includes this file.

##@ proof

.PHONY: bench
bench: ## Measure this client beside what a user would pick instead, and write the table into bench/README.md (a minute and a half)
	cd bench && $(GO) run ./report -write README.md

.PHONY: bench-check
bench-check: ## Run each benchmark briefly, and fail if a ratio is beyond its bound
	cd bench && $(GO) vet ./... && $(GO) run ./report -count 10 -check bounds.json

.PHONY: bench-once
bench-once: ## Run each benchmark once, so that all keep working
	cd bench && $(GO) test -run '^$$' -bench . -benchtime 1x .

.PHONY: weight
weight: ## Print what importing each package adds to a program
	cd bench && $(GO) run ./weight
