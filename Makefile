# Every step of CI is a target of this file. `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Targets share folders and install tools, so they run one after the other, also with -j.
.NOTPARALLEL:

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := .tools/bin/cargo-deny
CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_CYCLONEDX := .tools/bin/cargo-cyclonedx
CARGO_LLVM_COV_VERSION := 0.9.1
CARGO_LLVM_COV := .tools/bin/cargo-llvm-cov
CARGO_MUTANTS_VERSION := 27.1.0
CARGO_MUTANTS := .tools/bin/cargo-mutants
DECIDING = plan observe apply sync reconcile snapshot token report
SHARD := 0/3
# These try thousands of cases, in nine tenths of the time of the unit tests. If a change is missed
# without them, run `make unit` with it.
EXHAUSTIVE = a_run_after_any_fault_brings every_length_of_run_reaches no_older_key_follows_a_newer_one
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := .tools/bin/cargo-fuzz
FUZZ_TARGETS = $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))
RUNS := 200000
BENCH := target/bench/release/nr-iam-key-sync-bench

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: package-local cdk ## run the service locally and verify nine checks (KEEP=1: keep it running)
	local/demo.py --zip target/local.zip

.PHONY: test
test: unit integration cdk-test ## run all tests except the fault tests

.PHONY: unit
unit: ## run the unit tests, without servers
	cargo test --locked --lib --bins -- --skip openbao::

.PHONY: integration
integration: venv cdk ## test the built binaries with OpenBao and the AWS emulator
	cargo build --locked --examples
	cargo test --locked --lib openbao::
	cargo test --locked --test integration -- --skip faults::

.PHONY: test-faults
test-faults: venv cdk fuzz ## test crashes, lost responses, failing services, load, hostile input
	PROPTEST_CASES=5000 cargo test --locked --lib convergence
	cargo test --locked --test integration -- faults::

.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## fuzz all parsers, guided by coverage (RUNS=200000 for each target)
	cd fuzz && PATH="$(CURDIR)/.tools/bin:$$PATH" cargo fuzz build --dev --sanitizer none
	set -euo pipefail; for target in $(FUZZ_TARGETS); do \
	  mkdir -p target/fuzz/$$target fuzz/artifacts/$$target; \
	  (cd fuzz && PATH="$(CURDIR)/.tools/bin:$$PATH" cargo fuzz run --dev --sanitizer none $$target \
	    ../target/fuzz/$$target corpus/$$target -- -runs=$(RUNS) -max_len=4096 -seed=1 -timeout=10) \
	    2>&1 | grep -E '^#.*(INITED|DONE)|ERROR|panicked|Test unit' | sed "s/^/$$target: /"; \
	done

$(CARGO_FUZZ): .tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)
.tools/cargo-fuzz-$(CARGO_FUZZ_VERSION):
	cargo install cargo-fuzz --debug --locked --version $(CARGO_FUZZ_VERSION) --root .tools
	touch $@ $(CARGO_FUZZ)

.PHONY: coverage
coverage: $(CARGO_LLVM_COV) venv cdk ## print the line coverage by unit tests and by the binaries
	PATH="$(CURDIR)/.tools/bin:$$PATH" tests/coverage.py

.PHONY: mutants
mutants: $(CARGO_MUTANTS) ## change the modules that decide, and run the unit tests (SHARD=0/3)
	PATH="$(CURDIR)/.tools/bin:$$PATH" CARGO_PROFILE_DEV_DEBUG=0 cargo mutants --jobs 2 \
	  --shard $(SHARD) --output target \
	  $(foreach name,$(DECIDING),--file 'src/$(name).rs' --file 'src/$(name)/**') \
	  -- --locked --lib -- --skip openbao:: $(addprefix --skip ,$(EXHAUSTIVE))

$(CARGO_LLVM_COV): .tools/cargo-llvm-cov-$(CARGO_LLVM_COV_VERSION)
.tools/cargo-llvm-cov-$(CARGO_LLVM_COV_VERSION):
	cargo install cargo-llvm-cov --debug --locked --version $(CARGO_LLVM_COV_VERSION) --root .tools
	touch $@ $(CARGO_LLVM_COV)

$(CARGO_MUTANTS): .tools/cargo-mutants-$(CARGO_MUTANTS_VERSION)
.tools/cargo-mutants-$(CARGO_MUTANTS_VERSION):
	cargo install cargo-mutants --debug --locked --version $(CARGO_MUTANTS_VERSION) --root .tools
	touch $@ $(CARGO_MUTANTS)

# The tracked page has figures of the function only, and of the usual sizes.
BENCH_PAGE = $(if $(BESIDE)$(BENCH_OPTIONS),target/bench/performance,docs/performance)

# BESIDE is read from the environment, because it may contain quotes.
.PHONY: bench
bench: bench-build ## write docs/performance.md (with BESIDE='NAME=COMMAND': compare, in target/bench)
	$(BENCH) --zip target/bench/function.zip --page $(BENCH_PAGE).md --picture $(BENCH_PAGE).svg \
	  $(BENCH_OPTIONS) keysync=target/release/lambda $${BESIDE:+"$$BESIDE"}

.PHONY: bench-guard
bench-guard: bench-build bench-test ## check round trips, calls, handshakes, sizes against limits.json
	$(BENCH) --quick --zip target/bench/function.zip --limits benches/limits.json \
	  keysync=target/release/lambda

.PHONY: bench-test
bench-test: bench-build ## test the bench with a Node.js program beside the function
	cd benches && CARGO_TARGET_DIR=../target/bench cargo test --release --locked

