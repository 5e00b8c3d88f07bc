"""Makes tests/golden/train/: losses, optimizers, schedules and gradients as MLX computes them.

Needs the wheels mlx[cpu]==0.30.4 and mlx-lm==0.30.4. Run: python tests/golden/make_train.py

losses.safetensors: the inputs by name, and for each case of LOSSES "CASE.loss", and "CASE.gradient" with respect
to its first input of the sum of all losses. optimizers.safetensors: parameters "p.NAME", gradients "g.STEP.NAME",
after each step "CASE.STEP.NAME", and in the end the state as "CASE.state.PATH". schedules.json: a list of learning rates for
each schedule. llama.safetensors, for the checkpoints of tests/golden/llama/ named in MODELS: "NAME.tokens" int32 [2, n + 1],
"NAME.loss", and the gradient of every parameter, "NAME.gradient.PARAMETER". clip.safetensors: gradients before and after
clip_grad_norm.
"""

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

HERE = Path(__file__).resolve().parent
ROOT = HERE / "train"
L = nn.losses
STEPS = 5
MODELS = ["gqa", "all", "sliding"]

random = np.random.default_rng(7)


def normal(*shape):
    return mx.array(random.standard_normal(shape).astype(np.float32))


def uniform(*shape):
    return mx.array(random.uniform(0.02, 0.98, shape).astype(np.float32))


def classes(count, *shape):
    return mx.array(random.integers(0, count, shape).astype(np.int32))


def signs(*shape):
    return mx.array(random.choice([-1.0, 1.0], shape).astype(np.float32))


INPUTS = {
    "logits": 3 * normal(4, 5, 6), "half": (3 * normal(4, 5, 6)).astype(mx.bfloat16),
    "labels": classes(6, 4, 5), "labels1": classes(5, 4, 6),
    "probs": mx.softmax(normal(4, 5, 6), axis=-1), "weights": uniform(4, 5), "weights3": uniform(4, 5, 6),
    "a": normal(4, 6), "b": normal(4, 6), "c": normal(4, 6), "u": uniform(4, 6), "t": uniform(4, 6),
    "ones": signs(4, 6), "vars": 0.5 * uniform(4, 6), "log": mx.log(mx.softmax(normal(4, 6), axis=-1)),
    "logt": mx.log(mx.softmax(normal(4, 6), axis=-1)), "rows": classes(6, 4),
}

# name: (inputs, loss)
LOSSES = {
    "cross_entropy": (["logits", "labels"], L.cross_entropy),
    "cross_entropy_half": (["half", "labels"], L.cross_entropy),
    "cross_entropy_axis": (["logits", "labels1"], lambda x, t: L.cross_entropy(x, t, axis=1)),
    "cross_entropy_probs": (["logits", "probs"], L.cross_entropy),
    "cross_entropy_weights": (["logits", "labels", "weights"],
                              lambda x, t, w: L.cross_entropy(x, t, w, reduction="mean")),
    "cross_entropy_smooth": (["logits", "labels"], lambda x, t: L.cross_entropy(x, t, label_smoothing=0.2, reduction="sum")),
    "cross_entropy_probs_smooth": (["logits", "probs"], lambda x, t: L.cross_entropy(x, t, label_smoothing=0.2)),
    "binary_cross_entropy": (["a", "t"], L.binary_cross_entropy),
    "binary_cross_entropy_probs": (["u", "t"], lambda x, t: L.binary_cross_entropy(x, t, with_logits=False, reduction="none")),
    "binary_cross_entropy_weights": (["logits", "probs", "weights3"],
                                     lambda x, t, w: L.binary_cross_entropy(x, t, w, reduction="sum")),
    "l1": (["a", "b"], L.l1_loss),
    "mse": (["a", "b"], L.mse_loss),
    "mse_none": (["a", "b"], lambda x, t: L.mse_loss(x, t, reduction="none")),
    "nll": (["log", "rows"], L.nll_loss),
    "gaussian_nll": (["a", "b", "vars"], L.gaussian_nll_loss),
    "gaussian_nll_full": (["a", "b", "vars"], lambda x, t, v: L.gaussian_nll_loss(x, t, v, full=True, eps=0.2, reduction="none")),
    "kl_div": (["log", "logt"], L.kl_div_loss),
    "smooth_l1": (["a", "b"], L.smooth_l1_loss),
    "smooth_l1_beta": (["a", "b"], lambda x, t: L.smooth_l1_loss(x, t, beta=0.5, reduction="none")),
    "triplet": (["a", "b", "c"], L.triplet_loss),
    "triplet_margin": (["a", "b", "c"], lambda x, y, z: L.triplet_loss(x, y, z, axis=0, margin=2.0, reduction="mean")),
    "hinge": (["a", "ones"], L.hinge_loss),
    "huber": (["a", "b"], L.huber_loss),
    "huber_delta": (["a", "b"], lambda x, t: L.huber_loss(x, t, delta=0.3, reduction="mean")),
    "log_cosh": (["a", "b"], L.log_cosh_loss),
    "cosine_similarity": (["a", "b"], L.cosine_similarity_loss),
    "cosine_similarity_axis": (["a", "b"], lambda x, t: L.cosine_similarity_loss(x, t, axis=0, reduction="sum")),
    "margin_ranking": (["a", "b", "ones"], L.margin_ranking_loss),
    "margin_ranking_margin": (["a", "b", "ones"], lambda x, y, t: L.margin_ranking_loss(x, y, t, margin=0.5, reduction="mean")),
}

