"""Functions that MLX itself exported, with arguments and results, one file each in export/.

Needs the wheels mlx[cpu]==0.30.4 and numpy. NAME.mlxfn is the function; NAME.safetensors holds its
arguments (in.0, in.1, ..., and in.NAME for keywords) and results (out.0, ...); where the function is
shapeless, a second set of arguments and results has another shape (in2.0, ..., out2.0, ...).
"""

from pathlib import Path

import mlx.core as mx

HERE = Path(__file__).resolve().parent / "export"
mx.set_default_device(mx.cpu)


def values(*shape, dtype=mx.float32, key=0):
    return mx.random.normal(shape, key=mx.random.key(key)).astype(dtype)


def elementwise(x, y):
    a = mx.exp(mx.negative(mx.abs(x))) + mx.sqrt(mx.square(y) + 1) * mx.rsqrt(mx.abs(x) + 1)
    b = mx.where(x > y, mx.log1p(mx.abs(x)), mx.log2(mx.abs(y) + 2)) / mx.log10(mx.abs(x) + 2)
    c = mx.sin(x) * mx.cos(y) - mx.tan(x * 0.1) + mx.sinh(x * 0.1) * mx.cosh(y) + mx.tanh(x)
    d = mx.arcsin(mx.clip(x, -0.9, 0.9)) + mx.arccos(mx.clip(y, -0.9, 0.9)) + mx.arctan(x)
    e = mx.arcsinh(x) + mx.arccosh(mx.abs(x) + 1) + mx.arctanh(mx.clip(y, -0.9, 0.9))
    f = mx.arctan2(x, y) + mx.logaddexp(x, y) + mx.maximum(x, y) * mx.minimum(x, y)
    g = mx.power(mx.abs(x) + 0.5, y) + mx.remainder(x, mx.abs(y) + 1) + mx.erf(x) + mx.expm1(x)
    h = mx.erfinv(mx.clip(x, -0.9, 0.9)) + mx.sigmoid(x) + mx.sign(y) + mx.floor(x) + mx.ceil(y)
    i = mx.round(x * 3) + mx.log(mx.abs(y) + 1)
    return a, b, c, d, e, f, g, h, i


def logic(x, y):
    i, j = (x * 10).astype(mx.int32), (y * 10).astype(mx.int32)
    bits = (i & j) | (i ^ 5), mx.left_shift(mx.abs(j), 1), mx.right_shift(mx.abs(j), 1)
    compared = mx.logical_and(x > 0, y <= 0), mx.logical_or(x < y, x >= y), mx.logical_not(x != y)
    quotient, rest = mx.divmod(i, mx.abs(j) + 1)
    tests = mx.isnan(x), mx.isinf(y), mx.array_equal(x, y, equal_nan=True), x == y
    return *bits, *compared, quotient, rest, i // (mx.abs(j) + 1), *tests


def shapes(x):
    a = mx.transpose(x, (2, 0, 1)).reshape(4, 6)
    b = mx.flatten(x, 1, 2)[:, ::2]
    c = mx.unflatten(b, 1, (2, -1)).swapaxes(0, 1)
    d = mx.concatenate([a, mx.broadcast_to(mx.arange(6.0), (2, 6))], axis=0)
    e, f = mx.split(d, [2], axis=1)
    g = mx.expand_dims(mx.squeeze(x[:1], 0), (0, 3))
    h = mx.pad(a, [(1, 2), (0, 1)], constant_values=3.0)
    i = mx.stack([a, a * 2], axis=-1)
    j = mx.as_strided(x, (3, 3), (2, 1), 1)
    k = mx.full((2, 2), 7.0) + mx.zeros((2, 1)) + mx.ones((2,))
    return a, b, c, e, f, g, h, i, j, k, x.view(mx.int32)


def updates(x):
    y = x.at[1:, 0].add(1.0)
    z = mx.slice_update(x, mx.ones((1, 2, 2)), mx.array([1, 0]), (0, 1))
    w = mx.slice(x, mx.array([1]), (2,), (2, 3, 1))
    v = x.at[mx.array([0, 1])].multiply(2.0)
    x = x * 1
    x[:, 1:2] = 5.0
    return y, z, w, v, x


