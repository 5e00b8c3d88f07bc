"""NumPy's side of the benchmarks: `numpy_peers.py FAMILY` answers bench/run.py as a benchmark program
does with --serve (see peer.py). A case is a pair: make() gives the inputs, run(*inputs) is timed.
Where NumPy lets the caller give the result's memory, it has it (`out`), as ours has its cache.

Needs: numpy."""
import sys

import numpy as np

from peer import serve

N = 1 << 24
SIDE = 4096
TYPES = {"FLOAT32": np.float32, "FLOAT16": np.float16, "FLOAT64": np.float64, "INT32": np.int32,
         "INT64": np.int64, "INT16": np.int16, "INT8": np.int8, "UINT8": np.uint8, "BOOL": np.bool_,
         "COMPLEX64": np.complex64}
generator = np.random.default_rng(0)


def normal(n, dtype):
    if dtype == np.complex64:
        return (normal(n, np.float32) + 1j * normal(n, np.float32)).astype(dtype)
    return generator.standard_normal(n, dtype=np.float32).astype(dtype)


def integers(n, dtype, low, high):
    return generator.integers(low, high, n, dtype=np.int64).astype(dtype)


def square(dtype):
    return normal(N, dtype).reshape(SIDE, SIDE)


def into(ufunc, *inputs):
    """The inputs, and memory for the result that has been touched."""
    return (*inputs, np.ones_like(ufunc(*inputs)))


def elementwise():
    cases = {}

    def case(name, dtype, ufunc, make):
        def made():
            return into(ufunc, *make(TYPES[dtype]))
        cases[f"{name} {dtype}"] = (made, lambda *a: ufunc(*a[:-1], out=a[-1]))

    def two(d):
        return normal(N, d), normal(N, d)

    def two_positive(d):
        return np.abs(normal(N, d)), np.abs(normal(N, d))

    def whole(d):
        return integers(N, d, 0, 100), integers(N, d, 1, 100)

    def one(d):
        return (normal(N, d),)

    def positive(d):
        return (np.abs(normal(N, d)),)

    case("add scalar", "FLOAT32", np.add, lambda d: (normal(N, d), d(1.5)))
    case("add row", "FLOAT32", np.add, lambda d: (square(d), normal(SIDE, d)))
    case("add column", "FLOAT32", np.add, lambda d: (square(d), normal(SIDE, d).reshape(SIDE, 1)))
    case("add transposed", "FLOAT32", np.add, lambda d: (square(d), square(d).T))
    for name in ("add", "multiply", "divide", "maximum", "less", "arctan2", "logaddexp"):
        case(name, "FLOAT32", getattr(np, name), two)
    case("power", "FLOAT32", np.power, two_positive)
    case("power", "FLOAT64", np.power, two_positive)
    case("remainder", "FLOAT32", np.remainder, two_positive)
    for name in ("negative", "abs", "square", "exp", "expm1", "sin", "cos", "tan", "arctan", "sinh",
                 "tanh", "arcsinh"):
        case(name, "FLOAT32", getattr(np, name), one)
    for name in ("sqrt", "log", "log2", "log1p"):
        case(name, "FLOAT32", getattr(np, name), positive)
    for name in ("add", "multiply", "floor_divide", "remainder", "equal", "power"):
        case(name, "INT32", getattr(np, name), whole)
    for name in ("add", "floor_divide"):
        case(name, "INT64", getattr(np, name), whole)
        case(name, "UINT8", getattr(np, name), whole)
    for dtype, names in (("INT32", ("bitwise_and", "left_shift")),
                         ("UINT8", ("remainder", "multiply")),
                         ("INT8", ("add", "maximum", "less")),
                         ("INT16", ("add", "multiply", "less")),
                         ("INT64", ("multiply", "maximum", "less", "remainder", "power"))):
        for name in names:
            case(name, dtype, getattr(np, name), whole)
    for name, dtype in (("abs", "INT8"), ("abs", "INT64"), ("negative", "INT16"),
                        ("square", "INT32")):
        case(name, dtype, getattr(np, name), lambda d: (integers(N, d, 0, 100),))
    for name in ("add", "less", "maximum", "multiply", "divide"):
        case(name, "FLOAT16", getattr(np, name), two)
    case("power", "FLOAT16", np.power, two_positive)
    for name in ("exp", "negative", "square"):
        case(name, "FLOAT16", getattr(np, name), one)
    case("sqrt", "FLOAT16", np.sqrt, positive)
    for name in ("add", "multiply", "divide", "maximum", "less", "arctan2"):
        case(name, "FLOAT64", getattr(np, name), two)
    case("remainder", "FLOAT64", np.remainder, two_positive)
    case("sqrt", "FLOAT64", np.sqrt, positive)
    for name in ("exp", "sin", "tanh"):
        case(name, "FLOAT64", getattr(np, name), one)
    case("log", "FLOAT64", np.log, positive)
    for name in ("add", "multiply", "divide", "equal"):
        case(name, "COMPLEX64", getattr(np, name), two)
    for name in ("exp", "abs", "log", "sqrt", "square"):
        case(name, "COMPLEX64", getattr(np, name), one)
    cases["where FLOAT32"] = (
        lambda: (normal(N, np.float32) > 0, normal(N, np.float32), normal(N, np.float32)), np.where)
    return cases