PARAMETERS = {"wide": normal(4, 6), "tall": normal(6, 4), "vector": normal(5), "cube": normal(3, 2, 4)}
GRADIENTS = [{name: normal(*p.shape) for name, p in PARAMETERS.items()} for _ in range(STEPS)]


def multi():
    return optim.MultiOptimizer([optim.Muon(1e-2), optim.SGD(1e-1, momentum=0.9), optim.Adam(1e-2)],
                                [lambda name, w: w.ndim == 2, lambda name, w: "vector" in name])


OPTIMIZERS = {
    "sgd": lambda: optim.SGD(0.1),
    "sgd_decay": lambda: optim.SGD(0.1, weight_decay=0.1),
    "sgd_momentum": lambda: optim.SGD(0.1, momentum=0.9, weight_decay=0.01, dampening=0.2),
    "sgd_nesterov": lambda: optim.SGD(optim.exponential_decay(0.1, 0.9), momentum=0.9, nesterov=True),
    "rmsprop": lambda: optim.RMSprop(0.01),
    "adagrad": lambda: optim.Adagrad(0.1),
    "adadelta": lambda: optim.AdaDelta(1.0),
    "adam": lambda: optim.Adam(0.01),
    "adam_corrected": lambda: optim.Adam(optim.cosine_decay(0.01, 4, 0.001), betas=[0.8, 0.95], bias_correction=True),
    "adamw": lambda: optim.AdamW(0.01, weight_decay=0.1),
    "adamw_corrected": lambda: optim.AdamW(0.01, bias_correction=True),
    "adamax": lambda: optim.Adamax(0.01),
    "lion": lambda: optim.Lion(0.01, weight_decay=0.1),
    "adafactor": lambda: optim.Adafactor(),
    "adafactor_warmup": lambda: optim.Adafactor(beta_1=0.9, warmup_init=True, weight_decay=0.1),
    "adafactor_rate": lambda: optim.Adafactor(0.01, relative_step=False, scale_parameter=False, clip_threshold=0.5),
    "muon": lambda: optim.Muon(0.02),
    "muon_plain": lambda: optim.Muon(0.02, nesterov=False, weight_decay=0.0, ns_steps=3),
    "multi": multi,
}
SKIP = {"adafactor": ["cube"], "adafactor_warmup": ["cube"], "adafactor_rate": ["cube"]}  # MLX fails on these

SCHEDULES = {
    "exponential_decay": optim.exponential_decay(1e-1, 0.9),
    "step_decay": optim.step_decay(1e-1, 0.9, 3),
    "cosine_decay": optim.cosine_decay(1e-1, 8, 1e-2),
    "linear_schedule": optim.linear_schedule(0.0, 1e-1, 5),
    "join_schedules": optim.join_schedules(
        [optim.linear_schedule(0.0, 1e-1, 4), optim.cosine_decay(1e-1, 6), optim.step_decay(1e-2, 0.5, 2)], [4, 9]),
}


def losses():
    out = dict(INPUTS)
    for name, (inputs, f) in LOSSES.items():
        arrays = [INPUTS[i] for i in inputs]
        out[f"{name}.loss"] = f(*arrays)
        out[f"{name}.gradient"] = mx.grad(lambda *a: f(*a).sum())(*arrays)
    mx.save_safetensors(str(ROOT / "losses.safetensors"), out)


def optimizers():
    out = {f"p.{name}": p for name, p in PARAMETERS.items()}
    for step, gradients in enumerate(GRADIENTS):
        out |= {f"g.{step}.{name}": g for name, g in gradients.items()}
    for case, make in OPTIMIZERS.items():
        optimizer = make()
        used = {n: mx.array(p) for n, p in PARAMETERS.items() if n not in SKIP.get(case, [])}
        for step, gradients in enumerate(GRADIENTS):
            used = optimizer.apply_gradients({n: mx.array(gradients[n]) for n in used}, used)  # SGD adds to its inputs
            mx.eval(used, optimizer.state)
            out |= {f"{case}.{step}.{name}": p for name, p in used.items()}
        out |= {f"{case}.state.{path}": a for path, a in tree_flatten(optimizer.state)}
    mx.save_safetensors(str(ROOT / "optimizers.safetensors"), {k: mx.array(v) for k, v in out.items()})


def schedules():
    rows = {name: [mx.array(f(mx.array(step, mx.uint64))).item() for step in range(14)]
            for name, f in SCHEDULES.items()}
    (ROOT / "schedules.json").write_text(json.dumps(rows, indent=1) + "\n")


def clip():
    out = {}
    for name, most in [("less", 2.0), ("more", 1000.0)]:
        clipped, norm = optim.clip_grad_norm(GRADIENTS[0], most)
        out |= {f"{name}.{key}": g for key, g in clipped.items()} | {f"{name}.norm": norm}
    mx.save_safetensors(str(ROOT / "clip.safetensors"), out)


def gradients():
    out = {}
    for name in MODELS:
        model, config = load_model(HERE / "llama" / name)
        tokens = classes(config["vocab_size"], 2, 25)

        def loss(model):
            return L.cross_entropy(model(tokens[:, :-1]), tokens[:, 1:], reduction="mean")

        value, gradient = nn.value_and_grad(model, loss)(model)
        out |= {f"{name}.tokens": tokens, f"{name}.loss": value}
        out |= {f"{name}.gradient.{path}": g for path, g in tree_flatten(gradient)}
    mx.save_safetensors(str(ROOT / "llama.safetensors"), out)


def main():
    ROOT.mkdir(exist_ok=True)
    losses()
    optimizers()
    schedules()
    clip()
    gradients()


if __name__ == "__main__":
    main()
