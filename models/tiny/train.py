"""Trains the model with PyTorch on one CPU thread. The last part of the training sees every matrix
as 4-bit quantisation will leave it, so that quantising costs nothing afterwards."""

import time

import numpy as np
import torch
import torch.nn.functional as F

SHAPE = {
    "hidden_size": 192,
    "num_hidden_layers": 5,
    "intermediate_size": 512,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "head_dim": 64,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "vocab_size": 2048,
}
CONTEXT, ROWS, GROUP, LEVELS = 512, 4, 64, 15
FINISH = 0.35  # the last part of the steps: the rate falls, and the matrices are seen as quantised
MATRIX_RATE, VECTOR_RATE = 0.02, 0.003


def pack(documents):
    """Puts documents into rows of CONTEXT + 1 tokens, each into the first row that has room."""
    rows, open_rows = [], []
    for ids, learnt in documents:
        if len(ids) > CONTEXT + 1:
            continue
        for row in open_rows:
            if len(row[0]) + len(ids) <= CONTEXT + 1:
                break
        else:
            open_rows.append(row := ([], []))
            rows.append(row)
            if len(open_rows) > 64:
                open_rows.remove(max(open_rows, key=lambda r: len(r[0])))
        row[0].extend(ids)
        row[1].extend(learnt)
    tokens = np.zeros((len(rows), CONTEXT + 1), np.int16)
    weights = np.zeros((len(rows), CONTEXT + 1), np.uint8)
    for i, (ids, learnt) in enumerate(rows):
        tokens[i, : len(ids)], weights[i, : len(learnt)] = ids, learnt
    return tokens, weights


def as_quantised(w):
    """The values that affine 4-bit quantisation leaves of w (MLX's rule, bfloat16 scales)."""
    groups = w.reshape(-1, GROUP)
    low, high = groups.min(1, keepdim=True)[0], groups.max(1, keepdim=True)[0]
    from_low = low.abs() > high.abs()
    scale = ((high - low) / LEVELS).clamp(min=1e-7)
    scale = torch.where(from_low, scale, -scale)
    edge = torch.where(from_low, low, high)
    zero = torch.round(edge / scale)
    scale = torch.where(zero != 0, edge / zero, scale).bfloat16().float()
    bias = torch.where(zero != 0, edge, torch.zeros_like(edge)).bfloat16().float()
    steps = torch.round((groups - bias) / scale).clamp(0, LEVELS)
    return (steps * scale + bias).reshape(w.shape)


class Llama(torch.nn.Module):
    """mlx_lm's Llama with the same weight names, for whole rows of tokens."""

    def __init__(self, shape=SHAPE):
        super().__init__()
        self.shape, self.quantised = shape, False
        hidden, inter, head = shape["hidden_size"], shape["intermediate_size"], shape["head_dim"]
        queries, keys = shape["num_attention_heads"] * head, shape["num_key_value_heads"] * head
        sizes = {
            "self_attn.q_proj": (queries, hidden),
            "self_attn.k_proj": (keys, hidden),
            "self_attn.v_proj": (keys, hidden),
            "self_attn.o_proj": (hidden, queries),
            "mlp.gate_proj": (inter, hidden),
            "mlp.up_proj": (inter, hidden),
            "mlp.down_proj": (hidden, inter),
        }
        depth = shape["num_hidden_layers"]
        self.w = {
            "model.embed_tokens.weight": torch.randn(shape["vocab_size"], hidden) * 0.05,
            "model.norm.weight": torch.ones(hidden),
        }
        for layer in range(depth):
            for name, size in sizes.items():
                gain = (2 * depth) ** -0.5 if name[-6:] == "o_proj" or "down" in name else 1.0
                self.w[f"model.layers.{layer}.{name}.weight"] = (
                    torch.randn(size) * gain * size[1] ** -0.5
                )
            for norm in ("input_layernorm", "post_attention_layernorm"):
                self.w[f"model.layers.{layer}.{norm}.weight"] = torch.ones(hidden)
        for w in self.w.values():
            w.requires_grad_()
        angles = torch.arange(CONTEXT)[:, None] * shape["rope_theta"] ** (
            -torch.arange(0, head, 2) / head
        )
        self.cos, self.sin = angles.cos(), angles.sin()
        self.mask = torch.full((CONTEXT, CONTEXT), -1e9).triu(1)

    def matrices(self):
        """The weights as the forward pass is to see them; gradients pass through the rounding."""
        if not self.quantised:
            return self.w
        return {
            name: w + (as_quantised(w.detach()) - w).detach() if w.ndim == 2 else w
            for name, w in self.w.items()
        }

    def norm(self, x, weight):
        return (
            x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.shape["rms_norm_eps"]) * weight
        )

    def rope(self, x):
        a, b = x.chunk(2, -1)
        cos, sin = self.cos[: x.shape[-2]], self.sin[: x.shape[-2]]
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

    def attention(self, x, w, prefix):
        rows, length, _ = x.shape
        head, kv = self.shape["head_dim"], self.shape["num_key_value_heads"]

        def heads(name):
            return (
                F.linear(x, w[f"{prefix}.{name}_proj.weight"])
                .view(rows, length, -1, head)
                .transpose(1, 2)
            )

        q, k, v = self.rope(heads("q")), self.rope(heads("k")), heads("v")
        q = q.reshape(rows * kv, -1, head)  # the queries of a key head, one group after another
        k, v = k.reshape(rows * kv, length, head), v.reshape(rows * kv, length, head)
        mask = self.mask[:length, :length].repeat(q.shape[1] // length, 1)
        scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=head**-0.5)
        out = torch.bmm(scores.softmax(-1), v).view(rows, -1, length, head).transpose(1, 2)
        return F.linear(out.reshape(rows, length, -1), w[f"{prefix}.o_proj.weight"])

    def forward(self, tokens):
        w = self.matrices()
        x = F.embedding(tokens, w["model.embed_tokens.weight"])
        for layer in range(self.shape["num_hidden_layers"]):
            p = f"model.layers.{layer}"
            x = x + self.attention(
                self.norm(x, w[f"{p}.input_layernorm.weight"]), w, f"{p}.self_attn"
            )
            h = self.norm(x, w[f"{p}.post_attention_layernorm.weight"])
            gate = F.silu(F.linear(h, w[f"{p}.mlp.gate_proj.weight"]))
            x = x + F.linear(
                gate * F.linear(h, w[f"{p}.mlp.up_proj.weight"]), w[f"{p}.mlp.down_proj.weight"]
            )
        return self.norm(x, w["model.norm.weight"]), w["model.embed_tokens.weight"]

    def loss(self, tokens, weights):
        """Mean cross entropy of the tokens that the model is to learn to write, in nats."""
        hidden, head = self(tokens[:, :-1])
        chosen = weights[:, 1:].reshape(-1) > 0
        logits = F.linear(hidden.reshape(-1, hidden.shape[-1])[chosen], head)
        return F.cross_entropy(logits, tokens[:, 1:].reshape(-1)[chosen])


