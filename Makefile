# `make` or `make help` lists what can be done. Each target is one command that also works by hand.
.DEFAULT_GOAL := help
.PHONY: help run replay test check sim worlds crashes carriers flood bench bench-engine bench-carriers bench-http verify

PYTHON ?= python3
SEEDS ?= 1000
CRASHES ?= 200
CARRIER_MESSAGES ?= 1000000
CARRIER_FAULTS ?= 10000
SEED ?= 4628
FLOOD_SECONDS ?= 60
NAME ?= bench
SHOP := examples/shop
WAYLINE := cargo run --release --locked -p wayline-server --bin wayline --
RUN_TESTS := $(if $(shell command -v cargo-nextest 2>/dev/null),cargo nextest run --workspace --locked --no-tests=pass,cargo test --workspace --locked --lib --bins --tests)

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the demo: a server with an invented business whose people live 600 times faster
	$(WAYLINE) demo --data out/demo

replay: ## Replay a month of the example shop and print what was sent
	$(WAYLINE) replay --workspace $(SHOP) --input $(SHOP)/events.ndjson.gz --world $(SHOP)/world.yaml --out out/shop --show

test: ## Formatting, lints, every test, the examples in the documentation
	cargo fmt --all --check && cargo clippy --workspace --all-targets --locked -- -D warnings && $(RUN_TESTS) && cargo test --workspace --locked --doc

check: ## Does it compile? The fast answer
	cargo check --workspace --all-targets --locked

sim: worlds crashes ## Simulate worlds, then kill the real program: both of the next two

worlds: ## Simulate SEEDS=1000 worlds with faults and check the invariants
	cargo run --release --locked -p wayline-sim --bin wayline-sim -- --seeds $(SEEDS)

crashes: ## Kill the real program CRASHES=200 times under load and check the invariants
	CRASHES=$(CRASHES) cargo test --release --locked -p wayline-server --test it -- --nocapture crash::kills

carriers: ## Send CARRIER_MESSAGES=1000000 through two carriers with CARRIER_FAULTS=10000 faults drawn from SEED
	CARRIER_MESSAGES=$(CARRIER_MESSAGES) CARRIER_FAULTS=$(CARRIER_FAULTS) SEED=$(SEED) cargo test --profile measure --locked -p wayline-server --test it -- --nocapture carriers::faults_on_all_sides

flood: ## Measure what a flood of one workspace does to the others, FLOOD_SECONDS=60 without it and with it
	FLOOD_SECONDS=$(FLOOD_SECONDS) SEED=$(SEED) cargo test --profile measure --locked -p wayline-server --test it -- --nocapture --ignored carriers::flood

bench: bench-engine bench-carriers ## Measure engine and carriers on this machine: both of the next two

bench-engine: ## Measure throughput and latency of engine and store, into bench/results/<date>-NAME.md
	cargo run --release --locked -p wayline-sim --bin wayline-bench -- --store target/bench --label $(shell date -u +%F) --name $(NAME) --commit $(shell git rev-parse --short HEAD)

bench-carriers: ## Measure submits over SMPP beside another sender, into bench/results/<date>-carriers.md
	cargo build --release --locked -p wayline-server -p wayline-smsc && $(PYTHON) bench/carriers/run.py

bench-http: ## Measure the running server over HTTP, into bench/results/<date>-NAME.md
	bench/http.sh $(NAME)

verify: ## Licences, duplicate and unused dependencies, sizes, house rules
	$(PYTHON) .ci/verify.py
