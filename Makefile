# Each target sets up all it needs; `make demo` and `make test` work from a fresh clone.
CARGO ?= cargo

.PHONY: demo test build lint libtorch browser slurm bench golden

demo: build
	target/release/vesalius demo

test: libtorch browser slurm
	$(CARGO) test --workspace --locked

build: libtorch
	$(CARGO) build --release --locked --bin vesalius

lint: libtorch
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

libtorch:
	scripts/libtorch.sh

browser:
	scripts/browser.sh

# Only tests of studies on a cluster need it; without it they skip and say so.
slurm:
	@scripts/slurm_cluster.sh install || echo "SKIPPED: Slurm could not be installed, its tests will skip"

bench: libtorch
	bench/run.sh

golden:
	golden/generate.sh
