"""Golden cases of layers, computed by PyTorch's own operators.

Activations are stored [V, H, W, C], weights [O, KH, KW, C / groups].
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from record import Recorder, mask, normal, uniform


def channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Convolution with zeros at top, bottom, left and right."""
    top, bottom, left, right = padding
    padded = F.pad(channels_first(x), (left, right, top, bottom))
    filters = weight.permute(0, 3, 1, 2)
    return channels_last(F.conv2d(padded, filters, bias, stride, 0, dilation, groups))


def add_conv2d(to: Recorder) -> None:
    rows = [
        # title, x, weight, bias, stride, padding, dilation, groups
        ("3x3", (2, 5, 6, 4), (5, 3, 3, 4), True, (1, 1), (1, 1, 1, 1), (1, 1), 1),
        ("1x1", (2, 4, 5, 7), (9, 1, 1, 7), True, (1, 1), (0, 0, 0, 0), (1, 1), 1),
        ("1x1 stride 2 no bias", (1, 7, 6, 4), (3, 1, 1, 4), False, (2, 2), (0, 0, 0, 0), (1, 1), 1),
        ("7x7 stride 2", (1, 11, 13, 4), (6, 7, 7, 4), False, (2, 2), (3, 3, 3, 3), (1, 1), 1),
        ("3x3 stride 2 odd", (2, 7, 9, 3), (4, 3, 3, 3), True, (2, 2), (1, 1, 1, 1), (1, 1), 1),
        ("3x3 stride 2 even", (1, 8, 6, 4), (8, 3, 3, 4), True, (2, 2), (1, 1, 1, 1), (1, 1), 1),
        ("dilation 2", (1, 9, 8, 3), (4, 3, 3, 3), True, (1, 1), (2, 2, 2, 2), (2, 2), 1),
        ("stride 3 dilation 2", (1, 11, 12, 2), (3, 3, 3, 2), True, (3, 3), (1, 1, 1, 1), (2, 2), 1),
        ("uneven padding", (1, 6, 7, 3), (4, 3, 2, 3), True, (2, 1), (0, 2, 1, 3), (1, 2), 1),
        ("groups 2", (2, 5, 5, 6), (8, 3, 3, 3), True, (1, 1), (1, 1, 1, 1), (1, 1), 2),
        ("depthwise", (2, 6, 5, 8), (8, 3, 3, 1), True, (1, 1), (1, 1, 1, 1), (1, 1), 8),
        ("depthwise stride 2", (1, 7, 7, 6), (6, 5, 5, 1), False, (2, 2), (2, 2, 2, 2), (1, 1), 6),
        ("depthwise multiplier 2", (1, 5, 6, 3), (6, 3, 3, 1), True, (1, 1), (1, 1, 1, 1), (1, 1), 3),
        ("14x14 stride 14", (1, 28, 14, 4), (2, 14, 14, 4), True, (14, 14), (0, 0, 0, 0), (1, 1), 1),
        ("cut remainder", (1, 8, 8, 2), (2, 3, 3, 2), True, (3, 3), (0, 0, 0, 0), (1, 1), 1),
    ]
    for title, x, weight, bias, stride, padding, dilation, groups in rows:
        attrs = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        to.add(
            "conv2d",
            title,
            lambda: {
                "x": normal(*x),
                "weight": normal(*weight),
                "bias": normal(weight[0]) if bias else None,
            },
            lambda of: {"y": convolve(of["x"], of["weight"], of["bias"], **attrs)},
            attrs,
            ["x", "weight", *(["bias"] if bias else [])],
        )


