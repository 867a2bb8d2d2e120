#!/usr/bin/env bash
# check.sh runs every check that is not a test: formatting, vet, linters, generated
# files and the web app's types. It runs all of them before it says no.
set -uo pipefail
cd "$(dirname "$0")/.."
golangci=${1:?the linter to run}
failed=()
step() {
	echo "check: $1"
	shift
	"$@" || failed+=("$*")
}
unformatted() { local out; out=$(gofmt -l $(git ls-files '*.go')); [[ -z $out ]] || { echo "$out"; return 1; }; }
tidy() { go mod tidy -diff; }
generated() {
	command -v protoc >/dev/null || { echo "check: protoc is missing; run make tools"; return 1; }
	local bin; bin=$(mktemp -d)
	GOBIN=$bin go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12 &&
		GOBIN=$bin go install connectrpc.com/connect/cmd/protoc-gen-connect-go@v1.21.1 &&
		GOBIN=$bin go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2 &&
		PATH=$bin:$PATH go generate ./controlplane/wire/... ./controlplane/config/... ./collector/jaeger/... ./loadtest/shop/... &&
		git diff --exit-code -I '^//.*protoc' -- '*.pb.go' '*.connect.go' controlplane/config/FIELDS.md
}
step format unformatted
step modules tidy
step vet go vet ./...
step lint go run "$golangci" run ./...
step "import direction and package docs" go test -count=1 .
step generated generated
step "web types" npm --prefix ui/web run typecheck
if [[ ${#failed[@]} -gt 0 ]]; then
	printf 'check: failed: %s\n' "${failed[@]}"
	exit 1
fi
echo "check: all good"
