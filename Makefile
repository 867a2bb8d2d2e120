# Sightline. `make` alone prints what there is.
SHELL := /bin/bash
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
LDFLAGS := -s -w -X main.version=$(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
WEB := ui/web
WEB_SOURCES := $(shell find $(WEB)/src $(WEB)/public -type f 2>/dev/null) $(WEB)/index.html $(WEB)/package-lock.json $(WEB)/vite.config.ts

.DEFAULT_GOAL := help
.PHONY: help build test race check bench bench-store loss steady web demo load fuzz soak faults clean engine tools

help: ## print this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: web ## build bin/sightline and bin/sightline-proxy (and the demo's shop)
	@mkdir -p bin
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...
	# The sidecar as in the container: without libc, each copy takes a megabyte less.
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/sightline-proxy

engine: ## fetch the embedded ClickHouse engine into the user's cache, checked by its lock file
	@deploy/fetch-engine.sh

web: $(WEB)/dist/index.html ## build the web app that the binary carries

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	cd $(WEB) && npm ci --no-audit --no-fund

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB_SOURCES)
	cd $(WEB) && npm run build

tools: ## install the Debian packages that tests need (chromium, nginx, nghttp2, openssl…)
	@loadtest/install-tools.sh

demo: build engine ## build all, start the whole mesh with the shop, print the URL
	bin/sightline demo

test: build engine tools ## all tests: Go with the real engine, web, browser, end to end
	SIGHTLINE_REQUIRE_ENGINE=1 go test -timeout 20m ./...
	cd $(WEB) && npm test
	SIGHTLINE_E2E=1 go test -p 1 -count=1 -timeout 25m ./loadtest/e2e/... ./loadtest/peers ./loadtest/lossless ./loadtest/interop ./loadtest/loss ./loadtest/soak ./loadtest/spire
	SIGHTLINE_E2E=1 go test -count=1 -run 'Nginx|Conformance' ./proxy/serve

race: web engine ## Go tests under the race detector
	SIGHTLINE_REQUIRE_ENGINE=1 go test -race -timeout 30m ./...

check: web ## formatting, vet, linters, generated files, types of the web app
	@loadtest/check.sh '$(GOLANGCI)'

bench: ## Go benchmarks, six rounds, for benchstat
	go test -run '^$$' -bench . -benchmem -count 6 ./proxy/... ./collector/signal/...

bench-store: engine ## the collector and the embedded store filled and asked with Jaeger's dataset, then with a day of a mesh, beside the goals (TRACES=1000000; twice as many for the mesh)
	go run ./loadtest/store -traces $(or $(TRACES),1000000)
	go run ./loadtest/store -mesh -traces $$(($(or $(TRACES),1000000) * 2))

loss: engine ## spans sent while store and collector are killed and their disk is full: is any lost, or there twice? (as root; FOR=10m, RATE=10000)
	go run ./loadtest/loss -for $(or $(FOR),10m) -rate $(or $(RATE),10000)

steady: engine ## a mesh that lives told to the collector and the store, and asked every second: is anything growing? (FOR=1h, RATE=5000)
	go run ./loadtest/steady -for $(or $(FOR),1h) -rate $(or $(RATE),5000)

load: build tools ## the sidecar pair beside nginx, HAProxy, net/http and the TLS floor, one interleaved run
	loadtest/peers/run.sh

fuzz: ## every fuzz target, one after the other, until the first finding (TIME=30m for each)
	loadtest/fuzz.sh $(or $(TIME),30m)

soak: build ## a pair of sidecars under each long load: 10 GiB streamed, 10,000 idle connections, 1,000 connections/s, WebSockets (FOR=5m)
	go run ./loadtest/soak -stream-mib 10240 -idle 10000 -churn 1000 -websockets 200 -for $(or $(FOR),5m)

faults: build engine tools ## three control planes on three members of etcd, each killed, cut off and stopped under load (as root)
	SIGHTLINE_E2E=1 SIGHTLINE_FAULTS=1 go test -count=1 -v -timeout 15m -run TestClusterBearsFaults ./loadtest/e2e

clean: ## remove what was built here
	rm -rf bin $(WEB)/dist loadtest/artefacts
