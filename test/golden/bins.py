"""Golden cases of depth bins: the formulas of the metric-bins head (Bhat et al., ZoeDepth, 2023) and of
bin decoding, written out in PyTorch; gradients by autograd.
"""

import math

import torch
from torch import Tensor

from record import Recorder, exact, normal, uniform

MIN_TEMPERATURE = 0.0212
MAX_TEMPERATURE = 50.0


def log_choose(bins: int) -> Tensor:
    """ln C(K-1, k) by Stirling's formula without its root, 0 ln 0 = 0."""
    k = torch.arange(bins, dtype=torch.float64)
    n = torch.tensor(bins - 1, dtype=torch.float64)
    exact_limit = torch.xlogy(n, n) - torch.xlogy(k, k) - torch.xlogy(n - k, n - k)
    # ZoeDepth's code keeps off ln 0 by adding 1e-7 here and there; that moves no logit by more.
    tiny = 1e-7
    n, k = n + tiny, k + tiny
    theirs = n * torch.log(n) - k * torch.log(k) - (n - k) * torch.log(n - k + tiny)
    assert (theirs - exact_limit).abs().max() < 3e-6
    return exact_limit


def log_binomial(pi: Tensor, t: Tensor, bins: int) -> Tensor:
    """z_k = (ln C(K-1, k) + k ln pi + (K-1-k) ln(1-pi)) / t, pi and 1-pi clamped to [1e-4, 1]."""
    k = torch.arange(bins, dtype=torch.float64)
    heads = pi.clamp(1e-4, 1)
    tails = (1 - pi).clamp(1e-4, 1)
    return (log_choose(bins) + k * torch.log(heads) + (bins - 1 - k) * torch.log(tails)) / t


def log_binomial_head(
    pairs: Tensor, t_min: float = MIN_TEMPERATURE, t_max: float = MAX_TEMPERATURE
) -> tuple[Tensor, Tensor]:
    """pi and t of four positive numbers a pixel, each [.., 1]."""
    a1, a2, b1, b2 = (pairs + 1e-4).split(1, -1)
    return a1 / (a1 + a2), t_min + (t_max - t_min) * b1 / (b1 + b2)


def attract(centers: Tensor, attractors: Tensor, alpha: float, kind: str, gamma: float) -> Tensor:
    """c_k + mean over a of f(A_a - c_k)."""
    x = attractors.unsqueeze(-1) - centers.unsqueeze(-2)
    if kind == "inverse":
        pull = x / (1 + alpha * x**2)
    else:
        pull = torch.exp(-alpha * x.abs() ** gamma) * x
    return centers + pull.mean(-2)


NEAREST_M = 0.1


def seed_centers(raw: Tensor, depth_max_m: float) -> Tensor:
    """Mid-points of softplus widths laid end to end from 0.1 m on, in units of the largest depth."""
    widths = softplus(raw)
    edges = NEAREST_M / depth_max_m + torch.cumsum(widths, -1)
    return edges - widths / 2


def softplus(x: Tensor) -> Tensor:
    return torch.logaddexp(x, torch.zeros_like(x))


def seed_bias(bins: int, depth_max_m: float) -> Tensor:
    """Biases whose centres have right edges log-spaced from 1 m to the largest depth."""
    right = torch.logspace(
        -math.log10(depth_max_m), 0, bins + 1, dtype=torch.float64
    )
    left = right.clone()
    left[0] = NEAREST_M / depth_max_m
    widths = right[1:] - left[:-1]
    return torch.log(torch.expm1(widths))


def soft_bins(relative: Tensor, bins: int) -> Tensor:
    """Logits of a Gaussian of sigma 1 / K around relative depth [.., 1] in [0, 1], centres uniform."""
    at = (torch.arange(bins, dtype=torch.float64) + 0.5) / bins
    return -((relative - at) ** 2) / (2 * (1 / bins) ** 2)


