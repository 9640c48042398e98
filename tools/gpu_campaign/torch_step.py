# Times a student's training step in PyTorch: the same network with the same parameters, in PyTorch's own
# layers, supervised by sparse depths (SILog) and updated by AdamW, f32 without TF32, channels last, on the GPU
# if there is one. Before that, it compares the depths of the network with those of the engine that asks.
# Reads the student as JSON from stdin and prints one JSON text. torch_step.ts calls it.
import json
import os
import statistics
import sys
import time

import numpy
import torch
from torch.nn import functional as F

torch.backends.cudnn.allow_tf32 = False
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.benchmark = True
device = "cuda" if torch.cuda.is_available() else "cpu"
if device == "cpu":
    torch.set_num_threads(len(os.sched_getaffinity(0)))

EPSILON = 1e-5
GROUP_CHANNELS = 8
RESNETS = {"resnet18": [2, 2, 2, 2], "resnet34": [3, 4, 6, 3]}


class Student:
    """A student from its named parameters: OHWI weights become OIHW."""

    def __init__(self, given):
        self.name = given["student"]
        self.bins = given["bins"]
        self.depth_max_m = given["depth_max_m"]
        numbers = iter(numpy.split(numpy.fromfile(given["values"], "<f4"), given["ends"]))
        self.own = {
            name: self.placed(next(numbers).reshape(shape)).requires_grad_()
            for name, shape in given["parameters"]
        }
        self.running = {
            name: self.placed(next(numbers).reshape(shape)) for name, shape in given["states"]
        }
        self.training = False

    def placed(self, numbers):
        value = torch.from_numpy(numbers.copy()).to(device)
        if value.dim() == 4:
            value = value.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        return value

    def norm(self, x, kind, name):
        if kind == "none":
            return x
        gamma, beta = self.own[f"{name}.weight"], self.own[f"{name}.bias"]
        if kind == "group":
            groups = max(1, x.shape[1] // GROUP_CHANNELS)
            return F.group_norm(x, groups, gamma, beta, EPSILON)
        mean, variance = (self.running[f"{name}.running_{it}"] for it in ("mean", "variance"))
        return F.batch_norm(x, mean, variance, gamma, beta, self.training, 0.1, EPSILON)

    def conv(self, x, name, stride=1, reflect=False, norm="none", norm_name=None, act=None):
        weight, bias = self.own[f"{name}.weight"], self.own.get(f"{name}.bias")
        pad = (weight.shape[2] - 1) // 2
        if reflect and pad > 0:
            x, pad = F.pad(x, (pad,) * 4, mode="reflect"), 0
        x = F.conv2d(x, weight, bias, stride, pad)
        x = self.norm(x, norm, norm_name or f"{name}_norm")
        return x if act is None else act(x)

    def encode(self, x):
        if self.name == "nano":
            features = []
            for level in range(1, 6):
                named = {"norm": "group", "act": F.relu}
                x = self.conv(x, f"encoder.{level}.down", stride=2, **named)
                if level > 1:
                    x = x + self.conv(x, f"encoder.{level}.mix", **named)
                features.append(x)
            return features
        x = self.conv(x, "encoder.conv1", 2, norm="batch", norm_name="encoder.bn1", act=F.relu)
        features = [x]
        x = F.max_pool2d(x, 3, 2, 1)
        for stage, blocks in enumerate(RESNETS[self.name]):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                x = self.block(x, f"encoder.layer{stage + 1}.{block}", stride)
            features.append(x)
        return features

    def block(self, x, name, stride):
        def part(value, conv, norm, **options):
            names = {"norm": "batch", "norm_name": f"{name}.{norm}"}
            return self.conv(value, f"{name}.{conv}", **names, **options)

        y = part(x, "conv1", "bn1", stride=stride, act=F.relu)
        y = part(y, "conv2", "bn2")
        if f"{name}.downsample.0.weight" in self.own:
            x = part(x, "downsample.0", "downsample.1", stride=stride)
        return F.relu(y + x)

    def decode(self, features):
        if self.name == "nano":
            options = {"norm": "group", "act": F.elu}
        else:
            options = {"reflect": True, "act": F.elu}
        x, decoded = features[-1], []
        for stage in range(4):
            skip = features[3 - stage]
            x = self.conv(x, f"decoder.{stage + 1}.before", **options)
            x = F.interpolate(x, skip.shape[2:], mode="nearest")
            x = self.conv(torch.cat([x, skip], 1), f"decoder.{stage + 1}.after", **options)
            decoded.append(x)
        return decoded

    def projector(self, x, name):
        return self.conv(F.relu(self.conv(x, f"{name}.0")), f"{name}.1")

    def depth_m(self, images, focal_scale):
        """images [V, 4, H, W], focal_scale [V] -> depth in metres [V, 1, H/2, W/2]."""
        features = self.encode(images)
        decoded = self.decode(features)
        x = self.conv(features[-1], "head.bottleneck")
        raw = self.conv(F.relu(self.conv(x, "head.seed.0")), "head.seed.1")
        widths = F.softplus(raw)
        centers = 0.1 / self.depth_max_m + widths.cumsum(1) - widths / 2
        embedding = self.projector(x, "head.seed_projector")
        for level, feature in enumerate(decoded):
            name = f"head.level{level + 1}"
            size = {"size": feature.shape[2:], "mode": "bilinear", "align_corners": True}
            projected = self.projector(feature, f"{name}.projector")
            z = projected + F.interpolate(embedding, **size)
            inner = F.relu(self.conv(z, f"{name}.attractor.0"))
            attractors = F.softplus(self.conv(inner, f"{name}.attractor.1"))
            centers = F.interpolate(centers, **size)
            apart = attractors.unsqueeze(2) - centers.unsqueeze(1)
            centers = centers + (apart / (1 + 1000 * apart * apart)).mean(1)
            embedding = projected
        joined = torch.cat([decoded[-1], embedding], 1)
        pairs = F.softplus(self.conv(F.gelu(self.conv(joined, "head.binomial.0")), "head.binomial.1"))
        a1, a2, b1, b2 = (pairs + 1e-4).unsqueeze(2).unbind(1)
        probability = a1 / (a1 + a2)
        temperature = 0.0212 + (50 - 0.0212) * b1 / (b1 + b2)
        n = self.bins - 1
        k = torch.arange(self.bins, device=device, dtype=torch.float32).view(1, -1, 1, 1)
        choose = torch.special.xlogy(torch.tensor(float(n)), torch.tensor(float(n)))
        choose = choose - torch.special.xlogy(k, k) - torch.special.xlogy(n - k, n - k)
        p, q = probability.clamp(1e-4, 1), (1 - probability).clamp(1e-4, 1)
        logits = (choose + k * p.log() + (n - k) * q.log()) / temperature
        expected = (logits.softmax(1) * centers).sum(1, keepdim=True)
        return expected * (self.depth_max_m * focal_scale).view(-1, 1, 1, 1)


def silog(depth_m, truth_m, valid):
    error = (depth_m[valid].log() - truth_m[valid].log())
    return 10 * (error.square().mean() - 0.85 * error.mean().square()).clamp_min(1e-12).sqrt()


def settle():
    if device == "cuda":
        torch.cuda.synchronize()


def upsampled(depth_m, height, width):
    return F.interpolate(depth_m, (height, width), mode="bilinear", align_corners=False)


def compared(student, given):
    """The largest relative difference to the depths of the engine that asks."""
    views, height, width = given["views"], *given["compared"]
    images, focal_scale, wanted_m = (
        torch.from_numpy(part)
        for part in numpy.split(
            numpy.fromfile(given["moment"], "<f4"),
            [4 * views * height * width, 4 * views * height * width + views],
        )
    )
    images = images.view(views, height, width, 4).permute(0, 3, 1, 2)
    with torch.no_grad():
        depth_m = student.depth_m(images.to(device), focal_scale.to(device))
        depth_m = upsampled(depth_m, height, width).cpu()
    wanted_m = wanted_m.view(depth_m.shape)
    return ((depth_m - wanted_m).abs() / wanted_m).max().item()


def timed(student, given):
    views, height, width = given["views"], *given["timed"]
    student.training = True
    images = torch.randn(views, 4, height, width, device=device)
    images = images.to(memory_format=torch.channels_last)
    focal_scale = torch.ones(views, device=device)
    truth_m = torch.rand(views, 1, height, width, device=device) * 70 + 1
    valid = torch.rand(views, 1, height, width, device=device) < 0.05
    parameters = list(student.own.values())
    how = {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.01}
    optimizer = torch.optim.AdamW(parameters, **how, **({"fused": True} if device == "cuda" else {}))

    def step():
        optimizer.zero_grad(set_to_none=True)
        depth_m = upsampled(student.depth_m(images, focal_scale), height, width)
        loss = silog(depth_m, truth_m, valid)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss

    for _ in range(5 if device == "cuda" else 1):
        loss = step()
    times = []
    for _ in range(given["rounds"]):
        settle()
        start = time.perf_counter()
        loss = step()
        settle()
        times.append(1e3 * (time.perf_counter() - start))
    if not torch.isfinite(loss):
        sys.exit("the loss is not finite")
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else None
    return {"step_ms": statistics.median(times), "peak_bytes": peak}


given = json.load(sys.stdin)
student = Student(given)
worst = compared(student, given)
if not worst < given["tolerance"]:
    sys.exit(f"the depths of PyTorch are {worst:.1e} off")
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
            "worst": worst,
            **timed(student, given),
        }
    )
)