def orthogonal(g):
    """Newton-Schulz: g with its singular values brought near one (Jordan et al., Muon, 2024)."""
    tall = g.shape[0] > g.shape[1]
    x = (g.T if tall else g) / (g.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = torch.addmm(3.4445 * x, torch.addmm(-4.7750 * a, a, a, alpha=2.0315), x)
    return x.T if tall else x


class Optimizer:
    """Muon for the layers' matrices, Adam for the embedding and the norms."""

    def __init__(self, weights):
        self.matrices = [w for n, w in weights.items() if w.ndim == 2 and "embed" not in n]
        others = [w for n, w in weights.items() if w.ndim == 1 or "embed" in n]
        self.momentum = [torch.zeros_like(w) for w in self.matrices]
        self.adam = torch.optim.Adam(others, lr=VECTOR_RATE, betas=(0.9, 0.95), eps=1e-10)

    def state(self):
        return self.momentum, self.adam.state_dict()

    def restore(self, state):
        self.momentum = state[0]
        self.adam.load_state_dict(state[1])

    @torch.no_grad()
    def step(self, rate):
        for w, m in zip(self.matrices, self.momentum):
            m.lerp_(w.grad, 0.05)
            update = orthogonal(w.grad.lerp(m, 0.95))
            w.mul_(1 - rate * MATRIX_RATE * 0.1)
            w.add_(update, alpha=-rate * MATRIX_RATE * max(1, w.shape[0] / w.shape[1]) ** 0.5)
            w.grad = None
        for group in self.adam.param_groups:
            group["lr"] = rate * VECTOR_RATE
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)


def tensors(rows, tokens, weights):
    return torch.from_numpy(tokens[rows].astype(np.int64)), torch.from_numpy(weights[rows])


@torch.no_grad()
def perplexity(model, tokens, weights):
    total, count = 0.0, 0
    for start in range(0, len(tokens), ROWS):
        t, w = tensors(slice(start, start + ROWS), tokens, weights)
        n = int(w[:, 1:].sum())
        total, count = total + float(model.loss(t, w)) * n, count + n
    return float(np.exp(total / count))


def batch(step, count):
    """The rows of a step: every row once, in an order of its own, before any comes again."""
    first = step * ROWS
    order = np.random.default_rng(first // count).permutation(count)
    return order[np.arange(first, first + ROWS) % count]


def train(training, held_out, steps, folder):
    """Trains for `steps` batches, from folder/state.pt on if there is one; returns the model."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Llama()
    optimizer = Optimizer(model.w)
    first, saved, began = 0, folder / "state.pt", time.time()
    if saved.exists():
        first, model.w, state = torch.load(saved)
        optimizer = Optimizer(model.w)
        optimizer.restore(state)
    for step in range(first, steps):
        left = 1 - step / steps
        model.quantised = left <= FINISH
        loss = model.loss(*tensors(batch(step, len(training[0])), *training))
        loss.backward()
        optimizer.step(min(1, (step + 1) / 40, left / FINISH))
        if step % 20 == 0:
            print(
                f"step {step} of {steps}: loss {float(loss):.4f}, {time.time() - began:.0f} s",
                flush=True,
            )
        if step % 25 == 24:
            torch.save((step + 1, model.w, optimizer.state()), saved)
        if step % 500 == 499:
            few = [part[:40] for part in held_out]
            print(f"held-out perplexity {perplexity(model, *few):.4f}", flush=True)
    model.quantised = False
    return model
