#!/bin/bash
# Builds the Debian package of this repository:
#
#   deploy/debian/build.sh [--programs DIR] [--output DIR] [--version VERSION] [--quick]
#
# --programs: a directory with protector-api, protector-engine and protector-manage that are built
#   already; without it they are built with `cargo build --release`
# --output: where the package goes (target/debian)
# --version: another version than that of the workspace
# --quick: compressed in a hurry, for a package that is thrown away
#
# The package's path is the last line of what it prints. Debian's dpkg-dev and binutils are needed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
deploy=$(dirname "$here")
top=$(dirname "$deploy")
programs='' output=$top/target/debian version=''
# The middle of the road between time and size.
compression=(-Zxz -z3)
while [ $# -gt 0 ]; do
    case $1 in
        --programs) programs=$(cd "$2" && pwd) && shift 2 ;;
        --output) output=$2 && shift 2 ;;
        --version) version=$2 && shift 2 ;;
        --quick) compression=(-Zgzip -z1) && shift ;;
        *) echo "build.sh: what is \`$1\`? Its head says what there is" >&2 && exit 2 ;;
    esac
done
names=(protector-api protector-engine protector-manage)
if [ -z "$programs" ]; then
    (cd "$top" && cargo build --release --locked "${names[@]/#/--bin=}")
    programs=$(cd "${CARGO_TARGET_DIR:-$top/target}/release" && pwd)
fi

[ -n "$version" ] ||
    version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$top/Cargo.toml")
# The time of the last change, so that the same sources make the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
doc=$root/usr/share/doc/protector

put() {
    install -D -m "$1" "$2" "$root$3"
}

for name in "${names[@]}"; do
    # The names of functions stay, for what a panic says of its place.
    objcopy --strip-debug "$programs/$name" "$work/$name"
    put 755 "$work/$name" "/usr/bin/$name"
done
for unit in "$deploy"/systemd/*.service; do
    put 644 "$unit" "/lib/systemd/system/$(basename "$unit")"
done
put 640 "$here/protector.conf" /etc/protector/protector.conf
put 640 "$here/policy.yaml" /etc/protector/policy.yaml
chmod 750 "$root/etc/protector"
put 644 "$deploy/logrotate/protector" /etc/logrotate.d/protector
put 755 "$deploy/keystone-setup.sh" /usr/share/protector/keystone-setup.sh
for policy in "$deploy"/cinder/*.yaml; do
    put 644 "$policy" "/usr/share/protector/cinder/$(basename "$policy")"
done
put 644 "$deploy/haproxy/protector.cfg" /usr/share/protector/haproxy/protector.cfg
put 644 "$deploy/prometheus/protector-rules.yaml" /usr/share/protector/prometheus/protector-rules.yaml
put 644 "$here/copyright" /usr/share/doc/protector/copyright
find "$top/docs" -name '*.md' -printf '%P\n' | while IFS= read -r page; do
    put 644 "$top/docs/$page" "/usr/share/doc/protector/$page"
done
# What these programs themselves say, so that it is theirs.
mkdir -p "$doc/examples"
"$programs/protector-manage" config sample >"$doc/examples/protector.conf"
"$programs/protector-manage" policy sample >"$doc/examples/policy.yaml"
chmod 644 "$doc"/examples/*

# Which libraries of Debian's the programs need, in which version.
mkdir -p "$work/debian"
printf 'Source: protector\n\nPackage: protector\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "${names[@]/#/-e$work/}" 2>"$work/shlibdeps" |
    sed -n 's/^shlibs:Depends=//p')
if [ -z "$depends" ]; then
    cat "$work/shlibdeps" >&2
    exit 1
fi
mkdir -p "$root/DEBIAN"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$(dpkg --print-architecture)/" \
    -e "s/@SIZE@/$(du -sk --exclude DEBIAN "$root" | cut -f1)/" -e "s/@DEPENDS@/$depends/" \
    "$here/control.in" >"$root/DEBIAN/control"
install -m 644 "$here/conffiles" "$root/DEBIAN/conffiles"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z |
    xargs -0 md5sum >DEBIAN/md5sums)
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference -d "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$output"
dpkg-deb --root-owner-group "${compression[@]}" --build "$root" "$output" >/dev/null
echo "$output/protector_${version}_$(dpkg --print-architecture).deb"
