"""Writes the golden vectors of a small residual encoder beside this file, computed by PyTorch in float64.

    python3 -m venv venv && venv/bin/pip install torch transformers safetensors numpy
    venv/bin/python test/student/golden/write_resnet.py

The network is Hugging Face's ResNetModel with few channels; the same weights are also written under the
names of torchvision, from a module of that structure, whose outputs must be equal.
"""

from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import ResNetConfig, ResNetModel

CHANNELS = [4, 6, 8, 10]
BLOCKS = [1, 2, 1, 1]
FOLDER = Path(__file__).parent
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__}


class Block(nn.Module):
    """A basic block with torchvision's names."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class Encoder(nn.Module):
    """A residual network with torchvision's names and few channels."""

    def __init__(self):
        super().__init__()
        width = CHANNELS[0]
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for stage, (channels, blocks) in enumerate(zip(CHANNELS, BLOCKS)):
            layer = nn.Sequential()
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layer.append(Block(width, channels, stride))
                width = channels
            setattr(self, f"layer{stage + 1}", layer)
        self.fc = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.bn1(self.conv1(x)).relu()
        features = [x]
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            features.append(x)
        return features


def exact(x: Tensor) -> Tensor:
    return x.to(torch.float32).to(torch.float64)


def randomize(model: nn.Module) -> None:
    """Weights and running statistics that no mistake leaves alone, exact in float32."""
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            tensor.fill_(7)
        elif name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            tensor.copy_(exact(torch.rand_like(tensor) + 0.5))
        elif tensor.ndim == 1:
            tensor.copy_(exact(torch.randn_like(tensor) * 0.3))
        else:
            fan_in = tensor[0].numel()
            tensor.copy_(exact(torch.randn_like(tensor) * (2 / fan_in) ** 0.5))


def features_of(model: ResNetModel, images: Tensor) -> list[Tensor]:
    """The features at 1/4 to 1/32; the stem's is inside of the embedder."""
    return list(model(images, output_hidden_states=True).hidden_states[1:])


def main() -> None:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    config = ResNetConfig(
        num_channels=3, embedding_size=CHANNELS[0], hidden_sizes=CHANNELS, depths=BLOCKS, layer_type="basic"
    )
    other = ResNetModel(config)
    own = Encoder()
    randomize(own)
    pairs = [name for name in own.state_dict() if not name.startswith("fc.")]
    renamed = {hugging_face_name(name): own.state_dict()[name] for name in pairs}
    other.load_state_dict(renamed)
    images = exact(torch.randn(2, 3, 32, 64))
    results: dict[str, Tensor] = {"images": images}
    for mode in ("eval", "train"):
        for model in (own, other):
            model.train(mode == "train")
        features = own(images)
        for mine, theirs in zip(features[1:], features_of(other, images), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
        for level, feature in enumerate(features, 1):
            results[f"{mode}.feature{level}"] = feature.detach()
        if mode == "eval":
            weights = {name: tensor.clone() for name, tensor in own.state_dict().items()}
            weights_other = {name: tensor.clone() for name, tensor in other.state_dict().items()}
            continue
        seeds = [exact(torch.randn_like(feature)) for feature in features]
        sum((feature * seed).sum() for feature, seed in zip(features, seeds)).backward()
        for level, seed in enumerate(seeds, 1):
            results[f"seed{level}"] = seed
        for name, parameter in own.named_parameters():
            if parameter.grad is not None:
                results[f"gradient.{name}"] = parameter.grad
        for name, tensor in own.state_dict().items():
            if "running" in name:
                results[f"after.{name}"] = tensor
    narrow = lambda tensors: {
        name: (x.to(torch.float32) if x.is_floating_point() else x).contiguous() for name, x in tensors.items()
    }
    save_file(narrow(weights), FOLDER / "resnet_torchvision.safetensors", VERSIONS)
    prefixed = {f"resnet.{name}": x for name, x in weights_other.items()}
    save_file(narrow(prefixed), FOLDER / "resnet_hugging_face.safetensors", VERSIONS)
    given = {name: x for name, x in results.items() if name == "images" or name.startswith("seed")}
    made = {name: x.contiguous() for name, x in results.items()} | narrow(given)
    save_file(made, FOLDER / "resnet_results.safetensors", VERSIONS)


def hugging_face_name(name: str) -> str:
    """The name of torchvision's tensor in Hugging Face's model."""
    *path, tensor = name.split(".")
    kind = "convolution" if path[-1].startswith("conv") or path[-1] == "0" else "normalization"
    if path[0] in ("conv1", "bn1"):
        return f"embedder.embedder.{kind}.{tensor}"
    at = f"encoder.stages.{int(path[0][-1]) - 1}.layers.{path[1]}"
    if path[2] == "downsample":
        return f"{at}.shortcut.{kind}.{tensor}"
    return f"{at}.layer.{int(path[2][-1]) - 1}.{kind}.{tensor}"


if __name__ == "__main__":
    main()
