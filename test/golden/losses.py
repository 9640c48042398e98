"""Golden cases of the losses: SILog (Eigen 2014, in the form of AdaBins), the KL of bin probabilities
(Hinton 2015) with the cross term, and the cosine relation of ring-adjacent views.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from bins import centers_like, decode, soft_bins
from layers import channels_first, channels_last
from record import Recorder, exact, mask, normal, uniform


def silog(depth: Tensor, truth: Tensor, valid: Tensor, focus: float = 0.85, scale: float = 10.0) -> Tensor:
    """10 sqrt(Var(g) + 0.15 mean(g)^2 + 1e-8), g = ln(d + 1e-7) - ln(d* + 1e-7), Var unbiased."""
    counts = valid > 0
    if counts.sum() < 2:
        return (depth * 0).sum()
    g = torch.log(depth[counts] + 1e-7) - torch.log(truth[counts] + 1e-7)
    return scale * torch.sqrt(g.var(correction=1) + (1 - focus) * g.mean() ** 2 + 1e-8)


def bin_kl(student: Tensor, teacher: Tensor, usable: Tensor, temperature: float) -> Tensor:
    """tau^2 / count sum over usable pixels of KL(q^T || q^S), q = softmax(z / tau), teacher constant."""
    log_s = (student / temperature).log_softmax(-1)
    log_t = (teacher.detach() / temperature).log_softmax(-1)
    per_pixel = F.kl_div(log_s, log_t, reduction="none", log_target=True).sum(-1, keepdim=True)
    count = (usable > 0).sum()
    if count == 0:
        return (student * 0).sum()
    return temperature**2 * per_pixel[usable > 0].sum() / count


def masked_pool(x: Tensor, usable: Tensor, grid: tuple[int, int]) -> Tensor:
    """Mean of the usable pixels of each cell of an adaptive average pool; 0 where a cell has none."""
    v, h, w, c = x.shape
    rows, columns = grid
    cells = []
    for i in range(rows):
        top, bottom = i * h // rows, -(-(i + 1) * h // rows)
        for j in range(columns):
            left, right = j * w // columns, -(-(j + 1) * w // columns)
            part = x[:, top:bottom, left:right].reshape(v, -1, c)
            weight = usable[:, top:bottom, left:right].reshape(v, -1, 1)
            cells.append((part * weight).sum(1) / weight.sum(1).clamp(min=1e-30))
    return torch.stack(cells, 1)


def unit(tokens: Tensor) -> Tensor:
    """x / |x|, norms floored at 1e-6."""
    return tokens / tokens.norm(dim=-1, keepdim=True).clamp(min=1e-6)


def relation(tokens: Tensor) -> Tensor:
    """R_p = X_p X_{p+1}^T for each unordered pair of neighbours of the ring. [V, L, C] -> [pairs, L, L]."""
    pairs = tokens.shape[0] if tokens.shape[0] > 2 else tokens.shape[0] - 1
    return (tokens @ tokens.roll(-1, 0).mT)[:pairs]


def relation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over the ring's pairs of |R^S - R^T|_F^2 / L^2, teacher constant; tokens [V, L, C]."""
    gap = relation(unit(student)) - relation(unit(teacher.detach()))
    return (gap**2).sum() / (gap.shape[0] * gap.shape[1] ** 2)


def given_depths(v: int, h: int, w: int, share: float):
    return lambda: {
        "depth": uniform(1, 80, v, h, w, 1),
        "depth_m": uniform(1, 80, v, h, w, 1),
        "valid": mask(share, v, h, w, 1),
    }


