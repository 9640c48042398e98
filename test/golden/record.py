"""Records golden cases: inputs, results and gradients by autograd. Knows the file format, no operator.

Every input is a float64 tensor whose values are exact in float32, so that an f32 kernel and an f64
reference are given the very same numbers; every result is stored in float64.
"""

import base64
import json
import math
import zlib
from pathlib import Path
from typing import Callable, Mapping, Sequence

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor | None]

# A gradient nowhere above it is the rounding of one that vanishes, and is stored as zeros.
VANISHING = 1e-15

# Above this a tensor is stored as base64 of its bytes.
MOST_DECIMALS = 12


def exact(x: Tensor) -> Tensor:
    """Rounds to float32 and widens again."""
    return x.to(torch.float32).to(torch.float64)


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    """Normal numbers, exact in float32."""
    return exact(torch.randn(*shape, dtype=torch.float64) * scale + shift)


def uniform(low: float, high: float, *shape: int) -> Tensor:
    """Uniform numbers, exact in float32."""
    return exact(torch.rand(*shape, dtype=torch.float64) * (high - low) + low)


def mask(share: float, *shape: int) -> Tensor:
    """Ones with probability `share`, else zeros."""
    return (torch.rand(*shape) < share).to(torch.float64)


def encode(name: str, x: Tensor, dtype: str) -> dict:
    """A tensor as the files keep it."""
    x = x.detach().contiguous()
    head = {"name": name, "shape": list(x.shape), "dtype": dtype}
    stored = x.to(torch.float32 if dtype == "float32" else torch.float64)
    if x.numel() > MOST_DECIMALS:
        return {**head, "b64": base64.b64encode(stored.numpy().tobytes()).decode()}
    values = [round_trip(value, dtype) for value in stored.flatten().tolist()]
    return {**head, "data": values}


def round_trip(value: float, dtype: str) -> float | int:
    """The shortest decimal that gives the number back."""
    if not math.isfinite(value):
        raise ValueError("a golden tensor holds a number that is not finite")
    if value == int(value) and abs(value) < 1e15:
        return int(value)
    if dtype == "float64":
        return value
    for digits in range(6, 10):
        short = float(f"{value:.{digits}g}")
        if torch.tensor(short, dtype=torch.float32).item() == value:
            return short
    return value


def vanishes(gradient: Tensor | None) -> bool:
    return gradient is None or gradient.abs().max().item() < VANISHING


class Recorder:
    """The cases of one file."""

    def __init__(self) -> None:
        self.cases: list[dict] = []

    def add(
        self,
        op: str,
        title: str,
        inputs: Callable[[], Tensors],
        forward: Callable[[Tensors], Mapping[str, Tensor]],
        attrs: Mapping[str, object] | None = None,
        differentiate: Sequence[str] = (),
        seeds: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Runs `forward` and its adjoint, applied to random seeds, and keeps the case."""
        identity = f"{op}/{title}"
        torch.manual_seed(zlib.crc32(identity.encode()))
        given = dict(inputs())
        for name, x in given.items():
            if x is not None and not torch.equal(exact(x), x):
                raise ValueError(f"{identity}: {name} is not exact in float32")
        for name in differentiate:
            given[name] = given[name].clone().requires_grad_()
        outputs = dict(forward(given))
        case: dict = {"id": identity, "op": op, "attrs": dict(attrs or {})}
        case["inputs"] = [
            None if x is None else encode(name, x, "float32") for name, x in given.items()
        ]
        case["outputs"] = [encode(name, y, "float64") for name, y in outputs.items()]
        if differentiate:
            depend = {name: y for name, y in outputs.items() if y.requires_grad}
            d_outputs = {
                name: (seeds or {}).get(name, normal(*y.shape)) for name, y in depend.items()
            }
            total = sum((depend[name] * d_outputs[name]).sum() for name in depend)
            wanted = [given[name] for name in differentiate]
            gradients = torch.autograd.grad(total, wanted, allow_unused=True)
            case["dy"] = [
                encode(f"d_{name}", d_outputs[name], "float32") if name in d_outputs else None
                for name in outputs
            ]
            case["grads"] = [
                encode(name, torch.zeros_like(x) if vanishes(d) else d, "float64")
                for name, x, d in zip(differentiate, wanted, gradients)
            ]
        self.cases.append(case)
        return outputs

    def write(self, path: Path) -> None:
        """Writes the file, one case to a line."""
        header = {"source": f"PyTorch {torch.__version__}, float64, autograd"}
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in self.cases)
        path.write_text(f'{{"header":{json.dumps(header)},"cases":[\n{lines}\n]}}\n')
        print(f"{path.name}: {len(self.cases)} cases, {path.stat().st_size / 1024:.0f} KiB")
