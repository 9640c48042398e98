"""Writes the golden vectors of this folder: own/*.json, computed by PyTorch in float64.

    python3 -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python test/golden/write_vectors.py

An implementation apart from the engine: it knows the formulas, none of the engine's code. Nothing but
these files depends on PyTorch.
"""

import sys
from pathlib import Path

import torch

sys.dont_write_bytecode = True

from bins import add_bins
from layers import add_layers
from losses import add_losses
from networks import add_networks
from record import Recorder

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

FILES = {
    "layers": add_layers,
    "bins": add_bins,
    "losses": add_losses,
    "networks": add_networks,
}


def main() -> None:
    folder = Path(__file__).parent / "own"
    folder.mkdir(exist_ok=True)
    for name, add in FILES.items():
        recorder = Recorder()
        add(recorder)
        recorder.write(folder / f"{name}.json")


if __name__ == "__main__":
    main()
