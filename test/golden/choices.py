"""Writes own/choices.json: a case for every choice of the losses, by NumPy in float64.

    python3 test/golden/choices.py

Apart from the engine: each function states its formula and knows none of the engine's code. A
derivative is Im f(x + i h) / h with h = 1e-30, exact to rounding for these functions, which are
analytic but for jumps that the numbers keep clear of. `fixed` marks what the method holds constant:
the teacher, and whatever the choice stops.
"""

import base64
import json
import zlib
from pathlib import Path

import numpy as np

H = 1e-30
# A gradient nowhere above it is the rounding of one that vanishes, and is stored as zeros.
VANISHING = 1e-15


def fixed(x):
    """A constant in every derivative."""
    return x.real.astype(np.float64)


def absolute(x):
    return x * np.sign(x.real)


def length(x):
    """Euclidean lengths of the last axis, kept."""
    return np.sqrt((x * x).sum(-1, keepdims=True))


def log_softmax(z):
    z = z - z.real.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def softmax(z):
    return np.exp(log_softmax(z))


def log_binomial(pi, t, bins):
    """z_k = (ln C(K-1, k) + k ln pi + (K-1-k) ln(1-pi)) / t, ln C by Stirling without its root."""
    k = np.arange(bins, dtype=np.float64)
    n = bins - 1.0
    x_log_x = lambda x: x * np.log(np.where(x > 0, x, 1))
    choose = x_log_x(np.float64(n)) - x_log_x(k) - x_log_x(n - k)
    return (choose + k * np.log(pi) + (n - k) * np.log(1 - pi)) / t


def soft_bins(index, bins):
    """Logits of a Gaussian one bin wide: -(K r - 1/2 - k)^2 / 2."""
    return -((bins * index - 0.5 - np.arange(bins)) ** 2) / 2


def decode(z, centers, scale):
    """d = s sum_k softmax(z)_k c_k, [V, h, w, 1]."""
    return (softmax(z) * centers).sum(-1, keepdims=True) * scale.reshape(-1, 1, 1, 1)


def bilinear(x, height, width):
    """Resized between pixel centres, clamped at the edges. [V, h, w, C] -> [V, H, W, C]."""
    for axis, size in ((1, height), (2, width)):
        n = x.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, n - 1)
        share = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        x = np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share
    return x


def nearest(x, height, width):
    """Pixel floor(i n / size) of each axis."""
    rows = np.arange(height) * x.shape[1] // height
    columns = np.arange(width) * x.shape[2] // width
    return x[:, rows][:, :, columns]


def masked_mean(x, mask):
    """Mean of x where the mask is above 0; 0 of nothing."""
    counts = mask > 0
    return x[counts].mean() if counts.any() else 0 * x.sum()


def silog(depth, truth, valid, focus=0.85, scale=10.0):
    """10 sqrt(Var(g) + (1 - lambda) mean(g)^2 + 1e-8), g = ln(d + 1e-7) - ln(d* + 1e-7), Var
    with M - 1; 0 with fewer than two pixels."""
    counts = valid > 0
    m = counts.sum()
    if m < 2:
        return 0 * depth.sum()
    g = np.log(depth[counts] + 1e-7) - np.log(truth[counts] + 1e-7)
    variance = ((g - g.mean()) ** 2).sum() / (m - 1)
    return scale * np.sqrt(variance + (1 - focus) * g.mean() ** 2 + 1e-8)


def supervised(depth, truth, valid, choice):
    """silog with its lambda; 0.1 mean |e|; or 0.1 mean B(e), B(e) = |e| up to c = 0.2 max |e|, a
    constant, and (e^2 + c^2) / (2 c) beyond. e = d - d* in metres."""
    if choice["supervised"] == "silog":
        return silog(depth, truth, valid, choice["silog_lambda"])
    counts = valid > 0
    if not counts.any():
        return 0 * depth.sum()
    e = absolute(depth[counts] - truth[counts])
    if choice["supervised"] == "berhu":
        c = 0.2 * e.real.max()
        e = np.where(e.real > c, (e * e + c * c) / (2 * c), e)
    return 0.1 * e.mean()


def bin_kl(student, teacher, usable, temperature=1.0):
    """tau^2 times the mean over usable pixels of sum_k q_T (ln q_T - ln q_S), q = softmax(z / tau)."""
    log_s = log_softmax(student / temperature)
    log_t = log_softmax(teacher / temperature)
    pixels = (np.exp(log_t) * (log_t - log_s)).sum(-1, keepdims=True)
    return temperature**2 * masked_mean(pixels, usable)


