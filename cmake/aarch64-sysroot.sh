#!/usr/bin/env bash
# Unpacks the arm64 builds of the libraries that mlx.c links into DIR, with package lists of its own:
# the machine's packages and architectures stay as they are. Usage: aarch64-sysroot.sh DIR
set -euo pipefail
to=$1
[ ! -f "$to/complete" ] || exit 0
rm -rf "$to"
mkdir -p "$to" "$to.lists/partial" "$to.debs"
apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
     -o Dir::State::Lists="$(realpath "$to.lists")" -o Dir::Cache="$(realpath "$to.lists")")
"${apt[@]}" update
(cd "$to.debs" && "${apt[@]}" download \
   libjansson-dev libjansson4 libpcre2-dev libpcre2-8-0 libutf8proc-dev libutf8proc2 \
   libcurl4-openssl-dev libcurl4 libedit-dev libedit2 libtinfo6 libbsd0 libmd0 \
   libcmocka-dev libcmocka0)
for package in "$to.debs"/*.deb; do dpkg -x "$package" "$to"; done
rm -rf "$to.lists" "$to.debs"
touch "$to/complete"
