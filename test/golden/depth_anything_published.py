"""Writes depth maps of networks of published widths, computed by Hugging Face's transformers in float32.

    venv/bin/python test/golden/depth_anything_published.py   # depth_anything/published.safetensors

The weights are too many to commit. Each is a hash of its tensor's name and its place, so that
test/teacher/foundation/random_weights.ts makes the same numbers.
"""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from depth_anything import SIZES, VERSIONS, configuration
from safetensors.numpy import load_file, save_file
from transformers import DepthAnythingForDepthEstimation

SIZES["large4"] = (1024, 4, 16, 37, 256, [256, 512, 1024, 1024], 32, [1, 2, 3, 4])
HEIGHT, WIDTH = 28, 42


def uniform(name: str, count: int) -> np.ndarray:
    """Numbers from -1 to below 1, exact in float32."""
    seed = 2166136261
    for letter in name.encode():
        seed = (seed ^ letter) * 16777619 & 0xFFFFFFFF
    x = np.uint32(seed) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    x = x ^ (x >> np.uint32(16))
    return (x >> np.uint32(8)).astype(np.float64) / 2**23 - 1


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    u = uniform(name, math.prod(shape))
    if len(shape) >= 2 and "position" not in name and "token" not in name:
        transposed = "resize" in name and shape[-1] != 3
        fan_in = shape[0] if transposed else math.prod(shape[1:])
        values = u * (2 / math.sqrt(fan_in))
    elif "lambda1" in name:
        values = 0.4 + 0.2 * u
    elif "norm" in name and name.endswith("weight"):
        values = 1 + 0.3 * u
    else:
        values = 0.5 * u
    return values.astype(np.float32).reshape(shape)


def main() -> None:
    kept = {}
    for name in ["small", "large4"]:
        with tempfile.TemporaryDirectory() as folder:
            model = DepthAnythingForDepthEstimation(configuration(name))
            model.save_pretrained(folder)
            file = Path(folder) / "model.safetensors"
            stored = load_file(file)
            save_file({key: weight(key, x.shape) for key, x in stored.items()}, file, {"format": "pt"})
            model = DepthAnythingForDepthEstimation.from_pretrained(folder).eval()
            if name == "large4":
                told = json.loads((Path(folder) / "config.json").read_text())
                (Path(__file__).parent / "depth_anything" / "large4.json").write_text(json.dumps(told, indent=2) + "\n")
        pixels = torch.from_numpy(2 * uniform("pixels", 3 * HEIGHT * WIDTH).astype(np.float32))
        pixels = pixels.reshape(1, HEIGHT, WIDTH, 3).permute(0, 3, 1, 2).contiguous()
        with torch.no_grad():
            # an output above 0 nearly everywhere, or the last rectifier would hide the rest
            raw = []
            hook = model.head.conv3.register_forward_hook(lambda _, __, y: raw.append(y))
            model(pixels)
            hook.remove()
            bias = model.head.conv3.bias
            bias.sub_(raw[0].flatten().quantile(0.02)).copy_(bias.half().float())
            kept[f"{name}.bias"] = bias.numpy()
            kept[f"{name}.depth"] = model(pixels).predicted_depth.numpy()
        depth = kept[f"{name}.depth"]
        print(f"{name}: depth {depth.min():.3f} to {depth.max():.3f}, {(depth == 0).mean():.3f} zeros")
    file = Path(__file__).parent / "depth_anything" / "published.safetensors"
    save_file(kept, file, {"source": VERSIONS})
    print(f"{file.name}: {file.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
