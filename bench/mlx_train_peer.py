"""MLX's CPU backend on bench_train's cases, over the protocol of bench.c: a training step of the bundled
model, opened to float32, with Adam, as mlx_lm's trainer takes it (without compile, which needs a
compiler at run time on the CPU). Needs the wheels mlx[cpu]==0.30.4 and mlx-lm==0.30.4."""
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_map
from mlx_lm.utils import dequantize_model, load_model

from peer import serve

CASES = {f"tiny {rows} x {tokens}": (rows, tokens)
         for rows, tokens in ((1, 32), (1, 128), (4, 128))}  # the largest takes MLX too long
MODEL = Path(__file__).resolve().parent.parent / "models" / "tiny"


def step(rows, tokens):
    model = dequantize_model(load_model(MODEL)[0])
    model.update(tree_map(lambda w: w.astype(mx.float32), model.parameters()))
    ids = (mx.arange(rows * (tokens + 1)) % 2039).reshape(rows, -1)
    optimizer = optim.Adam(1e-5)

    def loss(model):
        return nn.losses.cross_entropy(model(ids[:, :-1]), ids[:, 1:], reduction="mean")

    gradient = nn.value_and_grad(model, loss)

    def run():
        value, gradients = gradient(model)
        optimizer.update(model, gradients)
        mx.eval(model.state, optimizer.state, value)

    return run


def main():
    mx.set_default_device(mx.cpu)
    serve({name: (lambda case=case: (step(*case),), lambda run: run())
           for name, case in CASES.items()})


if __name__ == "__main__":
    main()
