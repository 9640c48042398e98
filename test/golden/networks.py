"""Golden cases of pieces of the networks: ResNet's basic block, a stage of Monodepth2's decoder, the
metric-bins head as a whole, and AdamW with the gradient clipped by its global norm.

Parameters are inputs of a case under their names in the engine.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from bins import (
    attract,
    log_binomial,
    log_binomial_head,
    seed_bias,
    seed_centers,
    softplus,
)
from layers import channels_first, channels_last, convolve
from record import Recorder, exact, normal, uniform


def same_padding(kernel: int) -> tuple[int, int, int, int]:
    return ((kernel - 1) // 2,) * 4


def basic_block(of, name: str, x: Tensor, stride: int) -> tuple[Tensor, dict[str, Tensor]]:
    """ResNet's basic block in training, with the running statistics after it."""
    states: dict[str, Tensor] = {}

    def convolution(conv, norm, image, kernel, step):
        weight = of[f"{name}.{conv}.weight"]
        y = convolve(image, weight, None, (step, step), same_padding(kernel))
        running = {
            kind: of[f"{name}.{norm}.running_{kind}"].clone() for kind in ("mean", "variance")
        }
        y = F.batch_norm(
            channels_first(y),
            running["mean"],
            running["variance"],
            of[f"{name}.{norm}.weight"],
            of[f"{name}.{norm}.bias"],
            training=True,
            momentum=0.1,
            eps=1e-5,
        )
        for kind, value in running.items():
            states[f"{name}.{norm}.running_{kind}"] = value
        return channels_last(y)

    y = convolution("conv1", "bn1", x, 3, stride).relu()
    y = convolution("conv2", "bn2", y, 3, 1)
    if f"{name}.downsample.0.weight" in of:
        x = convolution("downsample.0", "downsample.1", x, 1, stride)
    return (x + y).relu(), states


def add_basic_block(to: Recorder) -> None:
    for title, c, o, stride in [("same", 6, 6, 1), ("down", 4, 8, 2)]:

        def given():
            parts = [("conv1", "bn1", (o, 3, 3, c)), ("conv2", "bn2", (o, 3, 3, o))]
            if stride > 1:
                parts.append(("downsample.0", "downsample.1", (o, 1, 1, c)))
            tensors = {"x": normal(2, 7, 8, c)}
            for conv, norm, shape in parts:
                tensors[f"block.{conv}.weight"] = normal(*shape, scale=0.3)
                tensors[f"block.{norm}.weight"] = uniform(0.5, 1.5, o)
                tensors[f"block.{norm}.bias"] = normal(o, scale=0.3)
                tensors[f"block.{norm}.running_mean"] = normal(o)
                tensors[f"block.{norm}.running_variance"] = uniform(0.5, 2, o)
            return tensors

        def block(of):
            y, states = basic_block(of, "block", of["x"], stride)
            return {"y": y, **states}

        torch.manual_seed(0)
        names = [name for name in given() if "running" not in name]
        to.add("basic_block", title, given, block, {"channels": o, "stride": stride}, names)


def add_decoder(to: Recorder) -> None:
    # Fine to coarse; stages two and four keep the size, which upsampling must leave alone.
    features = [(8, 12, 2), (8, 12, 3), (4, 6, 4), (4, 6, 3), (2, 3, 5)]
    channels = [5, 4, 3, 2]

    def reflected(of, name, x):
        padded = channels_last(F.pad(channels_first(x), (1, 1, 1, 1), mode="reflect"))
        return F.elu(convolve(padded, of[f"{name}.weight"], of[f"{name}.bias"]))

    def given():
        tensors = {
            f"feature{level}": normal(2, *shape) for level, shape in enumerate(features, 1)
        }
        width = features[-1][2]
        for stage, o in enumerate(channels, 1):
            skip = features[-1 - stage][2]
            for at, c in (("before", width), ("after", o + skip)):
                name = f"decoder.{stage}.{at}"
                tensors[f"{name}.weight"] = normal(o, 3, 3, c, scale=(9 * c) ** -0.5)
                tensors[f"{name}.bias"] = normal(o, scale=0.2)
            width = o
        return tensors

    def decoder(of):
        x = of[f"feature{len(features)}"]
        outputs = {}
        for stage in range(1, len(channels) + 1):
            skip = of[f"feature{len(features) - stage}"]
            x = reflected(of, f"decoder.{stage}.before", x)
            x = F.interpolate(channels_first(x), skip.shape[1:3], mode="nearest")
            x = torch.cat([channels_last(x), skip], 3)
            x = reflected(of, f"decoder.{stage}.after", x)
            outputs[f"decoded{stage}"] = x
        return outputs

    torch.manual_seed(0)
    to.add("unet_decoder", "Monodepth2", given, decoder, {"channels": channels}, list(given()))


# Of config_zoedepth.json.
ATTRACTION = 1000.0


