"""Time and memory of one image through Depth Anything Small in PyTorch, beside bench/depth_anything.ts.

    venv/bin/python bench/rivals/depth_anything.py [HxW] [RUNS]

The weights are random, since no time depends on them. Needs torch and transformers.
"""

import os
import resource
import sys
import time

import torch
import transformers
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

height, width = map(int, (sys.argv[1] if len(sys.argv) > 1 else "518x924").split("x"))
runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
torch.set_num_threads(len(os.sched_getaffinity(0)))
backbone = Dinov2Config(
    hidden_size=384,
    num_hidden_layers=12,
    num_attention_heads=6,
    image_size=518,
    patch_size=14,
    out_indices=[3, 6, 9, 12],
    reshape_hidden_states=False,
)
config = DepthAnythingConfig(
    backbone_config=backbone,
    reassemble_hidden_size=384,
    neck_hidden_sizes=[48, 96, 192, 384],
    fusion_hidden_size=64,
    head_hidden_size=32,
)
model = DepthAnythingForDepthEstimation(config).eval()
image = torch.randn(1, 3, height, width)
times = []
for _ in range(runs + 1):
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.no_grad():
        model(image)
    times.append((time.perf_counter() - wall, time.process_time() - cpu))
wall, cpu = (min(column) for column in zip(*times[1:]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"PyTorch {torch.__version__}, transformers {transformers.__version__}, {torch.get_num_threads()} threads")
print(f"one image of {height}x{width}, best of {runs}: {wall:.2f} s, {cpu:.2f} s of processor time; peak {peak:.0f} MiB")