def add_conv2d_transpose(to: Recorder) -> None:
    rows = [
        # title, x, weight [C, KH, KW, O / groups], stride, padding, output padding, dilation, groups
        ("2x2 stride 2", (2, 4, 5, 6), (6, 2, 2, 4), (2, 2), 0, 0, 1, 1),
        ("4x4 stride 4", (1, 3, 4, 5), (5, 4, 4, 4), (4, 4), 0, 0, 1, 1),
        ("3x3 stride 2", (1, 4, 5, 4), (4, 3, 3, 3), (2, 2), 1, 1, 1, 1),
        ("4x4 stride 2", (1, 3, 5, 4), (4, 4, 4, 2), (2, 2), 1, 0, 1, 1),
        ("stride 1", (1, 5, 4, 3), (3, 3, 3, 4), (1, 1), 1, 0, 1, 1),
        ("groups 2", (1, 4, 4, 4), (4, 3, 3, 3), (2, 2), 1, 1, 1, 2),
        ("dilation 2", (1, 4, 5, 3), (3, 3, 3, 2), (2, 2), 2, 1, 2, 1),
        ("stride 3 by 2", (1, 3, 4, 2), (2, 3, 3, 3), (3, 2), 0, 0, 1, 1),
    ]
    for title, x, weight, stride, padding, more, dilation, groups in rows:
        to.add(
            "conv2d_transpose",
            title,
            lambda: {
                "x": normal(*x),
                "weight": normal(*weight),
                "bias": normal(weight[3] * groups),
            },
            lambda of: {
                "y": channels_last(
                    F.conv_transpose2d(
                        channels_first(of["x"]),
                        of["weight"].permute(0, 3, 1, 2),
                        of["bias"],
                        stride,
                        padding,
                        more,
                        groups,
                        dilation,
                    )
                )
            },
            {
                "stride": stride,
                "pad": padding,
                "output_padding": more,
                "dilation": dilation,
                "groups": groups,
            },
            ["x", "weight", "bias"],
        )


def add_matmul(to: Recorder) -> None:
    rows = [
        # title, a, b, transpose a, transpose b, bias
        ("plain", (7, 5), (5, 9), False, False, True),
        ("a transposed", (5, 7), (5, 9), True, False, True),
        ("b transposed", (7, 5), (9, 5), False, True, True),
        ("both transposed", (5, 7), (9, 5), True, True, True),
        ("batches", (3, 4, 6), (3, 6, 5), False, False, False),
        ("batches transposed", (2, 3, 6, 4), (2, 3, 5, 6), True, True, False),
        ("one b for all", (3, 4, 6), (6, 5), False, False, True),
        ("one a for all", (4, 6), (3, 6, 5), False, False, False),
        ("inner batch shared", (2, 1, 4, 3), (2, 3, 3, 5), False, False, False),
        ("row", (1, 33), (33, 2), False, False, True),
    ]
    for title, a, b, transpose_a, transpose_b, bias in rows:
        columns = b[-2] if transpose_b else b[-1]

        def product(of):
            left = of["a"].mT if transpose_a else of["a"]
            right = of["b"].mT if transpose_b else of["b"]
            y = left @ right
            return {"y": y if of["bias"] is None else y + of["bias"]}

        to.add(
            "matmul",
            title,
            lambda: {
                "a": normal(*a),
                "b": normal(*b),
                "bias": normal(columns) if bias else None,
            },
            product,
            {"transpose_a": transpose_a, "transpose_b": transpose_b},
            ["a", "b", *(["bias"] if bias else [])],
        )


# Added to the score of a key that is not to be seen; torch gets minus infinity there.
EXCLUDED = -1e31


