#!/bin/bash
# Runs every fuzz target of the module, or of the packages given, one after the other,
# and ends with the first finding, which it leaves in the package's testdata/fuzz. A
# package that does not compile, or no target at all, is a failure.
#
#	loadtest/fuzz.sh [time for each, default 30m] [packages, default ./...]
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-30m}
shift || true
packages=("${@:-./...}")
total=0 began=$SECONDS
# Each command stands alone: in a pipe or <(...) its failure would go unseen.
tested=$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "${packages[@]}")
for package in $tested; do
	if ! tests=$(go test -list '^Fuzz' "$package" 2>&1); then
		echo "$tests"
		echo "FAILED to list the targets of $package"
		exit 1
	fi
	for target in $(sed -n '/^Fuzz/p' <<<"$tests"); do
		at=$SECONDS
		if ! out=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" "$package" 2>&1); then
			echo "$out"
			echo "FOUND by $target of $package after $((SECONDS - at)) s"
			exit 1
		fi
		total=$((total + 1))
		echo "$package $target: $((SECONDS - at)) s, $(grep -o 'execs: [0-9]*' <<<"$out" | tail -1)"
	done
done
if ((total == 0)); then
	echo "FAILED: no fuzz target in ${packages[*]}"
	exit 1
fi
echo "$total targets, $((SECONDS - began)) s, nothing found"
