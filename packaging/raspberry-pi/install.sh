#!/usr/bin/env bash
# lsrv on a Raspberry Pi (4 or 5, 64-bit system): bash packaging/raspberry-pi/install.sh, in the project's folder.
# It compiles llama.cpp for this very processor, which takes 20 to 40 minutes once: the ready wheels for ARM do without
# the dot products of a Pi 5.
set -euo pipefail
cd "$(dirname "$0")/../.."

machine=$(uname -m)
if [ "$machine" != aarch64 ]; then
    echo "This system is $machine; lsrv on a Raspberry Pi needs a 64-bit one (Raspberry Pi OS, 64-bit)." >&2
    exit 1
fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; this is $(python3 --version). Raspberry Pi OS 12 and newer have it." >&2
    exit 1
}
memory_mb=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
if [ "$memory_mb" -lt 3500 ] && [ "$(swapon --noheadings --show | wc -l)" -eq 0 ]; then
    echo "note: $memory_mb MB of memory and no swap; zram helps: sudo apt install systemd-zram-generator" >&2
fi

sudo apt-get install -y python3-venv build-essential cmake
python3 -m venv .venv
.venv/bin/pip install --upgrade pip
# One compiler at a time where memory is short: each takes up to a gigabyte.
jobs=$((memory_mb < 3500 ? 1 : 3))
CMAKE_BUILD_PARALLEL_LEVEL=$jobs CMAKE_ARGS="-DGGML_NATIVE=on" .venv/bin/pip install --no-cache-dir .

if [ ! -e models.pi.toml ]; then
    cp packaging/raspberry-pi/models.toml models.pi.toml
fi
echo "Ready: .venv/bin/lsrv from-config -f models.pi.toml"