.PHONY: bench-build
bench-build: venv
	cargo build --release --locked --bin lambda --no-default-features
	local/package.py target/release/lambda target/bench/function.zip
	cd benches && CARGO_TARGET_DIR=../target/bench cargo build --release --locked

.PHONY: check
check: fmt clippy doc lean deny ## check format, lints, documentation and dependency policy

.PHONY: fmt
fmt: ## check the source format
	cargo fmt --check
	cd benches && cargo fmt --check

.PHONY: clippy
clippy: ## run the lints; warnings are errors
	cargo clippy --locked --all-targets -- -D warnings
	cd benches && CARGO_TARGET_DIR=../target/bench cargo clippy --locked --release --all-targets -- -D warnings

.PHONY: doc
doc: ## build the library documentation and its examples; warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib
	cargo test --locked --doc

.PHONY: lean
lean: ## check that the function does not depend on command-line crates
	@set -euo pipefail; \
	  crates=$$(cargo tree --locked --no-default-features --edges normal --prefix none); \
	  ! grep -E '^(aws-config|aws-sdk-iam|aws-sdk-lambda|clap|clap_complete|clap_mangen|comfy-table|crossterm|indicatif|rpassword|schemars) ' <<<"$$crates"

.PHONY: deny
deny: $(CARGO_DENY) ## check bans, licences and sources of dependencies
	$(CARGO_DENY) --locked check bans licenses sources
	$(CARGO_DENY) --locked --manifest-path benches/Cargo.toml --config deny.toml check licenses sources

# The stamp file names the version, so that a changed version is installed.
$(CARGO_DENY): .tools/cargo-deny-$(CARGO_DENY_VERSION)
.tools/cargo-deny-$(CARGO_DENY_VERSION):
	cargo install cargo-deny --debug --locked --version $(CARGO_DENY_VERSION) --root .tools
	touch $@ $(CARGO_DENY)

.PHONY: package-local
package-local: venv ## build the deployment package for the local stack
	cargo build --locked --bin lambda --no-default-features
	local/package.py target/debug/lambda target/local.zip

.PHONY: package
package: release-tools ## build packages, SBOMs and checksums into target/package
	release/package.sh

.PHONY: reproducible
reproducible: release-tools ## check that two builds are identical (FULL=1: those of make package)
	release/reproducible.sh

.PHONY: release-tools
release-tools: $(CARGO_CYCLONEDX)
	@local/setup .local/release release/requirements.txt

$(CARGO_CYCLONEDX): .tools/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)
.tools/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION):
	cargo install cargo-cyclonedx --locked --version $(CARGO_CYCLONEDX_VERSION) --root .tools
	touch $@ $(CARGO_CYCLONEDX)

.PHONY: venv
venv: ## install the Python environment of the local stack
	@local/setup

.PHONY: cdk
cdk: infra/cdk/node_modules/.package-lock.json ## install the dependencies of the CDK app and build it
	cd infra/cdk && npm run --silent build

infra/cdk/node_modules/.package-lock.json: infra/cdk/package-lock.json
	cd infra/cdk && npm ci --no-audit --no-fund
	touch $@

.PHONY: cdk-test
cdk-test: infra/cdk/node_modules/.package-lock.json ## test the CDK app: template, permissions, context
	cd infra/cdk && npm test

.PHONY: infra
infra: infra-check terraform-check parity supply-chain ## run all infrastructure checks

.PHONY: infra-check
infra-check: cdk infra-venv ## run cfn-lint and checkov on the CDK template
	infra/cdk/check-template

.PHONY: supply-chain
supply-chain: infra-venv ## check locked hashes, pinned actions and least workflow permissions
	infra/checks/locks.py
	.local/infra-venv/bin/zizmor --offline --quiet --persona pedantic .github

# Downloads the advisory databases, which are not in the package registries.
.PHONY: audit
audit: $(CARGO_DENY) infra-venv ## check all dependencies against the advisory databases
	$(CARGO_DENY) --locked check advisories
	$(CARGO_DENY) --locked --manifest-path fuzz/Cargo.toml --config deny.toml check advisories
	$(CARGO_DENY) --locked --manifest-path benches/Cargo.toml --config deny.toml check advisories
	cd infra/cdk && npm audit --audit-level=low
	set -euo pipefail; for list in local infra release; do \
	  .local/infra-venv/bin/pip-audit --require-hashes --disable-pip \
	    --requirement $$list/requirements.txt; \
	done

.PHONY: infra-venv
infra-venv: ## install the Python environment of the infrastructure linters
	@local/setup .local/infra-venv infra/requirements.txt

.PHONY: deploy-local
deploy-local: package-local cdk ## deploy the CDK app locally, with enforced permissions
	local/demo.py --zip target/local.zip --deploy-only

.PHONY: terraform-check
terraform-check: infra-venv ## check the Terraform module; prints which provider it used
	infra/checks/files.py --check
	infra/checks/terraform.py
	infra/checks/security.py

.PHONY: parity
parity: cdk ## compare the CDK template with the Terraform plan
	infra/checks/parity/run.py

.PHONY: infra-files
infra-files: ## generate Terraform's variables and the input tables of both READMEs
	infra/checks/files.py

.PHONY: hooks
hooks: ## install a pre-commit hook: format, white space, no keys or tokens
	git config core.hooksPath .githooks

.PHONY: clean
clean: ## remove everything that was built or installed in the checkout
	rm -rf target fuzz/target fuzz/artifacts .local .tools
	rm -rf infra/cdk/node_modules infra/cdk/dist infra/cdk/cdk.out
