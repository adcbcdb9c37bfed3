#!/bin/sh
# tools/system_packages.sh NAME...
# Finds the programs that a target can use; installs what is missing with apt-get, as root, where there is
# one; says what is left out and why. Exit 0: all are there. Exit 1: some are left out.
# Names: qemu iproute2 nftables go gcc kernel-build openssl systemd etcd cargo node maven jdk prometheus
#     chromium
set -u

install() {
    if [ "$(id -u)" != 0 ]; then
        echo "not root, so $* is not installed"
        return 1
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "no apt-get here, so $* is not installed"
        return 1
    fi
    echo "system packages: installing $*" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=600 install -qq -y --no-install-recommends "$@" >/dev/null 2>&1 </dev/null && return 0
    # No package lists yet, or stale ones.
    apt-get -o DPkg::Lock::Timeout=600 update -qq >/dev/null 2>&1 </dev/null
    output=$(apt-get -o DPkg::Lock::Timeout=600 install -qq -y --no-install-recommends "$@" 2>&1 </dev/null) && return 0
    echo "apt-get cannot install $*: $(printf '%s\n' "$output" | tail -n 1)"
    return 1
}

# One program: found, or installed from its package.
want() {
    name=$1 program=$2 what_for=$3
    shift 3
    command -v "$program" >/dev/null 2>&1 && return 0
    reason=$(install "$@") && command -v "$program" >/dev/null 2>&1 && return 0
    echo "left out: $what_for need $name: ${reason:-$program is still not on PATH}" >&2
    return 1
}

# The same for a package that would begin a service: it is unpacked, not installed (tools/programs.py finds it).
unpack() {
    name=$1 program=$2 what_for=$3 package=$4
    there=$(dirname "$0")/../.tools/packages/$package
    command -v "$program" >/dev/null 2>&1 && return 0
    [ -x "$there/usr/bin/$program" ] && return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "left out: $what_for need $name: no apt-get here, so $package is not fetched" >&2
        return 1
    fi
    echo "system packages: unpacking $package" >&2
    rm -rf "$there.new" && mkdir -p "$there.new" && (
        cd "$there.new" || exit 1
        apt-get download -qq "$package" >/dev/null 2>&1 </dev/null || {
            # No package lists yet, or stale ones.
            apt-get update -qq >/dev/null 2>&1 </dev/null
            apt-get download -qq "$package" >/dev/null 2>&1 </dev/null
        } || exit 1
        dpkg-deb -x "$package"_*.deb . && rm -f "$package"_*.deb
    ) && rm -rf "$there" && mv "$there.new" "$there" && [ -x "$there/usr/bin/$program" ] && return 0
    rm -rf "$there.new"
    echo "left out: $what_for need $name: $package cannot be fetched" >&2
    return 1
}

status=0
PATH=$PATH:/usr/sbin:/sbin
for wanted; do
    case $wanted in
        qemu) want QEMU qemu-system-x86_64 "guests" qemu-system-x86 ;;
        iproute2) want iproute2 tc "tests that make a host" iproute2 ;;
        nftables) want nftables nft "tests of masquerade" nftables ;;
        gcc) want gcc gcc "comparisons with bare system calls" gcc libc6-dev ;;
        kernel-build)
            want "a kernel's tools" flex "kernels from source" \
                gcc make flex bison bc perl libelf-dev libc6-dev xz-utils
            ;;
        go)
            # Reference plugins and libcni come through Go's module proxy. A Go since 1.21 fetches the
            # version a module asks for; an older one cannot.
            want Go go "comparisons with the reference plugins" golang-go && {
                version=$(go env GOVERSION 2>/dev/null | sed 's/^go1\.\([0-9]*\).*/\1/')
                [ "${version:-0}" -ge 21 ] || {
                    echo "left out: comparisons with the reference plugins need Go >= 1.21, this is 1.${version:-?}" >&2
                    false
                }
            }
            ;;
        systemd) want systemd systemd-analyze "tests of the unit" systemd libseccomp2 ;;
        prometheus) unpack Prometheus promtool "tests of metrics, alerts and dashboard" prometheus ;;
        chromium) want Chromium chromium "the picture of the documents' site" chromium ;;
        etcd) want etcd etcd "tests of a fleet" etcd-server ;;
        openssl) want openssl openssl "certificates for tests" openssl ;;
        cargo)
            # An older one than the crate's rust-version cannot build it, and Debian's may be.
            want Rust cargo "the Rust client" cargo && want gcc gcc "the Rust client" gcc libc6-dev && {
                version=$(cargo --version | sed 's/^cargo 1\.\([0-9]*\).*/\1/')
                [ "${version:-0}" -ge 91 ] || {
                    echo "left out: the Rust client needs Rust >= 1.91, this is 1.${version:-?}" >&2
                    false
                }
            }
            ;;
        node)
            want Node.js node "the TypeScript client" nodejs npm &&
                want npm npm "the TypeScript client" npm && {
                version=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
                [ "${version:-0}" -ge 20 ] || {
                    echo "left out: the TypeScript client needs Node.js >= 20, this is ${version:-?}" >&2
                    false
                }
            }
            ;;
        maven) want Maven mvn "the Java client" maven ;;
        jdk) want "a JDK" javac "the Java client" openjdk-17-jdk-headless ;;
        *)
            echo "system_packages.sh: no such name: $wanted" >&2
            exit 2
            ;;
    esac || status=1
done
exit $status
