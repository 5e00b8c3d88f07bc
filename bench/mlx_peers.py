"""MLX's CPU backend on the benchmarks: `mlx_peers.py FAMILY` answers bench/run.py (see peer.py). Cases
that would take it minutes are left out. Needs the wheels mlx[cpu]==0.30.4 and, for the family llama,
mlx-lm==0.30.4."""
import os
import sys

import mlx.core as mx

from peer import serve

N = 1 << 24
SIDE = 4096
FLOATS = {"FLOAT32": mx.float32, "FLOAT16": mx.float16, "BFLOAT16": mx.bfloat16,
          "FLOAT64": mx.float64, "COMPLEX64": mx.complex64}
TYPES = {**FLOATS, "INT8": mx.int8, "INT16": mx.int16, "INT32": mx.int32, "INT64": mx.int64,
         "UINT8": mx.uint8, "UINT32": mx.uint32, "BOOL": mx.bool_}


def ready(a):
    mx.eval(a)
    return a


def normal(shape, dtype):
    return ready(mx.random.normal(shape).astype(dtype))


def integers(shape, dtype, low=1, high=100):
    return ready(mx.random.randint(low, high, shape).astype(dtype))


def numbers(shape, name):
    return normal(shape, FLOATS[name]) if name in FLOATS else integers(shape, TYPES[name])


def evaluated(function):
    def run(*inputs):
        mx.eval(function(*inputs))
    return run


def elementwise():
    cases = {}

    def case(name, dtype, function, count, shapes=((N,), (N,)), prepare=lambda a: a):
        cases[f"{name} {dtype}"] = (
            lambda: tuple(ready(prepare(numbers(shape, dtype))) for shape in shapes[:count]),
            evaluated(function))

    plane, add = (SIDE, SIDE), mx.add
    for dtype in TYPES:
        for name in ("add", "multiply", "divide", "maximum", "less", "equal", "floor_divide"):
            case(name, dtype, getattr(mx, name), 2)
        for name in ("power", "arctan2", "logaddexp", "remainder"):
            case(name, dtype, getattr(mx, name), 2, prepare=mx.abs)
        for name in ("negative", "abs", "square", "exp", "expm1", "sin", "cos", "tan", "arctan",
                     "sinh", "tanh", "arcsinh", "erf", "sigmoid"):
            case(name, dtype, getattr(mx, name), 1)
        for name in ("sqrt", "rsqrt", "log", "log2", "log1p"):
            case(name, dtype, getattr(mx, name), 1, prepare=mx.abs)
    case("erfinv", "FLOAT32", mx.erfinv, 1, prepare=mx.tanh)
    case("add scalar", "FLOAT32", lambda a: a + 1.5, 1)
    case("add row", "FLOAT32", add, 2, (plane, (SIDE,)))
    case("add column", "FLOAT32", add, 2, (plane, (SIDE, 1)))
    case("add transposed", "FLOAT32", lambda a, b: a + b.T, 2, (plane, plane))
    cases["where FLOAT32"] = (
        lambda: (ready(normal((N,), mx.float32) > 0), *(normal((N,), mx.float32) for _ in range(2))),
        evaluated(mx.where))
    return cases


def cast():
    return {f"cast {source} {target}": (
        lambda source=source: (ready(mx.abs(numbers((N,), source))),),
        evaluated(lambda a, target=TYPES[target]: a.astype(target)))
            for source in TYPES for target in TYPES if target != source}


def reduce():
    cases = {}
    plane = (SIDE, SIDE)

    def case(name, dtype, function, shape=(N,)):
        cases[f"{name} {dtype}"] = (lambda: (numbers(shape, dtype),), evaluated(function))

    for dtype in TYPES:
        for name in ("sum", "prod", "max", "mean", "var", "argmax", "cumsum"):
            case(name, dtype, getattr(mx, name))
        for name in ("sum", "max", "argmax", "cumsum", "cummax", "softmax", "logsumexp"):
            case(f"{name} rows", dtype, lambda a, f=getattr(mx, name): f(a, axis=1), plane)
            case(f"{name} columns", dtype, lambda a, f=getattr(mx, name): f(a, axis=0), plane)
    case("sum middle", "FLOAT32", lambda a: a.sum(1), (256, 256, 256))
    return cases


