#!/usr/bin/env bash
# install-tools.sh installs the Debian packages that the tests drive: a browser, load
# generators and peers that no one here wrote. It does nothing when all are there.
set -euo pipefail
declare -A wanted=(
	[chromium]=chromium [nginx]=nginx-light [haproxy]=haproxy [h2load]=nghttp2-client [curl]=curl
	[openssl]=openssl [ip]=iproute2 [python3]=python3 [cc]=gcc [protoc]=protobuf-compiler
	[nft]=nftables [iptables]=iptables [setpriv]=util-linux [redis-server]=redis-server [nc]=netcat-openbsd [promtool]=prometheus
)
missing=()
for tool in "${!wanted[@]}"; do
	command -v "$tool" >/dev/null || [[ -x /usr/sbin/$tool ]] || missing+=("${wanted[$tool]}")
done
# The types that protoc's own language has are in a package of their own.
[[ -e /usr/include/google/protobuf/duration.proto ]] || missing+=(libprotobuf-dev)
as_root() { if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi; }
if [[ ${#missing[@]} -gt 0 ]]; then
	echo "tools: installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	as_root apt-get update -q
	as_root apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

# Clients that come as Go modules, at fixed versions, into the user's cache.
bin=${XDG_CACHE_HOME:-$HOME/.cache}/sightline/tools
declare -A modules=(
	[grpcurl]=github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
	[h2spec]=github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
	[telemetrygen]=github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0
)
for tool in "${!modules[@]}"; do
	[[ -x $bin/$tool ]] && continue
	echo "tools: building ${modules[$tool]}"
	mkdir -p "$bin"
	(cd / && GOBIN=$bin go install "${modules[$tool]}")
done