def tokens_of(x, usable, grid):
    """Mean over each cell of a grid, weighted by `usable`; 0 of a cell without. -> [V, L, C]."""
    v, h, w, _ = x.shape
    rows, columns = grid
    cells = []
    for i in range(rows):
        for j in range(columns):
            area = np.s_[:, i * h // rows : -(-(i + 1) * h // rows), j * w // columns : -(-(j + 1) * w // columns)]
            weight = usable[area].sum((1, 2))
            cells.append((x[area] * usable[area]).sum((1, 2)) / np.where(weight > 0, weight, 1))
    return np.stack(cells, 1)


def unit(x):
    """x / |x|; a row shorter than 1e-6 is divided by 1e-6."""
    size = np.sqrt((x * x).sum(-1, keepdims=True) + 0j)
    return x / np.where(size.real > 1e-6, size, 1e-6)


def pairs_of(views):
    return [(0, 1)] if views == 2 else [(v, (v + 1) % views) for v in range(views if views > 2 else 0)]


def cosines(tokens):
    """R_p = X_v X_w^T of each unordered pair of ring neighbours, tokens of length one."""
    x = unit(tokens)
    return np.stack([x[v] @ x[w].T for v, w in pairs_of(len(x))])


def huber(x):
    return np.where(np.abs(x.real) <= 1, x * x / 2, absolute(x) - 0.5)


def view_vectors(student, teacher, seen):
    """Mean Huber loss of psi, distances of neighbours over their mean, plus twice that of phi, the
    cosine of the angle at a view between its two neighbours (three views or more). Means run over
    pairs and triples whose views all have a usable pixel."""
    views = len(seen)
    pairs = [p for p in pairs_of(views) if seen[p[0]] and seen[p[1]]]
    triples = [(v - 1, v, (v + 1) % views) for v in range(views) if views > 2]
    triples = [t for t in triples if all(seen[v] for v in t)]

    def psi(f):
        apart = np.stack([length(f[w] - f[v])[0] for v, w in pairs])
        return apart / apart.mean()

    def phi(f):
        return np.stack([(unit(f[a] - f[v]) * unit(f[b] - f[v])).sum() for a, v, b in triples])

    loss = huber(psi(student) - psi(teacher)).mean() if pairs else 0 * student.sum()
    return loss + (2 * huber(phi(student) - phi(teacher)).mean() if triples else 0)


def relation_loss(of, student_bins, teacher_bins, usable, choice):
    """The eight relations."""
    kind = choice["relation"]
    grid = (1, 1) if kind == "views" else choice["relation_grid"]
    own = softmax(student_bins) if kind == "probabilities" else of["embedding"]
    taught = fixed(of["teacher_embedding"] if kind == "features" else softmax(teacher_bins))
    x, y = tokens_of(own, usable, grid), tokens_of(taught, usable, grid)
    if kind == "views":
        return view_vectors(x[:, 0], y[:, 0], usable.sum((1, 2, 3)) > 0)
    r, q = cosines(x), cosines(y)
    if kind == "softmax":
        # rows of both directions of each pair
        both = lambda m: np.concatenate([m, m.transpose(0, 2, 1)]) / choice["relation_temperature"]
        log_p, log_q = log_softmax(both(r)), log_softmax(both(q))
        return (np.exp(log_q) * (log_q - log_p)).sum(-1).mean()
    if kind == "overlap":
        weights = of["overlap_weights"]
        return (weights * (r - q) ** 2).sum() / max(weights.sum().real, 1)
    return ((r - q) ** 2).mean()


def baseline_loss(of, depth, student_bins, teacher_bins, usable, choice):
    """The baselines that are a term of their own; RKD and CIRKD are the relations views, softmax."""
    kind = choice["baseline"]
    if kind.startswith("output"):
        truth = fixed(of["teacher_depth_m"])
        mask = usable * truth
        if kind == "output_silog":
            return silog(depth, truth, mask)
        return masked_mean(absolute(depth - truth), mask)
    if kind == "hinton":
        return bin_kl(student_bins, teacher_bins, usable, choice["temperature"])
    e = of["embedding"]
    f = of.get("teacher_embedding")
    f = fixed(softmax(teacher_bins) if f is None else f)
    if kind == "fitnets":
        gap = e @ of["projection"].T - f
        return masked_mean((gap * gap).mean(-1, keepdims=True), usable)
    views = len(e)
    per_view = lambda x: tokens_of(x, usable, choice["relation_grid"]).reshape(views, -1)
    if kind == "attention_transfer":
        energy = lambda x: unit(per_view((x * x).mean(-1, keepdims=True)))
        return ((energy(e) - energy(f)) ** 2).sum() / views
    gram = lambda x: unit(per_view(x) @ per_view(x).T)
    return ((gram(e) - gram(f)) ** 2).mean()


DEFAULTS = {
    "ckd": True,
    "supervised": "silog",
    "silog_lambda": 0.85,
    "cross_term": "silog",
    "kl_domain": "usable",
    "temperature": 1,
    "relation": "none",
    "relation_grid": [2, 2],
    "relation_temperature": 0.1,
    "baseline": "none",
}


def training_loss(of, choice):
    """All terms and their weighted sum; weights are 1 unless the case has others."""
    bins = of["centers"].shape[-1]
    _, full_h, full_w, _ = of["depth_m"].shape
    full = (full_h, full_w)
    z = of["logits"] if "logits" in of else log_binomial(of["pi"], of["t"], bins)
    _, h, w, _ = z.shape
    if "teacher" in of:
        taught = soft_bins(fixed(of["teacher"]), bins)
    else:
        taught = log_binomial(fixed(of["teacher_pi"]), fixed(of["teacher_t"]), bins)
    mask = of.get("teacher_mask", np.ones((len(z), h, w, 1)))
    usable = nearest(of["usable"], h, w) * mask
    truth, valid = of["depth_m"], of["valid"]
    c, s = of["centers"], of["scale_m"]

    def loss(depth, where):
        return supervised(bilinear(depth, *full), truth, where, choice)

    depth = decode(z, c, s)
    stopped = choice["ckd"] and choice["cross_term"] == "stopped"
    terms = {"silog": loss(decode(fixed(z), c, s) if stopped else depth, valid)}
    if choice["ckd"]:
        domain = usable
        if choice["kl_domain"] == "lidar":
            blocks = valid.reshape(len(z), h, full_h // h, w, full_w // w, 1)
            domain = blocks.max((2, 4)) * mask
        terms["kl"] = bin_kl(z, taught, domain, choice["temperature"])
        where = valid * nearest(mask, *full)
        if choice["cross_term"] in ("silog", "symmetric"):
            terms["cross"] = loss(decode(taught, c, s), where)
        if choice["cross_term"] == "symmetric":
            terms["cross"] += loss(decode(z, fixed(of["teacher_centers"]), s), where)
    if choice["relation"] != "none":
        terms["relation"] = relation_loss(of, z, taught, usable, choice)
    if choice["baseline"] != "none":
        terms["baseline"] = baseline_loss(of, depth, z, taught, usable, choice)
    weights = choice.get("weights", {})
    total = sum(weights.get(name, 1) * term for name, term in terms.items())
    return {"total": total, **terms}


def seed_centers_start(of, choice):
    """Centres of a seed layer whose weights are 0. Measures of the share s of the way from m = 1 m /
    depth_max_m to 1: log m^(1-s), disparity 1 / (s + (1-s) / m), uniform m + s (1-m). cumulative:
    right edges at shares 1/K .. 1, the first bin from 0.1 m on, centres in the middle; softplus:
    centres at shares (k + 1/2) / K."""
    bins, far = choice["bins"], choice["depth_max_m"]
    m = 1 / far
    spaced = {
        "log": lambda s: m ** (1 - s),
        "disparity": lambda s: 1 / (s + (1 - s) / m),
        "uniform": lambda s: m + s * (1 - m),
    }[choice["spacing"]]
    if choice["seed"] == "softplus":
        return {"centers": as_stored(spaced((np.arange(bins) + 0.5) / bins)).reshape(1, 1, 1, bins)}
    edges = np.concatenate([[0.1 / far], spaced(np.arange(1, bins + 1) / bins)])
    widths = as_stored(edges[1:] - edges[:-1])
    return {"centers": (0.1 / far + np.cumsum(widths) - widths / 2).reshape(1, 1, 1, bins)}


def as_stored(positive):
    """ln(1 + e^b) of the bias b that gives a number, rounded to float32."""
    bias = np.log(np.expm1(positive)).astype(np.float32).astype(np.float64)
    return np.log1p(np.exp(bias))


def balance(of, choice):
    """Factors on the weights of the terms after the first, from lengths of gradients: target times
    the length of the supervised term's, divided by the term's own; 1 of a length of 0."""
    norms = of["gradient_norms"]
    own = np.where(norms[1:] > 0, norms[1:], 1)
    return {"factors": np.where(norms[1:] > 0, choice["target"] * norms[0] / own, 1)}


def distilled_bins(of, choice):
    """Depth of the student, depth of the teacher's probabilities and divergence at each pixel."""
    c, s = of["centers"], of["scale"]
    bins = c.shape[-1]
    z = of["student"] if "student" in of else log_binomial(of["pi"], of["t"], bins)
    if choice["teacher"] == "binomial":
        taught = log_binomial(of["teacher_pi"], of["teacher_t"], bins)
    else:
        taught = of["teacher"] if choice["teacher"] == "logits" else soft_bins(of["teacher"], bins)
    log_p, log_q = log_softmax(z), log_softmax(fixed(taught))
    kl = (np.exp(log_q) * (log_q - log_p)).sum(-1, keepdims=True)
    return {"depth": decode(z, c, s), "cross": decode(fixed(taught), c, s), "kl": kl}


class Recorder:
    """The cases of the file: inputs exact in float32, results and gradients in float64."""

    def __init__(self):
        self.cases = []

    def add(self, op, title, inputs, forward, choice, differentiate=()):
        identity = f"{op}/{title}"
        random = np.random.default_rng(zlib.crc32(identity.encode()))
        given = {name: np.asarray(x, np.float32).astype(float) for name, x in inputs(random).items()}
        outputs = {name: np.atleast_1d(y).real for name, y in forward(given, choice).items()}
        case = {"id": identity, "op": op, "attrs": choice}
        case["inputs"] = [encode(name, x, "float32") for name, x in given.items()]
        case["outputs"] = [encode(name, y, "float64") for name, y in outputs.items()]
        if differentiate:
            # seeds of the total alone where there is one: the terms are part of it
            seeded = ["total"] if "total" in outputs else list(outputs)
            seeds = {name: random.normal(size=outputs[name].shape).astype(np.float32) for name in seeded}
            case["dy"] = [encode(f"d_{name}", seeds[name], "float32") if name in seeds else None for name in outputs]

            def slope(name, i):
                moved = given[name].astype(complex)
                moved.flat[i] += 1j * H
                made = forward({**given, name: moved}, choice)
                return sum((seeds[one] * np.atleast_1d(made[one]).imag).sum() for one in seeded) / H

            case["grads"] = []
            for name in differentiate:
                d = np.array([slope(name, i) for i in range(given[name].size)]).reshape(given[name].shape)
                d = np.zeros_like(d) if np.abs(d).max() < VANISHING else d
                case["grads"].append(encode(name, d, "float64"))
        self.cases.append(case)

    def write(self, path):
        header = {"source": f"NumPy {np.__version__}, float64, derivatives by a complex step"}
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in self.cases)
        path.write_text(f'{{"header":{json.dumps(header)},"cases":[\n{lines}\n]}}\n')
        print(f"{path.name}: {len(self.cases)} cases, {path.stat().st_size / 1024:.0f} KiB")


def encode(name, x, dtype):
    """A tensor as the files keep it."""
    stored = np.ascontiguousarray(x, np.float32 if dtype == "float32" else np.float64)
    if not np.isfinite(stored).all():
        raise ValueError(f"{name} holds a number that is not finite")
    data = base64.b64encode(stored.tobytes()).decode()
    return {"name": name, "shape": list(x.shape), "dtype": dtype, "b64": data}


V_H_W_K_E_F = (3, 2, 3, 5, 4, 3)


def step_inputs(views=3, student="binomial", teacher="index", also=(), change=None):
    """The tensors of a training step whose images are twice the size of the output."""
    _, h, w, k, e, f = V_H_W_K_E_F

    def given(random):
        uniform = lambda low, high, *shape: random.uniform(low, high, shape)
        mask = lambda share, *shape: (random.random(shape) < share).astype(float)
        pixel = (views, h, w, 1)
        of = {}
        if student == "binomial":
            of |= {"pi": uniform(0.15, 0.85, *pixel), "t": uniform(0.5, 4, *pixel)}
        else:
            of["logits"] = random.normal(size=(views, h, w, k)) * 2
        rising = np.cumsum(uniform(0.05, 0.3, views, h, w, k), -1)
        of |= {"centers": rising, "embedding": random.normal(size=(views, h, w, e)), "scale_m": uniform(50, 90, views)}
        of |= {"depth_m": uniform(2, 80, views, 2 * h, 2 * w, 1), "valid": mask(0.4, views, 2 * h, 2 * w, 1)}
        of["usable"] = np.maximum(mask(0.8, views, 2 * h, 2 * w, 1), of["valid"])
        if teacher == "index":
            of["teacher"] = uniform(0, 1, *pixel)
        else:
            of |= {"teacher_pi": uniform(0.1, 0.9, *pixel), "teacher_t": uniform(0.5, 4, *pixel)}
        extra = {
            "teacher_mask": lambda: mask(0.7, *pixel),
            "teacher_centers": lambda: np.cumsum(uniform(0.05, 0.3, views, h, w, k), -1),
            "teacher_embedding": lambda: random.normal(size=(views, h, w, f)),
            "teacher_depth_m": lambda: uniform(2, 80, *pixel) * mask(0.8, *pixel),
            "overlap_weights": lambda: uniform(0, 2, len(pairs_of(views)), 4, 4) * mask(0.6, len(pairs_of(views)), 4, 4),
            "projection": lambda: random.normal(size=(f, e)),
        }
        of |= {name: extra[name]() for name in also}
        if change is not None:
            change(of)
        return of

    return given


def empty(*names):
    def change(of):
        for name in names:
            of[name][:] = 0

    return change


def one_valid_pixel(of):
    of["valid"][:] = 0
    of["valid"][1, 2, 3] = 1


def dark_view(of):
    of["usable"][1] = 0
    of["valid"][1] = 0


# Baselines of the embedding.
EMBEDDED = ("fitnets", "attention_transfer", "similarity")


def add_step(to, title, choice, differentiate=(), **inputs):
    student = inputs.get("student", "binomial")
    wrt = ["pi", "t"] if student == "binomial" else ["logits"]
    seen = choice.get("relation", "none") not in ("none", "probabilities")
    seen = seen or choice.get("baseline", "none") in EMBEDDED
    names = [*wrt, "centers", *(["embedding"] if seen else []), *differentiate]
    to.add("training_loss", title, step_inputs(**inputs), training_loss, {**DEFAULTS, **choice}, names)


def add_supervised(to):
    for silog_lambda in (0, 0.5, 0.85, 1):
        add_step(to, f"silog, lambda {silog_lambda}", {"silog_lambda": silog_lambda, "ckd": False})
    for kind in ("l1", "berhu"):
        add_step(to, kind, {"supervised": kind, "ckd": False}, views=6)
        add_step(to, f"{kind}, its cross term too", {"supervised": kind}, student="logits")
    for kind in ("silog", "l1", "berhu"):
        add_step(to, f"{kind}, no valid pixel", {"supervised": kind}, change=empty("valid"))
        add_step(to, f"{kind}, one valid pixel", {"supervised": kind, "ckd": False}, change=one_valid_pixel)


def add_cross_interaction(to):
    for student in ("binomial", "logits"):
        for kind in ("silog", "stopped", "symmetric", "none"):
            also = ["teacher_centers"] if kind == "symmetric" else []
            add_step(to, f"cross term {kind}, {student}", {"cross_term": kind}, student=student, also=also)
        for teacher in ("index", "binomial"):
            for domain in ("usable", "lidar"):
                title = f"{student} taught by {teacher}, KL on {domain}, a mask"
                choice = {"kl_domain": domain}
                add_step(to, title, choice, student=student, teacher=teacher, views=6, also=["teacher_mask"])
    add_step(to, "KL on lidar, no valid pixel", {"kl_domain": "lidar"}, change=empty("valid"))
    add_step(to, "no usable pixel", {"relation": "cosine"}, change=empty("usable", "valid"))
    add_step(to, "temperature 3", {"temperature": 3}, teacher="binomial")


ALSO = {"features": ["teacher_embedding"], "overlap": ["overlap_weights"]}


def add_relations(to):
    kinds = ("cosine", "aligned", "features", "softmax", "overlap", "views", "probabilities", "none")
    for kind in kinds:
        choice = {"relation": kind, "ckd": False}
        also = [*ALSO.get(kind, [])]
        if kind == "aligned":
            also.append("teacher_depth_m")
        add_step(to, f"relation {kind}, ring of 3", choice, also=also)
        add_step(to, f"relation {kind}, ring of 6, a view without a usable pixel", choice, views=6, teacher="binomial", also=also, change=dark_view)
        if kind != "none":
            add_step(to, f"relation {kind}, two views", choice, views=2, student="logits", also=also)


def add_baselines(to):
    for kind in ("output_silog", "output_l1", "hinton", "fitnets", "attention_transfer", "similarity"):
        choice = {"baseline": kind, "ckd": False, "temperature": 4 if kind == "hinton" else 1}
        inner = ["teacher_embedding"] if kind in EMBEDDED else []
        also = ["teacher_depth_m"] if kind.startswith("output") else inner
        parameters = ["projection"] if kind == "fitnets" else []
        also = [*also, *parameters]
        add_step(to, f"baseline {kind}, 3 views", choice, parameters, also=also)
        add_step(to, f"baseline {kind}, 6 views, holes", choice, parameters, views=6, student="logits", teacher="binomial", also=also, change=dark_view)
        add_step(to, f"baseline {kind}, no usable pixel", choice, parameters, also=also, change=empty("usable", "valid"))
    for kind in ("attention_transfer", "similarity"):
        add_step(to, f"baseline {kind} of the teacher's probabilities", {"baseline": kind, "ckd": False})


def add_all(to):
    weights = {"silog": 0.5, "kl": 2, "cross": 0.25, "relation": 8, "baseline": 3}
    choice = {
        "supervised": "berhu",
        "cross_term": "symmetric",
        "kl_domain": "lidar",
        "relation": "softmax",
        "baseline": "hinton",
        "weights": weights,
    }
    add_step(to, "every term, uneven weights", choice, views=6, teacher="binomial", also=["teacher_centers", "teacher_mask"])


def add_distilled_bins(to):
    v, h, w, k, _, _ = V_H_W_K_E_F

    def inputs(student, teacher):
        def given(random):
            pixel = (v, h, w, 1)
            of = {"pi": random.uniform(0.1, 0.9, pixel), "t": random.uniform(0.5, 6, pixel)}
            if student == "logits":
                of = {"student": random.normal(size=(v, h, w, k)) * 3}
            of |= {
                "relative": {"teacher": random.uniform(0, 1, pixel)},
                "logits": {"teacher": random.normal(size=(v, h, w, k)) * 3},
                "binomial": {"teacher_pi": random.uniform(0.05, 0.95, pixel), "teacher_t": random.uniform(0.05, 6, pixel)},
            }[teacher]
            of["centers"] = np.cumsum(random.uniform(0.02, 0.3, (v, h, w, k)), -1)
            of["scale"] = random.uniform(50, 90, v)
            return of

        return given

    for student in ("logits", "binomial"):
        wrt = ["student", "centers"] if student == "logits" else ["pi", "t", "centers"]
        for teacher in ("relative", "logits", "binomial"):
            title = f"{student} taught by {teacher}"
            to.add("distilled_bins", title, inputs(student, teacher), distilled_bins, {"teacher": teacher}, wrt)


def add_host(to):
    for spacing in ("log", "disparity", "uniform"):
        for seed in ("cumulative", "softplus"):
            choice = {"bins": 12, "seed": seed, "spacing": spacing, "depth_max_m": 80}
            zero = lambda random: {"zero": np.zeros((1, 1, 1, 12))}
            to.add("seed_centers_start", f"{spacing}, {seed}", zero, seed_centers_start, choice)
    for title, norms, target in [
        ("three terms", [6, 12, 0.5, 3], 0.25),
        ("a term without a gradient", [2, 0, 5], 1),
        ("tiny and large", [1e-3, 4e5, 2e-8], 0.1),
    ]:
        given = lambda random: {"gradient_norms": np.array(norms)}
        to.add("balance", title, given, balance, {"target": target})


def main():
    recorder = Recorder()
    for add in (add_supervised, add_cross_interaction, add_relations, add_baselines, add_all, add_distilled_bins, add_host):
        add(recorder)
    recorder.write(Path(__file__).parent / "own" / "choices.json")


if __name__ == "__main__":
    main()
