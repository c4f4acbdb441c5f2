#!/bin/sh
# root-file-system.sh FOLDER: makes the root file system of the container there: Node.js, what it links to, Daemun and
# its dependencies, certificate authorities, a user, and nothing else: no shell, no package manager. Runs in a checkout
# after `npm ci`, with `npm` and `ldd`, and without Docker.
set -eu
root=$1
cd "$(dirname "$0")/.."
node=${NODE:-$(readlink -f "$(command -v node)")}
mkdir -p "$root/bin" "$root/app" "$root/etc/ssl/certs" "$root/etc/daemun" "$root/tmp" "$root/proc" "$root/dev"

cp -L "$node" "$root/bin/node"
# Of each line the path that is a file: `libm.so.6 => /lib/…/libm.so.6 (0x…)`, and the loader by itself.
ldd "$node" | grep -o '/[^ ]*' | sort -u | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done

package=$(npm pack --silent --pack-destination "$root/app")
echo '{"private":true}' >"$root/app/package.json"
(cd "$root/app" && npm install --silent --omit=dev --ignore-scripts --no-audit --no-fund "./$package")
rm -f "$root/app/$package"

cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'daemun:x:65532:65532:Daemun:/:/sbin/nologin' >"$root/etc/passwd"
echo 'daemun:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
find "$root" -type d -exec chmod 755 {} +
chmod 1777 "$root/tmp"