def add_supervised(to: Recorder) -> None:
    for title, shape, share in [
        ("sparse", (3, 4, 5), 0.4),
        ("dense", (2, 3, 3), 1.0),
        ("one view of six", (6, 3, 4), 0.1),
    ]:
        to.add(
            "silog",
            title,
            given_depths(*shape, share),
            lambda of: {"loss": silog(of["depth"], of["depth_m"], of["valid"]).reshape(1)},
            {"variance_focus": 0.85, "scale": 10},
            ["depth"],
        )

    def few(count):
        def given():
            of = given_depths(2, 3, 3, 0.0)()
            of["valid"].view(-1)[5 : 5 + count] = 1
            return of

        return given

    for count in (0, 1, 2):
        to.add(
            "silog",
            f"{count} valid",
            few(count),
            lambda of: {"loss": silog(of["depth"], of["depth_m"], of["valid"]).reshape(1)},
            {"variance_focus": 0.85, "scale": 10},
            ["depth"],
        )

    def nearly():
        of = given_depths(2, 4, 4, 0.7)()
        of["depth"] = exact(of["depth_m"] * uniform(0.999, 1.001, 2, 4, 4, 1))
        return of

    to.add(
        "silog",
        "nearly right",
        nearly,
        lambda of: {"loss": silog(of["depth"], of["depth_m"], of["valid"]).reshape(1)},
        {"variance_focus": 0.85, "scale": 10},
        ["depth"],
    )
    to.add(
        "silog",
        "other focus",
        given_depths(2, 3, 4, 0.7),
        lambda of: {"loss": silog(of["depth"], of["depth_m"], of["valid"], 0.5, 1).reshape(1)},
        {"variance_focus": 0.5, "scale": 1},
        ["depth"],
    )
    for title, share in [("some", 0.5), ("none", 0.0)]:

        def mean(of):
            x, counted = of["x"], of["mask"] > 0
            y = x[counted].mean() if counted.any() else (x * 0).sum()
            return {"mean": y.reshape(1)}

        to.add(
            "masked_mean",
            title,
            lambda: {"x": normal(2, 3, 4, 1), "mask": mask(share, 2, 3, 4, 1)},
            mean,
            {},
            ["x"],
        )


def add_cross_interaction(to: Recorder) -> None:
    for title, temperature, bins, scale, share in [
        ("plain", 1.0, 12, 2.0, 0.6),
        ("temperature 4", 4.0, 16, 8.0, 0.6),
        ("cold", 0.5, 24, 3.0, 1.0),
        ("logits of hundreds", 1.0, 64, 80.0, 0.7),
        ("no usable pixel", 1.0, 8, 2.0, 0.0),
    ]:
        to.add(
            "bin_kl",
            title,
            lambda: {
                "student": normal(2, 2, 3, bins, scale=scale),
                "teacher": normal(2, 2, 3, bins, scale=scale),
                "usable": mask(share, 2, 2, 3, 1),
            },
            lambda of: {
                "loss": bin_kl(of["student"], of["teacher"], of["usable"], temperature).reshape(1)
            },
            {"temperature": temperature},
            ["student"],
        )

    def same():
        z = normal(2, 2, 3, 16, scale=3)
        return {"student": z, "teacher": z.clone(), "usable": mask(0.8, 2, 2, 3, 1)}

    to.add(
        "bin_kl",
        "student is teacher",
        same,
        lambda of: {"loss": bin_kl(of["student"], of["teacher"], of["usable"], 1.0).reshape(1)},
        {"temperature": 1},
        ["student"],
    )

    def given_cross():
        return {
            "teacher": normal(2, 3, 4, 16, scale=2),
            "centers": centers_like(2, 3, 4, 16),
            "scale": uniform(50, 100, 2),
            "depth_m": uniform(1, 80, 2, 3, 4, 1),
            "valid": mask(0.6, 2, 3, 4, 1),
        }

    def cross(of):
        depth = decode(of["teacher"].detach(), of["centers"], of["scale"])
        return {"loss": silog(depth, of["depth_m"], of["valid"]).reshape(1)}

    to.add("cross_term", "teacher's bins, student's centres", given_cross, cross, {}, ["centers"])


