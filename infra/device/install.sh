#!/bin/sh
# Installs mgdist-edge as a service on Debian or Raspberry Pi OS. May be run again: what is right already stays.
#
#   sudo ./install.sh --wheel mgdist_edge-0.1.0-py3-none-any.whl --key mgdist.pub \
#        [--bundle doc_cls.tflite] [--source https://models.example/doc_cls.tflite]
#
# With DESTDIR=FOLDER all of it goes there, for an image that is being built; then nothing is started, and no root needed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=${DESTDIR:-}
python=${PYTHON:-python3}
owner=mgdist-edge
home=$root/opt/mgdist-edge
settings=$root/etc/mgdist-edge
store=$root/var/lib/mgdist-edge
units=$root/etc/systemd/system
wheel='' key='' bundle='' source=''

stop() {
    echo "install.sh: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
        --wheel | --key | --bundle | --source) [ $# -ge 2 ] || stop "$1: expected a value; got none" ;;
    esac
    case $1 in
        --wheel) wheel=$2 ;;
        --key) key=$2 ;;
        --bundle) bundle=$2 ;;
        --source) source=$2 ;;
        *) stop "expected --wheel, --key, --bundle or --source; got $1" ;;
    esac
    shift 2
done

require_all() {
    [ -n "$wheel" ] || stop "--wheel: expected the file of mgdist-edge's wheel; got none; make one: MGDIST_EDGE_PURE=1 pip wheel --no-deps ./edge"
    [ -n "$key" ] || stop "--key: expected the public key that signs bundles; got none; make one: mgdist keys new"
    for file in "$wheel" "$key" ${bundle:+"$bundle"}; do
        [ -f "$file" ] || stop "$file: expected a file; got none; check the path"
    done
    ! grep -q 'PRIVATE KEY' "$key" || stop "$key: expected a public key; got a private one; keep that off devices"
    [ -n "$root" ] || [ "$(id -u)" = 0 ] || stop "expected to be run by root; got $(id -un); use sudo, or set DESTDIR"
    "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        stop "$python: expected Python 3.10 or newer with venv; got none; apt install python3-venv"
}

add_owner() {
    [ -z "$root" ] || return 0
    getent passwd "$owner" >/dev/null ||
        useradd --system --user-group --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$owner"
}

# The wheel's hash is written down last, so that an installation that was cut short is done again.
install_wheel() {
    sum=$(sha256sum "$wheel" | cut -d' ' -f1)
    [ "$(cat "$home/wheel.sha256" 2>/dev/null)" != "$sum" ] || return 0
    changed=yes
    rm -f "$home/wheel.sha256"
    mkdir -p "$(dirname "$home")"
    "$python" -m venv "$home"
    pins=$here/../../constraints.txt
    [ -f "$pins" ] || pins=/dev/null
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
        --constraint "$pins" --force-reinstall "$(realpath "$wheel")[sign]"
    "$home/bin/python" -m mgdist_edge --version
    echo "$sum" >"$home/wheel.sha256"
}

# Writes a file anew only where its content differs, and says whether it did.
put() {
    cmp -s "$1" "$2" && return 0
    changed=yes
    install -D -m 0644 "$1" "$2"
}

write_settings() {
    mkdir -p "$settings"
    put "$key" "$settings/mgdist.pub"
    new=$settings/environment.new
    { [ ! -f "$settings/environment" ] || grep -v '^MGDIST_EDGE_SOURCE=' "$settings/environment" || true; } >"$new"
    [ -z "$source" ] || printf 'MGDIST_EDGE_SOURCE=%s\n' "$source" >>"$new"
    [ -n "$source" ] || grep '^MGDIST_EDGE_SOURCE=' "$settings/environment" 2>/dev/null >>"$new" || true
    put "$new" "$settings/environment"
    rm "$new"
    for unit in mgdist-edge.service mgdist-edge.path mgdist-edge-watch.service mgdist-edge-watch.timer; do
        put "$here/$unit" "$units/$unit"
    done
}

make_store() {
    if [ -n "$root" ]; then
        mkdir -p "$store"
    else
        install -d -m 0750 -o "$owner" -g "$owner" "$store"
    fi
}

as_owner() {
    if [ -n "$root" ]; then
        "$@"
    else
        runuser -u "$owner" -- "$@"
    fi
}

# The owner of the store need not be able to read where the bundle lies.
install_bundle() {
    [ -n "$bundle" ] || return 0
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    install -m 0644 "$bundle" "$copy/$(basename "$bundle")"
    chmod 0755 "$copy"
    (
        umask 0027
        cd /
        as_owner env XDG_CACHE_HOME="$copy/none" "$home/bin/python" -m mgdist_edge install \
            "$copy/$(basename "$bundle")" --into "$store" --require-signature "$settings/mgdist.pub"
    )
}

start() {
    [ -z "$root" ] || return 0
    systemctl daemon-reload
    systemctl enable --quiet mgdist-edge.service
    systemctl enable --quiet --now mgdist-edge.path
    systemctl start mgdist-edge.service
    [ "$changed" = no ] || systemctl try-restart mgdist-edge.service
    if grep -q '^MGDIST_EDGE_SOURCE=' "$settings/environment"; then
        systemctl enable --quiet --now mgdist-edge-watch.timer
    fi
}

changed=no
require_all
add_owner
install_wheel
write_settings
make_store
install_bundle
start
if [ "$changed" = yes ]; then echo "mgdist-edge is installed in $home"; else echo "mgdist-edge in $home is as it should be"; fi