def cast():
    cases = {}
    for source, a in TYPES.items():
        for target, b in TYPES.items():
            def make(a=a, b=b):
                # Within what the target holds, for which alone a cast is defined.
                real = np.issubdtype(a, np.inexact)
                data = np.abs(normal(N, a)).astype(a) if real else integers(N, a, 0, 100)
                return np.ones(N, b), data
            cases[f"cast {source} {target}"] = (
                make, lambda out, data: np.copyto(out, data, casting="unsafe"))
    return cases


def reduce():
    cases = {}

    def case(name, dtype, run, shape=(N,), whole=False):
        d = TYPES[dtype]
        make = (lambda: integers(N, d, 1, 100)) if whole else (lambda: normal(N, d))
        cases[f"{name} {dtype}"] = (lambda: (make().reshape(shape),), run)

    plane = (SIDE, SIDE)
    for dtype in ("FLOAT32", "FLOAT16", "FLOAT64", "COMPLEX64"):
        case("sum", dtype, np.sum)
        case("sum rows", dtype, lambda a: a.sum(1), plane)
        case("sum columns", dtype, lambda a: a.sum(0), plane)
    for dtype in ("INT8", "INT16", "INT32", "INT64", "UINT8"):
        case("sum", dtype, np.sum, whole=True)
        case("max", dtype, np.max, whole=True)
        case("argmax", dtype, np.argmax, whole=True)
    case("sum", "BOOL", np.sum, whole=True)
    case("sum rows", "INT32", lambda a: a.sum(1), plane, whole=True)
    case("sum columns", "INT32", lambda a: a.sum(0), plane, whole=True)
    case("max columns", "INT32", lambda a: a.max(0), plane, whole=True)
    case("sum columns", "UINT8", lambda a: a.sum(0), plane, whole=True)
    case("argmax columns", "INT8", lambda a: a.argmax(0), plane, whole=True)
    case("all", "BOOL", np.all, whole=True)
    case("all", "INT32", np.all, whole=True)
    case("prod", "INT32", np.prod, whole=True)
    case("sum middle", "FLOAT32", lambda a: a.sum(1), (256, 256, 256))
    for dtype in ("FLOAT16", "FLOAT32", "FLOAT64", "COMPLEX64"):
        def near_one(d=TYPES[dtype]):
            return ((1 + 1e-4 * normal(N, np.float32)).astype(d),)
        cases[f"prod {dtype}"] = (near_one, np.prod)
    case("max", "FLOAT32", np.max)
    case("max", "FLOAT16", np.max)
    case("max rows", "FLOAT32", lambda a: a.max(1), plane)
    case("max columns", "FLOAT32", lambda a: a.max(0), plane)
    case("mean", "FLOAT32", np.mean)
    case("mean rows", "FLOAT16", lambda a: a.mean(1), plane)
    case("var", "FLOAT32", np.var)
    case("var", "FLOAT16", np.var)
    case("var rows", "FLOAT32", lambda a: a.var(1), plane)
    case("var columns", "FLOAT32", lambda a: a.var(0), plane)
    case("std", "FLOAT32", np.std)
    case("min", "FLOAT64", np.min)
    case("max", "COMPLEX64", np.max)
    case("max columns", "FLOAT16", lambda a: a.max(0), plane)
    case("argmax", "FLOAT32", np.argmax)
    case("argmax", "FLOAT16", np.argmax)
    case("argmax", "FLOAT64", np.argmax)
    case("argmax columns", "FLOAT16", lambda a: a.argmax(0), plane)
    case("argmax rows", "FLOAT32", lambda a: a.argmax(1), plane)
    case("argmax columns", "FLOAT32", lambda a: a.argmax(0), plane)
    case("cumsum", "FLOAT32", np.cumsum)
    case("cumsum rows", "FLOAT32", lambda a: np.cumsum(a, 1), plane)
    case("cumsum rows", "FLOAT16", lambda a: np.cumsum(a, 1), plane)
    case("cumsum rows", "FLOAT64", lambda a: np.cumsum(a, 1), plane)
    case("cumsum rows", "INT32", lambda a: np.cumsum(a, 1, dtype=np.int32), plane, whole=True)
    case("cumsum columns", "FLOAT32", lambda a: np.cumsum(a, 0), plane)
    case("cummax rows", "FLOAT32", lambda a: np.maximum.accumulate(a, 1), plane)

    def softmax(a, axis):
        e = np.exp(a - a.max(axis, keepdims=True))
        e /= e.sum(axis, keepdims=True)
        return e

    case("softmax rows", "FLOAT32", lambda a: softmax(a, 1), plane)
    case("softmax columns", "FLOAT32", lambda a: softmax(a, 0), plane)
    case("softmax rows", "FLOAT16", lambda a: softmax(a, 1), plane)
    case("logsumexp rows", "FLOAT32", lambda a: np.log(np.exp(a - a.max(1, keepdims=True)).sum(1)),
         plane)
    case("logsumexp columns", "FLOAT32",
         lambda a: np.log(np.exp(a - a.max(0, keepdims=True)).sum(0)), plane)
    case("logsumexp", "FLOAT32", lambda a: np.log(np.exp(a - a.max()).sum()))
    case("softmax columns", "FLOAT16", lambda a: softmax(a, 0), plane)
    return cases