def add_relation(to: Recorder) -> None:
    for title, shape, grid, share in [
        ("even cells", (2, 4, 6, 3), (2, 3), 0.6),
        ("overlapping cells", (2, 5, 7, 3), (2, 3), 0.6),
        ("cells without a pixel", (2, 4, 4, 2), (4, 2), 0.3),
        ("finer than the image", (1, 2, 3, 2), (3, 4), 0.8),
        ("everything", (2, 5, 4, 3), (3, 2), 1.0),
    ]:

        def pooled(of):
            y = masked_pool(of["x"], of["usable"], grid)
            if share == 1.0:
                own = F.adaptive_avg_pool2d(channels_first(of["x"]), grid)
                torch.testing.assert_close(y, channels_last(own).flatten(1, 2))
            return {"y": y}

        to.add(
            "masked_pool",
            title,
            lambda: {"x": normal(*shape), "usable": mask(share, *shape[:3], 1)},
            pooled,
            {"grid": grid},
            ["x"],
        )
    to.add(
        "normalize_rows",
        "unit tokens",
        lambda: {"x": normal(3, 4, 5)},
        lambda of: {"y": unit(of["x"])},
        {},
        ["x"],
    )
    for views in (2, 3, 6):
        to.add(
            "view_relation",
            f"ring of {views}",
            lambda: {"tokens": normal(views, 4, 5)},
            lambda of: {"relation": relation(of["tokens"])},
            {},
            ["tokens"],
        )

    base = {}

    def tokens_of(order):
        def given():
            if not base:
                base.update(student=normal(6, 5, 4), teacher=normal(6, 5, 7))
            return {name: x[order].clone() for name, x in base.items()}

        return given

    losses = {}
    for title, order in [
        ("ring of 6", [0, 1, 2, 3, 4, 5]),
        ("ring of 6, turned", [2, 3, 4, 5, 0, 1]),
        ("ring of 6, reversed", [5, 4, 3, 2, 1, 0]),
        ("ring of 6, crossed", [0, 2, 1, 3, 4, 5]),
    ]:
        made = to.add(
            "relation_of_tokens",
            title,
            tokens_of(order),
            lambda of: {"loss": relation_loss(of["student"], of["teacher"]).reshape(1)},
            {},
            ["student"],
        )
        losses[title] = made["loss"].item()
    turned, reverse = losses["ring of 6, turned"], losses["ring of 6, reversed"]
    whole = losses["ring of 6"]
    assert abs(turned - whole) < 1e-14 and abs(reverse - whole) < 1e-14
    assert abs(losses["ring of 6, crossed"] - whole) > 1e-3


def total_loss(
    of,
    grid: tuple[int, int],
    temperature: float,
    weights: dict[str, float],
) -> dict[str, Tensor]:
    """L_sup + lambda_C (KL + gamma cross) + lambda_V VRKD, depths compared at the size of the truth."""
    full = of["depth_m"].shape[1:3]
    small = of["logits"].shape[1:3]

    def supervised(depth):
        resized = F.interpolate(
            channels_first(depth), full, mode="bilinear", align_corners=False
        )
        return silog(channels_last(resized), of["depth_m"], of["valid"])

    usable = channels_last(F.interpolate(channels_first(of["usable"]), small, mode="nearest"))
    teacher = soft_bins(of["teacher"], of["logits"].shape[-1])
    terms = {
        "silog": supervised(decode(of["logits"], of["centers"], of["scale_m"])),
        "kl": bin_kl(of["logits"], teacher, usable, temperature),
        "cross": supervised(decode(teacher, of["centers"], of["scale_m"])),
        "relation": relation_loss(
            masked_pool(of["embedding"], usable, grid),
            masked_pool(teacher.softmax(-1), usable, grid),
        ),
    }
    total = sum(weights[name] * term for name, term in terms.items())
    return {"total": total, **terms}


def add_total(to: Recorder) -> None:
    for title, weights, temperature in [
        ("all weights 1", {"silog": 1, "kl": 1, "cross": 1, "relation": 1}, 1.0),
        ("uneven weights", {"silog": 0.5, "kl": 2, "cross": 0.25, "relation": 8}, 2.0),
    ]:
        grid = (2, 3)

        def given():
            v, h, w, k = 6, 4, 6, 12
            return {
                "logits": normal(v, h, w, k, scale=2),
                "centers": centers_like(v, h, w, k),
                "embedding": normal(v, h, w, 5),
                "scale_m": uniform(60, 100, v),
                "teacher": uniform(0, 1, v, h, w, 1),
                "depth_m": uniform(1, 60, v, 2 * h, 2 * w, 1),
                "valid": mask(0.2, v, 2 * h, 2 * w, 1),
                "usable": mask(0.8, v, 2 * h, 2 * w, 1),
            }

        to.add(
            "total_loss",
            title,
            given,
            lambda of: {
                name: term.reshape(1)
                for name, term in total_loss(of, grid, temperature, weights).items()
            },
            {"grid": grid, "temperature": temperature, "weights": weights},
            ["logits", "centers", "embedding"],
            {
                "total": torch.ones(1, dtype=torch.float64),
                **{name: torch.zeros(1, dtype=torch.float64) for name in weights},
            },
        )


def add_losses(to: Recorder) -> None:
    """Every loss and their sum."""
    add_supervised(to)
    add_cross_interaction(to)
    add_relation(to)
    add_total(to)
