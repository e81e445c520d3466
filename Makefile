# Everything that the project builds, runs and proves. `make help` lists it.

export NEARCAST_CACHE ?= $(CURDIR)/.cache

GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
ACTIONLINT_VERSION := v1.7.12
VALE_VERSION := v3.22.0
# Runs a command, and reports what it does if that takes long.
DURING := go run ./test/during
GOLANGCI_LINT := $(NEARCAST_CACHE)/bin/golangci-lint-$(GOLANGCI_LINT_VERSION)
# Stamping fails in a checkout that somebody else owns, as in many a CI.
export GOFLAGS ?= -buildvcs=false
# As in the image: programs that need nothing of the machine. The race detector
# alone needs a C compiler, and test/run gives it one.
export CGO_ENABLED ?= 0
FUZZTIME ?= 60s

.PHONY: help build run run-karmada controlplane test test-short test-full fuzz bench bench-quick bench-speaker evaluation lint words tidy vuln image pin chart docs clean
.DEFAULT_GOAL := help

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Without what only a debugger reads, and without gRPC's tracer, as in the image.
build: ## build the programs of cmd/ and the functions into bin/
	@$(DURING) -doing "building the programs" -takes "5 minutes on 2 cores" -kept "$$(go env GOCACHE)" go build -v -tags grpcnotrace -ldflags='-s -w' -o bin/ ./cmd/...
	@$(DURING) -doing "building the functions" -takes "a minute" -kept "$$(go env GOCACHE)" go run ./lab/functions/build

run: ## build, and run a federation of five clusters on this machine until Ctrl-C
	@$(MAKE) --no-print-directory build
	@bin/nearcast lab

run-karmada: ## the same on a real Karmada control plane, which is built first, in ten minutes
	@$(MAKE) --no-print-directory build
	@bin/nearcast-lab controlplane --build
	@bin/nearcast lab --karmada

controlplane: ## build and run a real Karmada with three members until Ctrl-C
	@$(DURING) -doing "building nearcast-lab" -takes "5 minutes on 2 cores" -kept "$$(go env GOCACHE)" go build -v -tags grpcnotrace -ldflags='-s -w' -o bin/ ./cmd/nearcast-lab
	@bin/nearcast-lab controlplane

test: ## what CI runs: unit, race, plugin, speaker and lab; each prints its time
	@test/run test

test-short: ## eight of ten tests, in two minutes: without other programs, the race detector and long waits
	@test/run short

test-full: ## everything, with minutes of fuzzing and repetition; writes test/REPORT.md
	@FUZZTIME=$(FUZZTIME) test/run full

fuzz: ## fuzz each target for FUZZTIME, a minute by default
	@FUZZTIME=$(FUZZTIME) test/run fuzz

bench: build ## Nearcast beside its peers, in 45 minutes; writes test/bench/RESULTS.md and its plots
	go test -run '^$$' -bench . ./plugin/nearcast
	go run ./test/bench

bench-quick: build ## a selection of that in two minutes, into the cache
	go run ./test/bench -quick -o $(NEARCAST_CACHE)/bench-quick

bench-speaker: build ## the speaker with up to 5,000 VIPs and 50 peers, as root, in ten minutes; writes test/bench/speaker/RESULTS.md
	go run ./test/bench/speaker

evaluation: build ## the paper's evaluation, in ten minutes; writes test/evaluation/REPORT.md and its plots
	go run ./test/evaluation

lint: $(GOLANGCI_LINT) tidy words ## golangci-lint as .golangci.yml configures it, every go.mod tidy, words, and the workflows
	$(GOLANGCI_LINT) run ./...
	go run github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION) .github/workflows/*.yml

$(GOLANGCI_LINT):
	$(DURING) -doing "building golangci-lint $(GOLANGCI_LINT_VERSION)" -why "make lint runs it" -takes "4 minutes on 2 cores" -kept $(NEARCAST_CACHE)/bin -after 0s \
		env GOBIN=$(NEARCAST_CACHE)/bin go install -v github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(NEARCAST_CACHE)/bin/golangci-lint $@

words: ## find phrases that .vale/Nearcast lists, in documentation, comments and strings
	@test/words $(VALE_VERSION)

tidy: ## fail where go mod tidy would change a module
	@test/tidy

vuln: ## known vulnerabilities that the programs and functions call, by govulncheck
	@go run ./test/vuln $(GOVULNCHECK_VERSION)

# The last commit that changed what images are made of: manifests/, which has their
# digests, is not in them. With changes that are not committed it is not that commit.
IMAGE_SOURCES := . ':!manifests'
IMAGE = SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct -- $(IMAGE_SOURCES))} go run ./image \
	--revision $$(git log -1 --format=%H -- $(IMAGE_SOURCES))$$(test -z "$$(git status --porcelain -- $(IMAGE_SOURCES))" || echo -dirty)

image: ## make the container images for amd64 and arm64, without a container engine, in dist/
	$(IMAGE) $(IMAGEFLAGS)

pin: ## make them, and write their digests into manifests/
	$(IMAGE) $(IMAGEFLAGS) --pin manifests

chart: ## package the Helm chart, made of manifests/nearcast, into bin/
	@$(DURING) -doing "compiling Helm" -takes "2 minutes on 2 cores" -kept "$$(go env GOCACHE)" go -C image/chart list -export -v . >/dev/null
	@go -C image/chart run . $(CURDIR)/manifests/nearcast $(CURDIR)/internal/base/version/VERSION $(CURDIR)/bin

docs: ## make the documentation's site from docs/ and the manuals, in dist/docs
	@$(DURING) -doing "compiling Hugo" -takes "2 minutes on 2 cores" -kept "$$(go env GOCACHE)" go -C docs/site list -export -v tool >/dev/null
	go -C docs/site tool hugo --cleanDestinationDir --destination ../../dist/docs

clean: ## remove what was built
	rm -rf bin dist
