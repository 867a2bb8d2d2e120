#!/usr/bin/env bash
# build.sh builds SPIRE's server and agent into the user's cache, from the module beside
# it. It is heavy (a thousand packages, and SQLite in C), needed once, and does nothing
# when they are there.
set -euo pipefail
cd "$(dirname "$0")/programs"
version=$(awk '$1 == "github.com/spiffe/spire" {print $2} $1 == "require" && $2 == "github.com/spiffe/spire" {print $3}' go.mod | head -n 1)
out=${XDG_CACHE_HOME:-$HOME/.cache}/sightline/spire
[[ -x $out/spire-server && -x $out/spire-agent && $(cat "$out/version" 2>/dev/null) == "$version" ]] && exit 0
echo "building SPIRE $version"
mkdir -p "$out"
go build -p 2 -ldflags '-s -w' -o "$out/" github.com/spiffe/spire/cmd/spire-server github.com/spiffe/spire/cmd/spire-agent
echo "$version" >"$out/version"
