# Every step of CI is a target here; `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := .tools/bin/cargo-deny
CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_CYCLONEDX := .tools/bin/cargo-cyclonedx
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := .tools/bin/cargo-fuzz
FUZZ_TARGETS = $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))
RUNS := 200000

.PHONY: help
help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: package-local cdk ## the service at work on this machine: rotations reach Vault, every step verified (KEEP=1 stays up)
	local/demo.py --zip target/local.zip

.PHONY: test
test: unit integration cdk-test ## everything that can be tested on one machine

.PHONY: unit
unit: ## the rules and the formats, without any server
	cargo test --locked --lib --bins

.PHONY: integration
integration: venv cdk ## the real binary on OpenBao and the AWS emulator
	cargo build --locked --examples
	cargo test --locked --test integration -- --skip faults::

.PHONY: test-faults
test-faults: venv cdk fuzz ## the same with everything going wrong that can: crashes, lost answers, sick neighbours, load, hostile input
	cargo test --locked --test integration -- faults::

.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## hostile bytes for everything that is parsed, led by coverage (RUNS=200000 for each target)
	cd fuzz && PATH="$(CURDIR)/.tools/bin:$$PATH" cargo fuzz build --dev --sanitizer none
	for target in $(FUZZ_TARGETS); do \
	  mkdir -p target/fuzz/$$target fuzz/artifacts/$$target; \
	  (cd fuzz && PATH="$(CURDIR)/.tools/bin:$$PATH" cargo fuzz run --dev --sanitizer none $$target \
	    ../target/fuzz/$$target corpus/$$target -- -runs=$(RUNS) -max_len=4096 -seed=1 -timeout=10) \
	    2>&1 | grep -E '^#.*(INITED|DONE)|ERROR|panicked|Test unit' | sed "s/^/$$target: /"; \
	done

$(CARGO_FUZZ): .tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)
.tools/cargo-fuzz-$(CARGO_FUZZ_VERSION):
	cargo install cargo-fuzz --locked --version $(CARGO_FUZZ_VERSION) --root .tools
	touch $@ $(CARGO_FUZZ)

.PHONY: bench
bench: bench-build ## measures the release binary, and whatever BESIDE='NAME=COMMAND' names; writes docs/performance.md
	target/bench/release/nr-iam-key-sync-bench --zip target/bench/function.zip --page docs/performance.md \
	  --picture docs/performance.svg keysync=target/release/lambda $(if $(BESIDE),'$(BESIDE)')

.PHONY: bench-guard
bench-guard: bench-build ## what does not wobble of it (round trips, calls, handshakes, sizes) is within benches/limits.json
	target/bench/release/nr-iam-key-sync-bench --quick --zip target/bench/function.zip --limits benches/limits.json \
	  keysync=target/release/lambda

.PHONY: bench-build
bench-build: venv
	cargo build --release --locked --bin lambda --no-default-features
	local/package.py target/release/lambda target/bench/function.zip
	cd benches && CARGO_TARGET_DIR=../target/bench cargo build --release --locked

.PHONY: check
check: fmt clippy doc lean deny ## format, lints, documentation, dependency policy

.PHONY: fmt
fmt: ## source format
	cargo fmt --check
	cd benches && cargo fmt --check

.PHONY: clippy
clippy: ## lints, warnings are errors
	cargo clippy --locked --all-targets -- -D warnings
	cd benches && CARGO_TARGET_DIR=../target/bench cargo clippy --locked --release -- -D warnings

.PHONY: doc
doc: ## the library's documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib

.PHONY: lean
lean: ## the function's binary carries nothing of the command line
	@! cargo tree --locked --no-default-features --edges normal --prefix none | grep -E '^(clap|clap_complete|clap_mangen|comfy-table|crossterm|indicatif|rpassword) '

.PHONY: deny
deny: $(CARGO_DENY) ## bans, licences and sources of dependencies
	$(CARGO_DENY) --locked check bans licenses sources
	$(CARGO_DENY) --locked --manifest-path benches/Cargo.toml --config deny.toml check licenses sources

