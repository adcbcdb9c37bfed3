#!/usr/bin/env bash
# Installs the reference CNI plugins and cnitool into build/cni-bin, for the parity tests and mixed chains.
# Needs Go and its module proxy. Prints the directory. What is there already is left alone.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=$root/build/cni-bin
plugins=github.com/containernetworking/plugins
plugins_version=v1.9.1
cni_version=v1.3.0

command -v go >/dev/null || { echo "reference_plugins.sh: go is not installed" >&2; exit 3; }
mkdir -p "$bin"

install() { # module-path version name
    [ -x "$bin/$3" ] || GOBIN=$bin CGO_ENABLED=0 GOFLAGS=-trimpath go install "$1@$2" >&2
}

for name in ptp bridge loopback; do install "$plugins/plugins/main/$name" "$plugins_version" "$name"; done
for name in host-local static; do install "$plugins/plugins/ipam/$name" "$plugins_version" "$name"; done
for name in tuning bandwidth firewall portmap; do install "$plugins/plugins/meta/$name" "$plugins_version" "$name"; done
install github.com/containernetworking/cni/cnitool "$cni_version" cnitool
echo "$bin"