def metric_bins(of, bottleneck: Tensor, decoded: list[Tensor], bins: int, depth_max_m: float):
    """The metric-bins head: logits, centres in units of the largest depth, and the finest embedding."""

    def point(name, x):
        return convolve(x, of[f"{name}.weight"], of[f"{name}.bias"])

    def project(name, x):
        return point(f"{name}.1", point(f"{name}.0", x).relu())

    def up(x, size):
        return channels_last(
            F.interpolate(channels_first(x), size, mode="bilinear", align_corners=True)
        )

    x = point("head.bottleneck", bottleneck)
    centers = seed_centers(point("head.seed.1", point("head.seed.0", x).relu()), depth_max_m)
    embedding = project("head.seed_projector", x)
    for level, feature in enumerate(decoded, 1):
        name = f"head.level{level}"
        size = feature.shape[1:3]
        projected = project(f"{name}.projector", feature)
        z = projected + up(embedding, size)
        attractors = softplus(point(f"{name}.attractor.1", point(f"{name}.attractor.0", z).relu()))
        centers = attract(up(centers, size), attractors, ATTRACTION, "inverse", 2)
        embedding = projected
    joined = torch.cat([decoded[-1], embedding], 3)
    pairs = softplus(point("head.binomial.1", F.gelu(point("head.binomial.0", joined))))
    pi, t = log_binomial_head(pairs)
    return {"logits": log_binomial(pi, t, bins), "centers": centers, "embedding": embedding}


def add_metric_bins(to: Recorder) -> None:
    bins, depth_max_m, embedding, hidden = 16, 80.0, 6, 7
    attractors = [4, 3]
    sizes = [(4, 6, 5), (8, 12, 4)]
    c = 5

    def linear(name, rows, columns, bias=None):
        return {
            f"{name}.weight": normal(rows, 1, 1, columns, scale=columns**-0.5),
            f"{name}.bias": normal(rows, scale=0.1) if bias is None else bias,
        }

    def given():
        tensors = {"bottleneck": normal(2, 2, 3, c)}
        for level, (h, w, channels) in enumerate(sizes, 1):
            tensors[f"decoded{level}"] = normal(2, h, w, channels)
        tensors |= linear("head.bottleneck", c, c)
        tensors |= linear("head.seed.0", hidden, c)
        tensors |= linear("head.seed.1", bins, hidden, exact(seed_bias(bins, depth_max_m)))
        tensors["head.seed.1.weight"] = exact(tensors["head.seed.1.weight"] * 0.3)
        tensors |= linear("head.seed_projector.0", hidden, c)
        tensors |= linear("head.seed_projector.1", embedding, hidden)
        for level, ((_, _, channels), count) in enumerate(zip(sizes, attractors), 1):
            name = f"head.level{level}"
            tensors |= linear(f"{name}.projector.0", hidden, channels)
            tensors |= linear(f"{name}.projector.1", embedding, hidden)
            tensors |= linear(f"{name}.attractor.0", hidden, embedding)
            tensors |= linear(f"{name}.attractor.1", count, hidden)
        joined = sizes[-1][2] + embedding
        tensors |= linear("head.binomial.0", joined // 2, joined)
        tensors |= linear("head.binomial.1", 4, joined // 2)
        return tensors

    torch.manual_seed(0)
    to.add(
        "metric_bins",
        "two levels",
        given,
        lambda of: metric_bins(
            of, of["bottleneck"], [of["decoded1"], of["decoded2"]], bins, depth_max_m
        ),
        {
            "bins": bins,
            "embedding": embedding,
            "hidden": hidden,
            "attractors": attractors,
            "depth_max_m": depth_max_m,
        },
        list(given()),
    )


def clip(parameters: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scales gradients of a global norm above `max_norm` down to it (clip_grad_norm_ adds 1e-6 to the norm)."""
    gradients = [parameter.grad for parameter in parameters]
    norm = torch.nn.utils.get_total_norm(gradients)
    for gradient in gradients:
        gradient.mul_((max_norm / norm).clamp(max=1))
    return norm


def add_adamw(to: Recorder) -> None:
    for title, decay, max_norm, rates in [
        ("not clipped", 0.01, 1e3, [0.01, 0.01, 0.01]),
        ("clipped", 0.01, 0.5, [0.003, 0.02, 0.01, 0.005]),
        ("now and then clipped", 0.1, 12.0, [0.01, 0.02, 0.01, 0.005, 0.001]),
        ("no decay", 0.0, 1.0, [0.01, 0.01]),
    ]:
        # Decay applies to the weight alone.
        shapes = {"weight": (5, 7), "bias": (5,)}
        beta1, beta2, epsilon = 0.9, 0.99, 1e-8

        def given():
            tensors = {name: normal(*shape) for name, shape in shapes.items()}
            for step in range(len(rates)):
                spread = 3.0 if step % 2 == 0 else 0.5
                for name, shape in shapes.items():
                    tensors[f"gradient{step}.{name}"] = normal(*shape, scale=spread)
            return tensors

        def steps(of):
            parameters = {name: of[name].clone().requires_grad_() for name in shapes}
            optimizer = torch.optim.AdamW(
                [
                    {"params": [parameters["weight"]], "weight_decay": decay},
                    {"params": [parameters["bias"]], "weight_decay": 0.0},
                ],
                lr=rates[0],
                betas=(beta1, beta2),
                eps=epsilon,
            )
            norms = []
            for step, rate in enumerate(rates):
                for name, parameter in parameters.items():
                    parameter.grad = of[f"gradient{step}.{name}"].clone()
                norms.append(clip(parameters.values(), max_norm))
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.step()
            return {**parameters, "norms": torch.stack(norms)}

        to.add(
            "adamw",
            title,
            given,
            steps,
            {
                "rates": rates,
                "weight_decay": decay,
                "beta1": beta1,
                "beta2": beta2,
                "epsilon": epsilon,
                "max_norm": max_norm,
            },
        )


def add_networks(to: Recorder) -> None:
    """Pieces of networks and the optimiser."""
    add_basic_block(to)
    add_decoder(to)
    add_metric_bins(to)
    add_adamw(to)
