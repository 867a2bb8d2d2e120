#!/bin/bash
# Runs every fuzz target of the module, or of the packages given, one after the other,
# and ends with the first finding, which it leaves in the package's testdata/fuzz.
#
#	loadtest/fuzz.sh [time for each, default 30m] [packages, default ./...]
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-30m}
shift || true
packages=("${@:-./...}")
total=0 began=$SECONDS
while read -r package; do
	targets=$(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true)
	for target in $targets; do
		at=$SECONDS
		if ! out=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" "$package" 2>&1); then
			echo "$out"
			echo "FOUND by $target of $package after $((SECONDS - at)) s"
			exit 1
		fi
		total=$((total + 1))
		echo "$package $target: $((SECONDS - at)) s, $(grep -o 'execs: [0-9]*' <<<"$out" | tail -1)"
	done
done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "${packages[@]}")
echo "$total targets, $((SECONDS - began)) s, nothing found"
