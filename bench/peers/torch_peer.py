# PyTorch on the CPU, for the column beside the WebGPU engines: reads problems as JSON from stdin and
# prints the times of each as one line of JSON. Its numbers are its own: nothing of it is compared.
import json
import sys
import time

import torch
from torch.nn import functional as F

VIEWS, HEADS, WIDTH = 6, 4, 128


def attend(q, k, v):
    b, t, c = q.shape
    split = [x.view(b, t, HEADS, c // HEADS).transpose(1, 2) for x in (q, k, v)]
    return F.scaled_dot_product_attention(*split).transpose(1, 2).reshape(b, t, c)


def both(f, inputs):
    for x in inputs:
        x.requires_grad_()
    d_y = torch.randn_like(f(*inputs))
    return lambda: torch.autograd.grad(f(*inputs), inputs, d_y)


def step(layers, rate):
    convs = [
        torch.nn.Conv2d(l["inputs"], l["outputs"], l["kernel"], l["stride"], (l["kernel"] - 1) // 2)
        for l in layers
    ]
    net = torch.nn.Sequential(*[m for c in convs for m in (c, torch.nn.ReLU())][:-1])
    net = net.to(memory_format=torch.channels_last)
    images = torch.randn(VIEWS, 4, 96, 160).to(memory_format=torch.channels_last)
    target = torch.randn(VIEWS, 1, 24, 40)
    centers = torch.linspace(-2, 2, layers[-1]["outputs"]).view(1, -1, 1, 1)
    adam = torch.optim.Adam(net.parameters(), rate)

    def once():
        adam.zero_grad()
        depth = (net(images).softmax(1) * centers).sum(1, keepdim=True)
        ((depth - target) ** 2).mean().backward()
        adam.step()

    return once


def work(p):
    op, gradient = p["op"], p.get("gradient", False)
    if op == "matmul":
        a, b, d = (torch.randn(p["side"], p["side"]) for _ in range(3))
        return (lambda: (d @ b.T, a.T @ d)) if gradient else (lambda: a @ b)
    if op == "conv":
        (h, w), k, s = p["image"], p["kernel"], p["stride"]
        last = torch.channels_last
        x = torch.randn(VIEWS, p["inputs"], h, w).to(memory_format=last)
        weight = torch.randn(p["outputs"], p["inputs"], k, k).to(memory_format=last)
        d = torch.randn(VIEWS, p["outputs"], h // s, w // s).to(memory_format=last)
        how = {"stride": s, "padding": (k - 1) // 2}
        if p["part"] == "d_x":
            return lambda: torch.nn.grad.conv2d_input(x.shape, weight, d, **how)
        if p["part"] == "d_weight":
            return lambda: torch.nn.grad.conv2d_weight(x, weight.shape, d, **how)
        return lambda: F.conv2d(x, weight, **how)
    if op in ("softmax", "expectation"):
        x, c = torch.randn(VIEWS, 48, 80, p["bins"]), torch.randn(p["bins"])
        if op == "softmax":
            return lambda: x.softmax(-1)
        f = lambda x, c: (x.softmax(-1) * c).sum(-1, keepdim=True)
        return both(f, [x, c]) if gradient else lambda: f(x, c)
    if op == "attention":
        qkv = [torch.randn(VIEWS, p["tokens"], WIDTH) for _ in range(3)]
        return both(attend, qkv) if gradient else lambda: attend(*qkv)
    if op == "layer_norm":
        x, gamma, beta = torch.randn(VIEWS, 960, WIDTH), torch.randn(WIDTH), torch.randn(WIDTH)
        f = lambda x, gamma, beta: F.layer_norm(x, (WIDTH,), gamma, beta, 1e-5)
        return both(f, [x, gamma, beta]) if gradient else lambda: f(x, gamma, beta)
    if op == "gelu":
        x = torch.randn(VIEWS, 960, 512)
        return lambda: F.gelu(x)
    if op == "upsample":
        x = torch.randn(VIEWS, 64, 48, 80)
        return lambda: F.interpolate(x, scale_factor=2, mode="bilinear")
    return step(p["layers"], p["rate"])


given = json.load(sys.stdin)
torch.set_num_threads(given["threads"])
print(json.dumps({"version": torch.__version__}), flush=True)
for problem in given["problems"]:
    once = work(problem)
    times = []
    for _ in range(given["rounds"] + 1):
        start = time.perf_counter()
        once()
        times.append(1e3 * (time.perf_counter() - start))
    print(json.dumps({"times_ms": times[1:]}), flush=True)
