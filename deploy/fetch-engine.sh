#!/usr/bin/env bash
# fetch-engine.sh brings the embedded ClickHouse engine (libchdb) into the user's
# cache with npm: the version and its integrity hash are those of the lock file.
# SIGHTLINE_ENGINE names a library to use instead, and then nothing is fetched.
set -euo pipefail
if [[ -n "${SIGHTLINE_ENGINE:-}" ]]; then
	echo "engine: $SIGHTLINE_ENGINE (from SIGHTLINE_ENGINE)"
	exit 0
fi
pins=$(cd "$(dirname "$0")/../collector/store/engine/npm" && pwd)
dir=${XDG_CACHE_HOME:-$HOME/.cache}/sightline/engine
lib=$dir/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
if [[ -f $lib ]] && cmp -s "$pins/package-lock.json" "$dir/.complete"; then
	echo "engine: $lib"
	exit 0
fi
echo "engine: fetching into $dir (about 150 MB, 560 MB unpacked)"
mkdir -p "$dir"
rm -f "$dir/.complete" # a half-fetched engine must not look whole
cp "$pins/package.json" "$pins/package-lock.json" "$dir/"
(cd "$dir" && npm ci --no-audit --no-fund --loglevel=error)
cp "$pins/package-lock.json" "$dir/.complete"
echo "engine: $lib"
