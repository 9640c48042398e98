"""Writes golden vectors of Depth Anything, computed by Hugging Face's transformers in float32.

    python3 -m venv venv && venv/bin/pip install torch transformers safetensors numpy pillow opencv-python-headless
    venv/bin/python test/golden/depth_anything.py            # depth_anything/: a tiny network, committed
    venv/bin/python test/golden/depth_anything.py small DIR  # a network of published widths, random weights

The weights are random. config.json and model.safetensors are what the model itself saves; vectors.safetensors
has the stages of the forward pass and the images that OpenCV and Pillow resize.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import PIL
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

torch.set_num_threads(1)

VERSIONS = (
    f"PyTorch {torch.__version__}, transformers {transformers.__version__}, "
    f"OpenCV {cv2.__version__}, Pillow {PIL.__version__}"
)
# hidden size, layers, heads, side of the position grid, fusion, neck, head, taps from 1
SIZES = {
    "tiny": (24, 4, 3, 4, 10, [6, 8, 10, 12], 5, [1, 2, 3, 4]),
    "small": (384, 12, 6, 37, 64, [48, 96, 192, 384], 32, [3, 6, 9, 12]),
    "base": (768, 12, 12, 37, 128, [96, 192, 384, 768], 32, [3, 6, 9, 12]),
    "large": (1024, 24, 16, 37, 256, [256, 512, 1024, 1024], 32, [5, 12, 18, 24]),
}


def configuration(name: str) -> DepthAnythingConfig:
    hidden, layers, heads, grid, fusion, neck, head, taps = SIZES[name]
    backbone = Dinov2Config(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        image_size=14 * grid,
        patch_size=14,
        out_indices=taps,
        reshape_hidden_states=False,
    )
    return DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=hidden,
        neck_hidden_sizes=neck,
        fusion_hidden_size=fusion,
        head_hidden_size=head,
    )


def random_model(config: DepthAnythingConfig) -> DepthAnythingForDepthEstimation:
    """A model whose every tensor matters: no zeros, no ones, an output above 0 almost everywhere."""
    torch.manual_seed(11)
    model = DepthAnythingForDepthEstimation(config).eval()
    with torch.no_grad():
        for name, x in model.named_parameters():
            if x.ndim >= 2 and "position" not in name and "token" not in name:
                fan_in = x[0].numel() if "resize" not in name or x.shape[-1] == 3 else x.shape[0]
                x.normal_(0, 1.2 * fan_in**-0.5)
            elif "lambda1" in name:
                x.uniform_(0.2, 0.6)
            elif "norm" in name and name.endswith("weight"):
                x.uniform_(0.7, 1.3)
            else:
                x.normal_(0, 0.3)
        # an output above 0 nearly everywhere, or the last rectifier would hide the rest
        raw = []
        hook = model.head.conv3.register_forward_hook(lambda _, __, y: raw.append(y))
        model(torch.randn(1, 3, 70, 98))
        hook.remove()
        model.head.conv3.bias.sub_(raw[0].flatten().quantile(0.02))
        # half precision halves the file and still is exact in float32
        for x in model.parameters():
            x.copy_(x.half().float())
    return model


def stages(model: DepthAnythingForDepthEstimation, pixels: Tensor, prefix: str) -> dict[str, Tensor]:
    """The stages of a forward pass, channels last. pixels [1,3,H,W]."""
    kept = {f"{prefix}.pixels": pixels.permute(0, 2, 3, 1)}
    with torch.no_grad():
        kept[f"{prefix}.embedded"] = model.backbone.embeddings(pixels)
        taps = model.backbone(pixels).feature_maps
        rows, columns = pixels.shape[2] // 14, pixels.shape[3] // 14
        for i, tap in enumerate(taps):
            kept[f"{prefix}.tap{i}"] = tap[:, 1:]
        paths = model.neck(taps, rows, columns)
        for i, path in enumerate(paths[:-1]):
            kept[f"{prefix}.path{4 - i}"] = path.permute(0, 2, 3, 1)
        kept[f"{prefix}.depth"] = model(pixels).predicted_depth
    return {name: x.contiguous().float() for name, x in kept.items()}


def original_rule(model: DepthAnythingForDepthEstimation, rows: int, columns: int) -> Tensor:
    """Position embeddings as the original repositories interpolate them: 0.1 is added to either size."""
    grid = model.backbone.embeddings.position_embeddings[:, 1:]
    side = int(grid.shape[1] ** 0.5)
    grid = grid.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    scale = ((rows + 0.1) / side, (columns + 0.1) / side)
    made = torch.nn.functional.interpolate(
        grid, scale_factor=scale, mode="bicubic", align_corners=False
    )
    assert tuple(made.shape[2:]) == (rows, columns)
    return made.permute(0, 2, 3, 1).detach().contiguous()


def pictures() -> dict[str, Tensor]:
    """An image and what OpenCV and Pillow make of it."""
    kept = {}
    generator = np.random.default_rng(5)
    for name, (height, width), (rows, columns) in [
        ("larger", (9, 13), (28, 42)),
        ("smaller", (31, 40), (14, 28)),
        ("mixed", (12, 30), (14, 14)),
        ("same", (14, 28), (14, 28)),
    ]:
        image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        by_opencv = cv2.resize(image / 255.0, (columns, rows), interpolation=cv2.INTER_CUBIC)
        by_pillow = np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC))
        kept[f"{name}.image"] = torch.from_numpy(image)
        kept[f"{name}.opencv"] = torch.from_numpy(by_opencv)
        kept[f"{name}.pillow"] = torch.from_numpy(by_pillow.copy())
    return kept


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "tiny"
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent / "depth_anything"
    folder.mkdir(parents=True, exist_ok=True)
    model = random_model(configuration(name))
    torch.manual_seed(12)
    kept = stages(model, torch.randn(1, 3, 70, 98), "wide")
    if name == "tiny":
        kept |= stages(model, torch.randn(1, 3, 56, 56), "square")
        kept["original_rule.5x7"] = original_rule(model, 5, 7)
        kept["original_rule.3x2"] = original_rule(model, 3, 2)
        kept |= pictures()
        metric = DepthAnythingConfig.from_dict(
            model.config.to_dict() | {"depth_estimation_type": "metric", "max_depth": 20}
        )
        sibling = DepthAnythingForDepthEstimation(metric).eval()
        sibling.load_state_dict(model.state_dict())
        pixels = torch.randn(1, 3, 28, 42)
        with torch.no_grad():
            kept["metric.pixels"] = pixels.permute(0, 2, 3, 1).contiguous()
            kept["metric.depth"] = sibling(pixels).predicted_depth.contiguous()
    save_file(kept, folder / "vectors.safetensors", {"source": VERSIONS})
    # the names of published files, which differ from those of the modules
    (model.half() if name == "tiny" else model).save_pretrained(folder)
    depth = kept["wide.depth"]
    print(f"{name}: depth {depth.min():.3f} to {depth.max():.3f}, {(depth == 0).float().mean():.3f} zeros")
    for file in sorted(folder.iterdir()):
        print(f"{file.name}: {file.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