def add_attention(to: Recorder) -> None:
    rows = [
        # title, batch, queries, keys, heads, kv heads, width, value width, mask, causal, softcap
        ("self", 2, 7, 7, 2, 2, 8, 8, None, False, 0),
        ("one head", 1, 5, 9, 1, 1, 4, 4, None, False, 0),
        ("grouped", 1, 6, 6, 4, 2, 4, 4, None, False, 0),
        ("causal", 1, 6, 6, 2, 2, 4, 4, None, True, 0),
        ("wide values", 1, 5, 6, 2, 2, 4, 8, None, False, 0),
        ("bias", 2, 5, 6, 2, 2, 4, 4, (1, 2, 5, 6), False, 0),
        ("excluded keys", 2, 5, 6, 2, 2, 4, 4, (2, 1, 1, 6), False, 0),
        ("softcap", 1, 6, 7, 2, 2, 8, 8, None, False, 1.5),
    ]
    for title, batch, queries, keys, heads, kv_heads, width, value_width, shape, causal, cap in rows:
        scale = width**-0.5

        def inputs():
            given = {
                "q": normal(batch, queries, heads * width, scale=2),
                "k": normal(batch, keys, kv_heads * width, scale=2),
                "v": normal(batch, keys, kv_heads * value_width),
                "mask": None,
            }
            if title == "bias":
                given["mask"] = normal(*shape)
            elif shape is not None:
                seen = mask(0.6, *shape)
                seen[..., 0] = 1
                given["mask"] = ((1 - seen) * EXCLUDED).to(torch.float32).to(torch.float64)
            return given

        def attend(of):
            def split(x, count):
                return x.unflatten(2, (count, -1)).transpose(1, 2)

            q = split(of["q"], heads)
            share = heads // kv_heads
            k = split(of["k"], kv_heads).repeat_interleave(share, 1)
            v = split(of["v"], kv_heads).repeat_interleave(share, 1)
            scores = q @ k.mT * scale
            if cap > 0:
                scores = cap * torch.tanh(scores / cap)
            if of["mask"] is not None:
                bias = of["mask"]
                scores = scores + bias.masked_fill(bias < -1e30, -torch.inf)
            if causal:
                later = torch.ones(queries, keys, dtype=torch.bool).triu(1)
                scores = scores.masked_fill(later, -torch.inf)
            y = scores.softmax(-1) @ v
            if cap == 0 and of["mask"] is None:
                own = F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
                torch.testing.assert_close(y, own, rtol=1e-12, atol=1e-12)
            return {"y": y.transpose(1, 2).flatten(2)}

        to.add(
            "attention",
            title,
            inputs,
            attend,
            {
                "heads": heads,
                "kv_heads": kv_heads,
                "scale": scale,
                "causal": causal,
                "softcap": cap,
            },
            ["q", "k", "v"],
        )


def add_norms(to: Recorder) -> None:
    for title, shape, shift in [
        ("several views", (3, 3, 4, 6), 0.0),
        ("far from zero", (2, 4, 5, 4), 300.0),
        ("one view", (1, 2, 3, 5), 0.0),
    ]:
        c = shape[-1]

        def trained(of):
            running_mean = of["running_mean"].clone()
            running_variance = of["running_variance"].clone()
            y = F.batch_norm(
                channels_first(of["x"]),
                running_mean,
                running_variance,
                of["gamma"],
                of["beta"],
                training=True,
                momentum=0.1,
                eps=1e-5,
            )
            return {
                "y": channels_last(y),
                "running_mean": running_mean,
                "running_variance": running_variance,
            }

        def given_norm():
            return {
                "x": normal(*shape, scale=2, shift=shift),
                "gamma": normal(c),
                "beta": normal(c),
                "running_mean": normal(c),
                "running_variance": uniform(0.5, 2, c),
            }

        to.add(
            "batch_norm",
            f"training, {title}",
            given_norm,
            trained,
            {"training": True, "epsilon": 1e-5, "momentum": 0.1},
            ["x", "gamma", "beta"],
        )
        to.add(
            "batch_norm",
            f"fixed, {title}",
            given_norm,
            lambda of: {
                "y": channels_last(
                    F.batch_norm(
                        channels_first(of["x"]),
                        of["running_mean"],
                        of["running_variance"],
                        of["gamma"],
                        of["beta"],
                        training=False,
                        eps=1e-5,
                    )
                )
            },
            {"training": False, "epsilon": 1e-5, "momentum": 0.1},
            ["x", "gamma", "beta"],
        )
    for title, shape, groups in [
        ("2 groups", (2, 4, 3, 8), 2),
        ("one group", (2, 3, 3, 6), 1),
        ("instance", (2, 3, 5, 4), 4),
        ("3 groups of 8", (1, 5, 4, 24), 3),
    ]:
        c = shape[-1]
        to.add(
            "group_norm",
            title,
            lambda: {"x": normal(*shape, scale=2), "gamma": normal(c), "beta": normal(c)},
            lambda of: {
                "y": channels_last(
                    F.group_norm(channels_first(of["x"]), groups, of["gamma"], of["beta"], 1e-5)
                )
            },
            {"groups": groups, "epsilon": 1e-5},
            ["x", "gamma", "beta"],
        )
    for title, shape in [("tokens", (2, 5, 12)), ("rows", (7, 6))]:
        c = shape[-1]
        to.add(
            "layer_norm",
            title,
            lambda: {"x": normal(*shape), "gamma": normal(c), "beta": normal(c)},
            lambda of: {"y": F.layer_norm(of["x"], (c,), of["gamma"], of["beta"], 1e-6)},
            {"epsilon": 1e-6},
            ["x", "gamma", "beta"],
        )


