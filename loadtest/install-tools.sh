#!/usr/bin/env bash
# install-tools.sh installs the Debian packages that the tests drive: a browser, load
# generators and peers that no one here wrote. It does nothing when all are there.
set -euo pipefail
declare -A wanted=(
	[chromium]=chromium [nginx]=nginx-light [h2load]=nghttp2-client [curl]=curl
	[openssl]=openssl [ip]=iproute2 [python3]=python3 [cc]=gcc
)
missing=()
for tool in "${!wanted[@]}"; do
	command -v "$tool" >/dev/null || [[ -x /usr/sbin/$tool ]] || missing+=("${wanted[$tool]}")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0
echo "tools: installing ${missing[*]}"
as_root() { if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive
as_root apt-get update -q
as_root apt-get install -y -q --no-install-recommends "${missing[@]}"