def copy():
    cases = {}

    def case(name, dtype, view, shape=(SIDE, SIDE)):
        def make():
            a = view(normal(int(np.prod(shape)), TYPES[dtype]).reshape(shape))
            return np.ones(a.shape, a.dtype), a
        cases[f"{name} {dtype}"] = (make, np.copyto)

    for dtype in ("FLOAT32", "FLOAT16"):
        case("copy", dtype, lambda a: a)
        case("swap heads", dtype, lambda a: a.swapaxes(1, 2), (8, 1024, 32, 64))
        case("every other", dtype, lambda a: a[:, ::2], (SIDE, 2 * SIDE))
        case("reverse", dtype, lambda a: a[:, ::-1])
    case("reverse", "UINT8", lambda a: a[:, ::-1])
    for dtype in ("FLOAT32", "FLOAT16", "UINT8", "FLOAT64"):
        case("transpose", dtype, lambda a: a.T)
    case("turn cube", "FLOAT32", lambda a: a.swapaxes(0, 2), (256, 256, 256))
    cases["fill FLOAT32"] = (lambda: (square(np.float32),), lambda a: a.fill(1.5))
    for name, axis in (("join", 0), ("join columns", 1)):
        def make(axis=axis):
            a = square(np.float32)
            return a, np.concatenate([a, a], axis)
        cases[f"{name} FLOAT32"] = (
            make, lambda a, out, axis=axis: np.concatenate([a, a], axis, out=out))
    cases["take rows FLOAT32"] = (
        lambda: (square(np.float32), integers(SIDE, np.int32, 0, SIDE)),
        lambda a, i: np.take(a, i, 0))
    cases["take FLOAT32"] = (
        lambda: (normal(N, np.float32), integers(N // 16, np.int32, 0, N)), np.take)
    return cases


def sort():
    cases = {}
    million = 1 << 20
    rows = (1024, 1024)

    def case(name, dtype, run, n=million, shape=None, made=None):
        d = TYPES[dtype]

        def make():
            if made:
                return (made(),)
            data = (normal(n, d) if dtype.startswith("FLOAT")
                    else integers(n, d, -2**31, 2**31 - 1))
            return (data.reshape(shape) if shape else data,)
        cases[f"{name} {dtype}"] = (make, run)

    def few():
        return integers(million, np.int32, 0, 100)

    for dtype in ("FLOAT32", "FLOAT16", "FLOAT64", "INT32", "INT64", "INT16", "UINT8"):
        case("sort", dtype, np.sort)
    case("sort few", "INT32", np.sort, made=few)
    case("sort sorted", "FLOAT32", np.sort, made=lambda: np.sort(normal(million, np.float32)))
    case("sort rows", "FLOAT32", np.sort, shape=rows)
    case("sort columns", "FLOAT32", lambda a: np.sort(a, 0), shape=rows)
    case("sort 16M", "FLOAT32", np.sort, n=N)
    case("sort 1000", "FLOAT32", np.sort, n=1000)
    for dtype in ("FLOAT32", "INT32", "FLOAT64", "INT64", "FLOAT16"):
        case("argsort", dtype, np.argsort)
    case("argsort few", "INT32", np.argsort, made=few)
    case("argsort rows", "FLOAT32", np.argsort, shape=rows)
    half = million // 2
    case("partition", "FLOAT32", lambda a: np.partition(a, half))
    case("partition", "FLOAT64", lambda a: np.partition(a, half))
    case("partition rows", "FLOAT32", lambda a: np.partition(a, 512), shape=rows)
    case("argpartition", "FLOAT32", lambda a: np.argpartition(a, half))
    case("topk", "FLOAT32", lambda a: np.partition(a, -40)[-40:])
    case("topk rows", "FLOAT32", lambda a: np.partition(a, -40)[:, -40:], shape=rows)
    case("median", "FLOAT32", np.median)
    return cases


def random():
    n = 1 << 22
    pairs = {
        "bits": lambda: generator.integers(0, 1 << 32, n, dtype=np.uint32),
        "uniform FLOAT32": lambda: generator.random(n, dtype=np.float32),
        "normal FLOAT32": lambda: generator.standard_normal(n, dtype=np.float32),
        "normal FLOAT16":
            lambda: generator.standard_normal(n, dtype=np.float32).astype(np.float16),
        "randint INT32": lambda: generator.integers(0, 1000, n, dtype=np.int32),
        "bernoulli": lambda: generator.random(n, dtype=np.float32) < 0.3,
        "gumbel FLOAT32": lambda: generator.gumbel(size=n),
        "permutation 1M": lambda: generator.permutation(1 << 20),
    }
    return {name: (tuple, run) for name, run in pairs.items()}


def matmul():
    cases = {}

    def case(name, dtype, m, n, k, transposed):
        def make():
            a, b = normal(m * k, TYPES[dtype]).reshape(m, k), normal(n * k, TYPES[dtype])
            b = b.reshape(n, k).T if transposed else b.reshape(k, n)
            return a, b, np.empty((m, n), TYPES[dtype])
        cases[f"{name} {dtype}"] = (make, lambda a, b, out: np.matmul(a, b, out=out))

    for size in (256, 512, 1024, 2048, 4096):
        case(f"{size}^3", "FLOAT32", size, size, size, False)
    case("1024^3", "FLOAT64", 1024, 1024, 1024, False)
    case("1024^3", "COMPLEX64", 1024, 1024, 1024, False)
    case("1024^3 transposed", "FLOAT32", 1024, 1024, 1024, True)
    case("8 x 4096 x 4096", "FLOAT32", 8, 4096, 4096, True)
    case("vector x 8192 x 8192", "FLOAT32", 1, 8192, 8192, True)
    case("vector x 8192 x 8192 across", "FLOAT32", 1, 8192, 8192, False)

    def batch():
        a, b = (normal(256 * 64 * 64, np.float32).reshape(256, 64, 64) for _ in range(2))
        return a, b, np.empty_like(a)
    cases["256 of 64^3 FLOAT32"] = (batch, lambda a, b, out: np.matmul(a, b, out=out))
    return cases


FAMILIES = {f.__name__: f for f in (elementwise, reduce, cast, copy, sort, random, matmul)}


def main():
    np.seterr(all="ignore")
    serve(FAMILIES[sys.argv[1]]())


if __name__ == "__main__":
    main()
