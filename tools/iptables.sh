#!/bin/sh
# Prints a directory with iptables and ip6tables, to be put on PATH where the firewall plugin runs: the system's,
# or one below build/ with Debian's packages unpacked. They are not installed: with iptables on PATH the reference
# plugins choose it by themselves, and so would every test that says nothing. Exit 1: left out, and why.
set -u

PATH=$PATH:/usr/sbin:/sbin
if found=$(command -v iptables); then
    dirname "$found"
    exit 0
fi
root=$(cd "$(dirname "$0")/.." && pwd -P)
home=$root/build/iptables
if [ -x "$home/bin/iptables" ]; then
    echo "$home/bin"
    exit 0
fi

leave_out() {
    echo "left out: tests of the firewall plugin need iptables: $1" >&2
    rm -rf "${draft:?}"
    exit 1
}

mkdir -p "$root/build"
draft=$(mktemp -d "$root/build/iptables.XXXXXX")
cd "$draft" || exit 1
command -v apt-get >/dev/null 2>&1 || leave_out "it is not on PATH, and there is no apt-get"
packages="iptables libip4tc2 libip6tc2 libxtables12 libnftnl11 libmnl0 libnetfilter-conntrack3 libnfnetlink0"
# shellcheck disable=SC2086
apt-get download -qq $packages >/dev/null 2>&1 || {
    # No package lists yet, or stale ones.
    apt-get update -qq >/dev/null 2>&1
    said=$(apt-get download -qq $packages 2>&1) || leave_out "$(printf '%s\n' "$said" | tail -n 1)"
}
for package in *.deb; do
    dpkg -x "$package" . || leave_out "$package cannot be unpacked"
done
rm -f ./*.deb
libraries=$(dirname "$(find . -name 'libxtables.so.*' -type l | head -n 1)")
mkdir bin
for name in iptables ip6tables; do
    cat >"bin/$name" <<END
#!/bin/sh
home=\$(cd "\$(dirname "\$0")/.." && pwd -P)
export LD_LIBRARY_PATH="\$home/$libraries" XTABLES_LIBDIR="\$home/$libraries/xtables"
exec "\$home/usr/sbin/xtables-nft-multi" $name "\$@"
END
    chmod 0755 "bin/$name"
done
chmod 0755 .
# Another run may have been faster; both are the same.
mv -T "$draft" "$home" 2>/dev/null || rm -rf "$draft"
echo "$home/bin"