def decode(logits: Tensor, centers: Tensor, scale: Tensor | None = None) -> Tensor:
    """scale_v sum_k softmax(z)_k c_k, [V, H, W, 1]."""
    depth = (logits.softmax(-1) * centers).sum(-1, keepdim=True)
    return depth if scale is None else depth * scale.reshape(-1, 1, 1, 1)


def centers_like(*shape: int) -> Tensor:
    return exact(torch.cumsum(uniform(0.001, 0.05, *shape), -1))


def add_decode(to: Recorder) -> None:
    for title, centers, scaled, spread in [
        ("centres per pixel", (2, 3, 4, 16), False, 2.0),
        ("centres per pixel, scaled", (2, 3, 4, 16), True, 2.0),
        ("centres per image", (3, 3, 4, 16), True, 2.0),
        ("centres for all", (2, 3, 4, 16), False, 2.0),
        ("64 bins, logits of hundreds", (2, 3, 2, 64), True, 80.0),
        ("logits of -27000", (1, 3, 3, 64), False, 0.0),
    ]:
        v, h, w, k = centers
        stored = {
            "centres per image": (v, 1, 1, k),
            "centres for all": (1, 1, 1, k),
        }.get(title, centers)

        def given():
            z = normal(v, h, w, k, scale=spread)
            if title == "logits of -27000":
                pi, t = uniform(0, 1, v, h, w, 1), uniform(0.0212, 0.03, v, h, w, 1)
                pi[0, 0, 0] = 1e-4
                z = exact(log_binomial(pi, t, k))
            return {
                "logits": z,
                "centers": centers_like(*stored),
                "scale": uniform(50, 100, v) if scaled else None,
            }

        to.add(
            "bin_decode",
            title,
            given,
            lambda of: {"depth": decode(of["logits"], of["centers"], of["scale"])},
            {},
            ["logits", "centers"],
        )
    for title, temperature, spread in [
        ("plain", 1.0, 2.0),
        ("temperature 4", 4.0, 5.0),
        ("peaked", 1.0, 60.0),
    ]:
        to.add(
            "softmax_bins",
            title,
            lambda: {"logits": normal(2, 2, 3, 24, scale=spread)},
            lambda of: {"probabilities": (of["logits"] / temperature).softmax(-1)},
            {"temperature": temperature},
            ["logits"],
        )
    to.add(
        "bin_expectation",
        "centres per pixel, scaled",
        lambda: {
            "probabilities": exact(normal(2, 2, 3, 8).softmax(-1)),
            "centers": centers_like(2, 2, 3, 8),
            "scale": uniform(50, 100, 2),
        },
        lambda of: {
            "depth": (of["probabilities"] * of["centers"]).sum(-1, keepdim=True)
            * of["scale"].reshape(-1, 1, 1, 1)
        },
        {},
        ["probabilities", "centers"],
    )
    to.add(
        "soft_bins",
        "relative depth with its ends",
        lambda: {
            "relative": torch.cat(
                [uniform(0, 1, 1, 2, 4, 1), torch.tensor([0.0, 1.0]).double().reshape(1, 2, 1, 1)], 2
            )
        },
        lambda of: {"logits": soft_bins(of["relative"], 32)},
        {"bins": 32},
    )