# Stamped by version, so that a new version is installed.
$(CARGO_DENY): .tools/cargo-deny-$(CARGO_DENY_VERSION)
.tools/cargo-deny-$(CARGO_DENY_VERSION):
	cargo install cargo-deny --locked --version $(CARGO_DENY_VERSION) --root .tools
	touch $@ $(CARGO_DENY)

.PHONY: package-local
package-local: venv ## the function's package for the local stack
	cargo build --locked --bin lambda --no-default-features
	local/package.py target/debug/lambda target/local.zip

.PHONY: package
package: release-tools ## what is deployed: target/package with a zip and a list of contents for each architecture, and checksums
	release/package.sh

.PHONY: reproducible
reproducible: release-tools ## two builds in two places give the same bytes (FULL=1: as they are released, else quickly)
	release/reproducible.sh

.PHONY: release-tools
release-tools: $(CARGO_CYCLONEDX)
	@local/setup .local/release release/requirements.txt

$(CARGO_CYCLONEDX): .tools/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)
.tools/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION):
	cargo install cargo-cyclonedx --locked --version $(CARGO_CYCLONEDX_VERSION) --root .tools
	touch $@ $(CARGO_CYCLONEDX)

.PHONY: venv
venv: ## the Python environment of the local stack
	@local/setup

.PHONY: cdk
cdk: infra/cdk/node_modules/.package-lock.json ## the CDK app's dependencies

infra/cdk/node_modules/.package-lock.json: infra/cdk/package-lock.json
	cd infra/cdk && npm ci --no-audit --no-fund
	touch $@

.PHONY: cdk-test
cdk-test: cdk ## tests of the CDK app: template, permissions, context
	cd infra/cdk && npm test

.PHONY: infra
infra: infra-check terraform-check parity supply-chain ## checks of both stacks: linters, Terraform's tests, and parity

.PHONY: infra-check
infra-check: cdk infra-venv ## cfn-lint and checkov on the CDK app's templates; every exception has a reason
	cd infra/cdk && npm run --silent build
	infra/cdk/check-template

.PHONY: supply-chain
supply-chain: infra-venv ## every dependency has a version and a hash, every workflow pinned actions and minimal permissions
	infra/checks/locks.py
	.local/infra-venv/bin/zizmor --offline --quiet --persona pedantic .github

# Needs the databases of advisories, which are elsewhere than the packages.
.PHONY: audit
audit: $(CARGO_DENY) infra-venv ## what is known against the dependencies of today
	$(CARGO_DENY) --locked check advisories
	$(CARGO_DENY) --locked --manifest-path fuzz/Cargo.toml --config deny.toml check advisories
	$(CARGO_DENY) --locked --manifest-path benches/Cargo.toml --config deny.toml check advisories
	cd infra/cdk && npm audit --audit-level=low
	for list in local infra release; do \
	  .local/infra-venv/bin/pip-audit --require-hashes --disable-pip --requirement $$list/requirements.txt; \
	done

.PHONY: infra-venv
infra-venv: ## the Python environment of the infrastructure linters
	@local/setup .local/infra-venv infra/requirements.txt

.PHONY: deploy-local
deploy-local: package-local cdk ## the CDK app in an emulated AWS that enforces permissions, until Ctrl-C
	local/deploy_local.py --zip target/local.zip

.PHONY: terraform-check
terraform-check: infra-venv ## the Terraform module: generated files, format, validate, tests, checkov (prints its provider)
	infra/checks/files.py --check
	infra/checks/terraform.py
	infra/checks/security.py

.PHONY: parity
parity: cdk ## compares the CDK's template with Terraform's plan
	infra/checks/parity/run.py

.PHONY: terraform-files
terraform-files: ## writes the generated files of the Terraform module
	infra/checks/files.py

.PHONY: hooks
hooks: ## a look of a second before each commit: format, white space, no AWS key, Vault token or private key
	git config core.hooksPath .githooks

.PHONY: clean
clean: ## removes everything that was built or installed here
	rm -rf target fuzz/target fuzz/artifacts .local .tools infra/cdk/node_modules infra/cdk/dist infra/cdk/cdk.out
