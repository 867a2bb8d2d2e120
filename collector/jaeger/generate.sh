#!/bin/sh
# Regenerates the Go code of Jaeger's query API v3 and remote storage v2, whose stubs the
# module jaeger-idl does not export. Needs protoc, protoc-gen-go, protoc-gen-go-grpc and
# perl on PATH; their output is committed, so a build needs none.
set -eu
cd "$(dirname "$0")"
idl=github.com/jaegertracing/jaeger-idl@v0.14.0
src=$(go mod download -json $idl | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/proto
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
here=github.com/sightline-mesh/sightline/collector/jaeger
files="api_v3/query_service.proto api_v3/capabilities.proto storage/v2/trace_storage.proto
storage/v2/dependency_storage.proto storage/v2/capabilities.proto expression/v1/expression.proto"
for f in $files; do
	mkdir -p "$tmp/$(dirname $f)"
	# Without the options that only documentation and gateways read, and their imports:
	# google/protobuf and OTLP stay.
	perl -0pe 's{^import "(?:google/api|gnostic|expression/v1/vocabulary)[^"]*";\n}{}gm;
		s{^//.*\n|(?<=\s)//.*$}{}gm;
		s{\s*option \([^)]*\) = (\{(?:[^{}]|(?1))*\});}{}g;
		s{\s*(\[(?:[^\[\]]|(?1))*\])(?=;)}{}g' "$src/$f" >"$tmp/$f"
done
go run descriptors.go >"$tmp/otlp.binpb"
map() { echo "M$1=$here/$2;$2"; }
opts="module=$here,$(map api_v3/query_service.proto apiv3),$(map api_v3/capabilities.proto apiv3)"
opts="$opts,$(map storage/v2/trace_storage.proto storagev2),$(map storage/v2/dependency_storage.proto storagev2)"
opts="$opts,$(map storage/v2/capabilities.proto storagev2),$(map expression/v1/expression.proto expressionv1)"
protoc -I "$tmp" -I /usr/include --descriptor_set_in="$tmp/otlp.binpb" $files \
	--go_out=. --go_opt="$opts" --go-grpc_out=. --go-grpc_opt="$opts"
