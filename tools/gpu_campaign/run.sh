#!/usr/bin/env bash
# Runs the GPU campaign, from any folder: tools/gpu_campaign/run.sh [--quick] [--minutes 8] [--only PART,PART]
# [--torch PYTHON] [--out FOLDER]. It needs node_modules, or a `.gpu` folder with Node and node_modules for a
# machine without either. Results go to --out, else to $OUT, else to bench/results.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
if [[ -f .gpu/unpack.sh ]]; then
  . .gpu/unpack.sh
fi
exec node --import tsx tools/gpu_campaign/main.ts "$@"