def indices(x, i):
    a = mx.take(x, i, axis=0)
    b = mx.take_along_axis(x, mx.argsort(x, axis=1), axis=1)
    c = mx.put_along_axis(x, mx.argmax(x, axis=1, keepdims=True), mx.array(9.0), axis=1)
    d = x[i, i]
    return a, b, c, d


def reductions(x):
    y = x * 0.1
    sums = mx.sum(x, axis=1), mx.mean(x), mx.prod(y, axis=(0, 1), keepdims=True), mx.var(x, axis=0)
    bounds = mx.max(x, axis=0), mx.min(x), mx.argmax(x, axis=1), mx.argmin(x)
    truths = mx.all(x > -9), mx.any(x > 1, axis=0)
    scans = mx.cumsum(x, axis=1), mx.cumprod(y, axis=0, reverse=True), mx.cummax(x, axis=1)
    more = (mx.cummin(x, axis=0, inclusive=False),)
    sorts = mx.sort(x, axis=1), mx.argsort(x, axis=0), mx.partition(x, 2, axis=1)[:, 2:3]
    rest = mx.softmax(x, axis=-1), mx.logsumexp(x, axis=0), mx.softmax(x, axis=0, precise=True)
    return *sums, *bounds, *truths, *scans, *more, *sorts, *rest


def products(x, w, c):
    packed = mx.quantize(w.T, group_size=32, bits=4)
    a = x @ w
    b = mx.addmm(c, x, w, alpha=2.0, beta=0.5)
    d = mx.quantized_matmul(x, *packed, group_size=32, bits=4)
    e = mx.dequantize(*packed, group_size=32, bits=4)
    f = mx.gather_mm(x[:, None], mx.stack([w, w * 2]), rhs_indices=mx.array([1, 0, 1]))
    return a, b, d, e, f


def block(x, w, q):
    h = mx.fast.rms_norm(x, w, 1e-5)
    n = mx.fast.layer_norm(h, w, None, 1e-5)
    r = mx.fast.rope(q, 8, traditional=False, base=1e4, scale=1.0, offset=3)
    a = mx.fast.scaled_dot_product_attention(r, r, q, scale=0.3, mask="causal")
    return h, n, r, a


def random_numbers(key):
    a, b = mx.random.split(key)
    return mx.random.uniform(shape=(4,), key=a), mx.random.normal((3,), key=b), a


def spread(x, y):
    return mx.tanh(x @ y) + mx.sum(x, axis=1, keepdims=True), mx.flatten(x * 2)


def save(name, function, arguments, others=None):
    HERE.mkdir(exist_ok=True)
    arrays = {}
    for prefix, given in (("", arguments), ("2", others)):
        if given is None:
            continue
        out = function(*given)
        arrays |= {f"in{prefix}.{i}": a for i, a in enumerate(given)}
        arrays |= {f"out{prefix}.{i}": a for i, a in enumerate(out)}
    mx.export_function(str(HERE / f"{name}.mlxfn"), function, *arguments, shapeless=others is not None)
    mx.save_safetensors(str(HERE / f"{name}.safetensors"), arrays)
    loaded = mx.import_function(str(HERE / f"{name}.mlxfn"))
    mx.eval(loaded(*arguments))


def main():
    x, y = values(3, 4), values(3, 4, key=1)
    save("elementwise", elementwise, (x, y))
    save("logic", logic, (x, y))
    save("shapes", shapes, (values(2, 3, 4),))
    save("updates", updates, (values(2, 3, 2),))
    save("indices", indices, (x, mx.array([2, 0], dtype=mx.uint32)))
    save("reductions", reductions, (x,))
    save("products", products, (values(3, 64), values(64, 8, key=2), values(3, 8, key=3)))
    save("block", block, (values(2, 3, 16), values(16, key=4), values(1, 2, 4, 8, key=5)))
    save("random_numbers", random_numbers, (mx.random.key(7),))
    other = (values(5, 6), values(6, 2, key=1))
    save("spread", spread, (values(3, 4), values(4, 3, key=1)), other)


main()
