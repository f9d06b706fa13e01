#!/usr/bin/env bash
# Debian packages that the tests of the command line and the copy benchmark need beside Ceph.
#
#   cli-tools.sh install    install them (as root)
#   cli-tools.sh check      end well if all of them are there
set -euo pipefail

# rclone: what copies are measured against. faketime: a clock that is wrong. zsh, fish: shells that complete.
PACKAGES=(rclone faketime zsh fish)

case ${1:-} in
  install)
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${PACKAGES[@]}"
    ;;
  check) for tool in "${PACKAGES[@]}"; do command -v "$tool" >/dev/null; done ;;
  *)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac
