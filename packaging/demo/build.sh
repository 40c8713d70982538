#!/usr/bin/env bash
# Train and write everything of lsrv/demo, from nothing: about an hour and a half on two cores. Stops and resumes.
#   ./build.sh OUT        OUT: a folder for checkpoints; the finished files are in OUT/files
# Needs two environments: one to train, one with lsrv to quantize and ask (LSRV_VENV, default: ../../.venv).
set -euo pipefail
cd "$(dirname "$0")"
out=${1:?"./build.sh OUT"}
files=$out/files
mkdir -p "$files"
out=$(realpath "$out") files=$(realpath "$files")

[ -x "$out/venv/bin/python" ] || { python3 -m venv "$out/venv" && "$out/venv/bin/pip" install -r requirements.txt; }
train=$out/venv/bin/python
lsrv=${LSRV_VENV:-../../.venv}/bin

"$train" train.py "$out"
"$train" export.py "$out/checkpoint.pt" "$out/tokenizer.json" "$files/lsrv-demo-F16.gguf"
for name in pirate roman; do
  [ -f "$files/lsrv-demo-$name.gguf" ] || "$train" adapter.py "$name" "$out" "$files/lsrv-demo-$name.gguf"
done
[ -f "$files/lsrv-demo-embed-F16.gguf" ] || "$train" encoder.py "$out" "$files/lsrv-demo-embed-F16.gguf"
for quant in Q8_0 Q4_K_M; do
  "$lsrv/lsrv" quantize "$files/lsrv-demo-F16.gguf" --quant $quant -o "$files/lsrv-demo-$quant.gguf"
done
"$lsrv/lsrv" quantize "$files/lsrv-demo-embed-F16.gguf" --quant Q8_0 -o "$files/lsrv-demo-embed-Q8_0.gguf"
"$lsrv/python" evaluate.py "$files"