def add_head(to: Recorder) -> None:
    for title, bins, pis, ts in [
        ("64 bins", 64, (0.02, 0.98), (0.05, 50)),
        ("two bins", 2, (0.1, 0.9), (0.5, 5)),
        ("257 bins", 257, (0.1, 0.9), (0.5, 5)),
        ("coldest", 64, (0.0002, 0.9998), (0.0212, 0.0213)),
        ("clamped", 64, (0.3, 0.7), (0.0212, 5)),
    ]:

        def given():
            pi = uniform(*pis, 1, 2, 5, 1)
            if title == "clamped":
                ends = [0.00009, 0.99995, 0.0, 1.0, 0.00001]
                pi[0, 0, :, 0] = exact(torch.tensor(ends, dtype=torch.float64))
            return {"pi": pi, "t": uniform(*ts, 1, 2, 5, 1)}

        to.add(
            "log_binomial",
            title,
            given,
            lambda of: {"logits": log_binomial(of["pi"], of["t"], bins)},
            {"bins": bins},
            ["pi", "t"],
        )
    for title, low, high in [("usual", 0.01, 4), ("tiny and large", 0, 60)]:

        def given_pairs():
            pairs = uniform(low, high, 2, 2, 4, 4)
            if low == 0:
                pairs[0, 0] = exact(torch.tensor([1e-6, 30.0, 0.0, 20.0]).double())
                pairs[0, 1] = exact(torch.tensor([25.0, 0.0, 40.0, 1e-5]).double())
            return {"pairs": pairs}

        to.add(
            "log_binomial_head",
            title,
            given_pairs,
            lambda of: dict(zip(("pi", "t"), log_binomial_head(of["pairs"]))),
            {"t_min": MIN_TEMPERATURE, "t_max": MAX_TEMPERATURE},
            ["pairs"],
        )

    def whole(of):
        pi, t = log_binomial_head(of["pairs"])
        z = log_binomial(pi, t, 64)
        return {"depth": decode(z, of["centers"]), "logits": z}

    to.add(
        "pairs_to_depth",
        "from four numbers a pixel to depth",
        lambda: {
            "pairs": exact(softplus(normal(2, 3, 4, 4, scale=3))),
            "centers": centers_like(2, 3, 4, 64),
        },
        whole,
        {"bins": 64, "t_min": MIN_TEMPERATURE, "t_max": MAX_TEMPERATURE},
        ["pairs", "centers"],
        # depth alone: through the logits a random seed would drown it
        {"logits": torch.zeros(2, 3, 4, 64, dtype=torch.float64)},
    )


def add_centers(to: Recorder) -> None:
    for title, count, alpha, kind, gamma in [
        ("inverse, 16", 16, 1000.0, "inverse", 2),
        ("inverse, 1", 1, 1000.0, "inverse", 2),
        ("inverse, alpha 300", 5, 300.0, "inverse", 2),
        ("exponential, 4", 4, 300.0, "exponential", 2),
    ]:
        to.add(
            "attractor",
            title,
            lambda: {
                "centers": centers_like(2, 2, 3, 12),
                "attractors": uniform(0, 0.4, 2, 2, 3, count),
            },
            lambda of: {"y": attract(of["centers"], of["attractors"], alpha, kind, gamma)},
            {"alpha": alpha, "kind": kind, "gamma": gamma},
            ["centers", "attractors"],
        )
    for title, bins, depth_max_m, scale in [
        ("200 m", 64, 200.0, 1.0),
        ("80 m, spread", 16, 80.0, 4.0),
    ]:
        to.add(
            "seed_centers",
            title,
            lambda: {"raw": normal(1, 2, 3, bins, scale=scale, shift=-5.0)},
            lambda of: {"centers": seed_centers(of["raw"], depth_max_m)},
            {"depth_max_m": depth_max_m, "seed": "cumulative"},
            ["raw"],
        )
    for bins, depth_max_m in [(64, 200.0), (32, 80.0)]:
        to.add(
            "seed_centers_start",
            f"{bins} bins to {depth_max_m:g} m",
            lambda: {"zero": torch.zeros(1, 1, 1, bins, dtype=torch.float64)},
            lambda of: {"centers": seed_centers(of["zero"] + exact(seed_bias(bins, depth_max_m)), depth_max_m)},
            {"bins": bins, "depth_max_m": depth_max_m, "seed": "cumulative"},
        )


def add_bins(to: Recorder) -> None:
    """Everything about bins."""
    add_decode(to)
    add_head(to)
    add_centers(to)
