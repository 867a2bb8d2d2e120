#!/bin/sh
# Regenerates the Go code of wire.proto. Needs protoc, protoc-gen-go and
# protoc-gen-connect-go on PATH; their output is committed, so a build needs none.
set -eu
cd "$(dirname "$0")"
protoc --proto_path=. \
	--go_out=. --go_opt=paths=source_relative \
	--connect-go_out=. --connect-go_opt=paths=source_relative \
	wire.proto
