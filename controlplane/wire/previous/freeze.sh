#!/bin/sh
# Freezes wire.proto as it is now as the wire of the previous minor version: run it at
# each release, of which the next one's tests then know the sidecars. Needs protoc.
set -eu
cd "$(dirname "$0")/.."
protoc --proto_path=. --include_imports --descriptor_set_out=previous/wire.binpb wire.proto
