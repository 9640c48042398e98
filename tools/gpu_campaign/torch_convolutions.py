# Times the convolutions of a training step in PyTorch: forward pass and both gradients, f32 without TF32,
# channels last, on the GPU if there is one. Reads the problems as JSON from stdin, prints one JSON text.
import json
import statistics
import sys
import time

import torch
from torch.nn import functional as F

torch.backends.cudnn.allow_tf32 = False
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.benchmark = True
device = "cuda" if torch.cuda.is_available() else "cpu"


def settle():
    if device == "cuda":
        torch.cuda.synchronize()


def milliseconds(work, rounds):
    for _ in range(3 if device == "cuda" else 1):
        work()
    times = []
    for _ in range(rounds):
        settle()
        start = time.perf_counter()
        work()
        settle()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def measured(p, rounds):
    last = torch.channels_last
    v, h, w, c = p["x"]
    o, kh, kw, i = p["weight"]
    above, below, left, right = p["padding"]
    x = torch.randn(v, c, h, w, device=device).to(memory_format=last)
    weight = torch.randn(o, i, kh, kw, device=device).to(memory_format=last)
    if (above, left) != (below, right):
        x = F.pad(x, (left, right, above, below)).to(memory_format=last)
        above = left = 0
    how = {"stride": p["stride"], "padding": (above, left), "groups": p["groups"]}
    d_y = torch.randn_like(F.conv2d(x, weight, **how))
    d_x = lambda: torch.nn.grad.conv2d_input(x.shape, weight, d_y, **how)
    return {
        **p,
        "forward_ms": milliseconds(lambda: F.conv2d(x, weight, **how), rounds),
        "d_x_ms": milliseconds(d_x, rounds) if p["differentiated"] else 0,
        "d_weight_ms": milliseconds(
            lambda: torch.nn.grad.conv2d_weight(x, weight.shape, d_y, **how), rounds
        ),
    }


given = json.load(sys.stdin)
rows = [measured(p, given["rounds"]) for p in given["problems"]]
step_ms = sum(r["count"] * (r["forward_ms"] + r["d_x_ms"] + r["d_weight_ms"]) for r in rows)
name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
print(json.dumps({"torch": torch.__version__, "device": name, "step_ms": step_ms, "rows": rows}))