def add_pools(to: Recorder) -> None:
    for title, shape, window, stride, pad in [
        ("3x3 stride 2 pad 1", (2, 7, 8, 3), 3, 2, 1),
        ("2x2 stride 2", (1, 6, 7, 4), 2, 2, 0),
        ("3x3 stride 1 pad 1", (1, 4, 5, 2), 3, 1, 1),
    ]:
        attrs = {"window": window, "stride": stride, "pad": pad}
        to.add(
            "max_pool",
            title,
            lambda: {"x": normal(*shape)},
            lambda of: {
                "y": channels_last(F.max_pool2d(channels_first(of["x"]), window, stride, pad))
            },
            attrs,
            ["x"],
        )
        for counted in (False, True):
            to.add(
                "average_pool",
                f"{title}, padding {'counts' if counted else 'does not count'}",
                lambda: {"x": normal(*shape)},
                lambda of: {
                    "y": channels_last(
                        F.avg_pool2d(
                            channels_first(of["x"]),
                            window,
                            stride,
                            pad,
                            count_include_pad=counted,
                        )
                    )
                },
                {**attrs, "count_padding": counted},
                ["x"],
            )


SIZES = [
    # from, to
    ((3, 4), (6, 8)),
    ((6, 8), (3, 4)),
    ((5, 7), (8, 9)),
    ((9, 11), (4, 5)),
    ((4, 5), (4, 5)),
    ((2, 3), (7, 13)),
    ((1, 4), (3, 4)),
    ((5, 6), (1, 3)),
]


def add_resizes(to: Recorder) -> None:
    for (h, w), (oh, ow) in SIZES:
        title = f"{h}x{w} to {oh}x{ow}"

        def given_image():
            return {"x": normal(2, h, w, 2)}

        to.add(
            "resize_nearest",
            title,
            given_image,
            lambda of: {
                "y": channels_last(
                    F.interpolate(channels_first(of["x"]), (oh, ow), mode="nearest")
                )
            },
            {"size": [oh, ow]},
            ["x"],
        )
        for corners, align in (("half_pixel", False), ("align", True)):
            to.add(
                "resize_bilinear",
                f"{title}, {corners}",
                given_image,
                lambda of: {
                    "y": channels_last(
                        F.interpolate(
                            channels_first(of["x"]),
                            (oh, ow),
                            mode="bilinear",
                            align_corners=align,
                        )
                    )
                },
                {"size": [oh, ow], "corners": corners},
                ["x"],
            )


def add_pads(to: Recorder) -> None:
    for amount, shape in [(1, (2, 4, 5, 3)), (2, (1, 3, 4, 2)), (1, (1, 2, 2, 1))]:
        to.add(
            "pad_reflect",
            f"{amount} around {shape[1]}x{shape[2]}",
            lambda: {"x": normal(*shape)},
            lambda of: {
                "y": channels_last(
                    F.pad(channels_first(of["x"]), (amount,) * 4, mode="reflect")
                )
            },
            {"pad": amount},
            ["x"],
        )
    to.add(
        "concat",
        "channels",
        lambda: {"a": normal(2, 3, 4, 2), "b": normal(2, 3, 4, 5)},
        lambda of: {"y": torch.cat([of["a"], of["b"]], 3)},
        {"axis": 3},
        ["a", "b"],
    )


ACTIVATIONS = {
    "relu": F.relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "sigmoid": torch.sigmoid,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "tanh": torch.tanh,
}


def add_activations(to: Recorder) -> None:
    for name, function in ACTIVATIONS.items():
        for title, scale in [("usual", 1.5), ("far out", 25.0)]:
            to.add(
                name,
                title,
                lambda: {"x": normal(40, scale=scale)},
                lambda of: {"y": function(of["x"])},
                {},
                ["x"],
            )


def add_layers(to: Recorder) -> None:
    """All layers."""
    add_conv2d(to)
    add_conv2d_transpose(to)
    add_matmul(to)
    add_attention(to)
    add_norms(to)
    add_pools(to)
    add_resizes(to)
    add_pads(to)
    add_activations(to)