def copy():
    cases = {}

    def case(name, dtype, function, shape=(SIDE, SIDE)):
        cases[f"{name} {dtype}"] = (lambda: (numbers(shape, dtype),), evaluated(function))

    case("copy", "FLOAT32", lambda a: mx.array(a))
    for dtype in ("FLOAT32", "FLOAT16", "UINT8", "FLOAT64"):
        case("transpose", dtype, lambda a: mx.contiguous(a.T))
    case("turn cube", "FLOAT32", lambda a: mx.contiguous(a.swapaxes(0, 2)), (256, 256, 256))
    case("swap heads", "FLOAT16", lambda a: mx.contiguous(a.swapaxes(1, 2)), (8, 1024, 32, 64))
    case("every other", "FLOAT32", lambda a: mx.contiguous(a[:, ::2]), (SIDE, 2 * SIDE))
    case("reverse", "FLOAT32", lambda a: mx.contiguous(a[:, ::-1]))
    case("fill", "FLOAT32", lambda a: mx.full((SIDE, SIDE), 1.5), (1,))
    case("join", "FLOAT32", lambda a: mx.concatenate([a, a], 0))
    case("join columns", "FLOAT32", lambda a: mx.concatenate([a, a], 1))
    cases["take rows FLOAT32"] = (
        lambda: (normal((SIDE, SIDE), mx.float32), integers((SIDE,), mx.int32, 0, SIDE)),
        evaluated(lambda a, i: mx.take(a, i, 0)))
    cases["take FLOAT32"] = (
        lambda: (normal((N,), mx.float32), integers((N // 16,), mx.int32, 0, N)),
        evaluated(mx.take))
    return cases


def sort():
    cases = {}
    million, rows = 1 << 20, (1024, 1024)

    def keys(shape, dtype):
        return (normal(shape, FLOATS[dtype]) if dtype in FLOATS
                else integers(shape, TYPES[dtype], -2**31, 2**31 - 1))

    def case(name, dtype, function, shape=(million,), make=keys):
        cases[f"{name} {dtype}"] = (lambda: (make(shape, dtype),), evaluated(function))

    def few(shape, dtype):
        return integers(shape, TYPES[dtype], 0, 100)

    for dtype in ("FLOAT32", "FLOAT16", "BFLOAT16", "FLOAT64", "INT32", "INT64", "INT16", "UINT8"):
        case("sort", dtype, mx.sort)
        case("argsort", dtype, mx.argsort)
    case("sort few", "INT32", mx.sort, make=few)
    case("argsort few", "INT32", mx.argsort, make=few)
    case("sort sorted", "FLOAT32", mx.sort, make=lambda s, d: ready(mx.sort(keys(s, d))))
    case("sort rows", "FLOAT32", mx.sort, rows)
    case("sort columns", "FLOAT32", lambda a: mx.sort(a, 0), rows)
    case("sort 16M", "FLOAT32", mx.sort, (N,))
    case("sort 1000", "FLOAT32", mx.sort, (1000,))
    case("argsort rows", "FLOAT32", mx.argsort, rows)
    half = million // 2
    for dtype in ("FLOAT32", "FLOAT64"):
        case("partition", dtype, lambda a: mx.partition(a, half))
    case("partition rows", "FLOAT32", lambda a: mx.partition(a, 512), rows)
    case("argpartition", "FLOAT32", lambda a: mx.argpartition(a, half))
    case("topk", "FLOAT32", lambda a: mx.topk(a, 40))
    case("topk rows", "FLOAT32", lambda a: mx.topk(a, 40), rows)
    case("median", "FLOAT32", mx.median)
    return cases


def random():
    n = (1 << 22,)
    draws = {
        "bits": lambda: mx.random.bits(n),
        "uniform FLOAT32": lambda: mx.random.uniform(shape=n),
        "normal FLOAT32": lambda: mx.random.normal(n),
        "normal FLOAT16": lambda: mx.random.normal(n, mx.float16),
        "randint INT32": lambda: mx.random.randint(0, 1000, n),
        "bernoulli": lambda: mx.random.bernoulli(0.3, n),
        "gumbel FLOAT32": lambda: mx.random.gumbel(n),
        "permutation 1M": lambda: mx.random.permutation(1 << 20),
    }
    return {name: (tuple, evaluated(draw)) for name, draw in draws.items()}


def matmul():
    cases = {}

    def case(name, dtype, m, n, k, transposed=False):
        def make():
            b = normal((n, k) if transposed else (k, n), TYPES[dtype])
            return normal((m, k), TYPES[dtype]), b.T if transposed else b
        cases[f"{name} {dtype}"] = (make, evaluated(mx.matmul))

    for size in (256, 512, 1024, 2048, 4096):
        case(f"{size}^3", "FLOAT32", size, size, size)
    for dtype in ("FLOAT64", "COMPLEX64", "BFLOAT16", "FLOAT16"):
        case("1024^3", dtype, 1024, 1024, 1024)
    case("1024^3 transposed", "FLOAT32", 1024, 1024, 1024, True)
    case("8 x 4096 x 4096", "FLOAT32", 8, 4096, 4096, True)
    case("8 x 8192 x 8192", "BFLOAT16", 8, 8192, 8192, True)
    for dtype in ("FLOAT32", "BFLOAT16"):
        case("vector x 8192 x 8192", dtype, 1, 8192, 8192, True)
    case("vector x 8192 x 8192 across", "FLOAT32", 1, 8192, 8192)
    cases["256 of 64^3 FLOAT32"] = (
        lambda: tuple(normal((256, 64, 64), mx.float32) for _ in range(2)), evaluated(mx.matmul))
    return cases


def attention():
    cases = {}
    attend = mx.fast.scaled_dot_product_attention

    def case(name, dtype, queries, sequences, keys):
        def make():
            return [normal((sequences, heads, length, 64), TYPES[dtype])
                    for heads, length in ((32, queries), (8, keys), (8, keys))]
        mask = "causal" if queries > 1 else None
        cases[f"{name} {dtype}"] = (
            make, evaluated(lambda q, k, v: attend(q, k, v, scale=0.125, mask=mask)))

    for dtype in ("BFLOAT16", "FLOAT16", "FLOAT32"):
        case("1 token over 65536", dtype, 1, 1, 65536)
        case("prompt of 512", dtype, 512, 1, 512)
    case("8 sequences over 8192", "BFLOAT16", 1, 8, 8192)
    case("prompt of 2048", "FLOAT32", 2048, 1, 2048)
    return cases


def quantized():
    cases = {}
    for bits in (2, 3, 4, 5, 6, 8):
        for rows in (1, 2, 4):
            for columns in (8192, 131072):
                def make(bits=bits, rows=rows, columns=columns):
                    w = mx.quantize(normal((columns, 2048), mx.bfloat16), 64, bits)
                    return normal((rows, 2048), mx.bfloat16), *map(ready, w)
                cases[f"{bits}-bit, {rows} x {columns} x 2048"] = (
                    make, evaluated(lambda x, w, scales, biases, bits=bits: mx.quantized_matmul(
                        x, w, scales, biases, bits=bits)))
    return cases


def llama():
    from pathlib import Path

    from mlx_lm.models.cache import make_prompt_cache
    from mlx_lm.utils import load_model

    def make(bits):
        model = load_model(Path(os.environ.get("BENCH_MODELS", ".")) / str(bits))[0]
        return model, make_prompt_cache(model)

    def decode(model, cache):
        mx.eval(model(mx.zeros((1, 1), mx.int32), cache))

    return {f"decode {name}": (lambda bits=bits: make(bits), decode)
            for name, bits in (("4-bit", 4), ("8-bit", 8), ("bfloat16", 16))}


FAMILIES = {f.__name__: f for f in (elementwise, cast, reduce, copy, sort, random, matmul, attention,
                                    quantized, llama)}

if __name__ == "__main__":
    mx.set_default_device(mx.cpu)
    serve(FAMILIES[sys.argv[1]]())
