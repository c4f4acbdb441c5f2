#!/bin/sh
# base-image.sh: makes the image that packaging/Dockerfile begins with, where no registry of images can be reached: Debian
# by debootstrap, with Node.js and npm of this machine; and systemd and curl, for the tests. Once a machine; as root, with
# podman and debootstrap, after `npm ci`.
set -eu
cd "$(dirname "$0")/../.."
image=$(sed -n 's/^FROM \(node:[^ ]*\) AS build$/docker.io\/library\/\1/p' packaging/Dockerfile)
if podman image exists "$image"; then exit 0; fi
node=$(PATH="$PWD/node_modules/.bin:$PATH" node -p process.execPath)
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

debootstrap --variant=minbase --include=ca-certificates,libatomic1,systemd,dbus,curl,procps bookworm "$root" >"$root.log" 2>&1 ||
  { cat "$root.log"; exit 1; }
rm -rf "$root.log" "$root"/var/cache/apt/archives/*.deb
# Authorities that this machine trusts beside the public ones.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
cp -L "$node" "$root/usr/local/bin/node"
mkdir -p "$root/usr/local/lib/node_modules"
cp -R "$npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
tar -C "$root" -c . | podman import --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' - "$image"
