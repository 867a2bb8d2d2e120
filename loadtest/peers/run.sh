#!/usr/bin/env bash
# run.sh compares a pair of sidecars with its peers; see -help. Ctrl-C ends everything.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Built, not run by `go run`, which would stand between the program and its signals.
mkdir -p loadtest/artefacts
go build -o loadtest/artefacts/peers ./loadtest/peers
exec loadtest/artefacts/peers "$@"
