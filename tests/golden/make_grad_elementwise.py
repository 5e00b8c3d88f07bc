"""Golden derivatives of operations element by element, from MLX: see grad_cases.py.

Writes grad/elementwise.json beside this script. MLX crashes on jvp of where, and its
jvp of power is wrong where both operands have tangents: these are not taken.
"""
import mlx.core as mx

from grad_cases import Writer, eighths

FLOATS = ("float32", "float16", "bfloat16")
# Eighths that the inputs are drawn from: where the function is defined, and has no bend.
ANY, INSIDE, POSITIVE, ABOVE_ONE = (-16, 17), (-7, 8), (1, 33), (9, 40)
UNARY = {"abs": ANY, "arccos": INSIDE, "arccosh": ABOVE_ONE, "arcsin": INSIDE, "arcsinh": ANY,
         "arctan": ANY, "arctanh": INSIDE, "ceil": ANY, "cos": ANY, "cosh": ANY, "degrees": ANY,
         "erf": ANY, "erfinv": INSIDE, "exp": ANY, "expm1": ANY, "floor": ANY, "log": POSITIVE,
         "log10": POSITIVE, "log1p": POSITIVE, "log2": POSITIVE, "negative": ANY, "radians": ANY,
         "reciprocal": POSITIVE, "round": ANY, "rsqrt": POSITIVE, "sigmoid": ANY, "sign": ANY,
         "sin": ANY, "sinh": ANY, "sqrt": POSITIVE, "square": ANY, "tan": INSIDE, "tanh": ANY}
COMPLEX = ("cos", "cosh", "exp", "imag", "negative", "real", "sin", "sinh", "square")
BINARY = {"add": ANY, "arctan2": POSITIVE, "divide": POSITIVE, "logaddexp": ANY, "maximum": ANY,
          "minimum": ANY, "multiply": ANY, "power": POSITIVE, "subtract": ANY}


def choose(a, b):
    return mx.where(mx.array([True, False, True]), a, b)


w = Writer(__file__)
for dtype in FLOATS:
    for name, (low, high) in UNARY.items():
        for shape, view in [((2, 3), ""), ((3, 2), "T")]:
            w.add(name, getattr(mx, name), [(eighths(shape, dtype, low, high), view)])
    for name, (low, high) in BINARY.items():
        for a, b in [(((2, 3), ""), ((3,), "")), (((3, 2), "T"), ((), "")),
                     (((1, 3), "B"), ((3, 6), "S"))]:
            w.add(name, getattr(mx, name), [(eighths(s, dtype, low, high), v) for s, v in (a, b)],
                  "jvp" if name == "power" else "")
    w.add("choose", choose, [(eighths((2, 3), dtype), ""), (eighths((1, 3), dtype), "")], "jvp")
for name in ("sin", "exp"):
    w.add(name, getattr(mx, name), [(eighths((), "float32"), "")])
    w.add(name, getattr(mx, name), [(eighths((0, 3), "float32"), "")])
for name in COMPLEX:
    w.add(name, getattr(mx, name), [(eighths((2, 3), "complex64"), "")])
for name in ("add", "divide", "multiply", "subtract"):
    w.add(name, getattr(mx, name),
          [(eighths((2, 3), "complex64"), ""), (eighths((3,), "complex64", 1, 17), "")])
w.add("choose", choose, [(eighths((2, 3), "complex64"), ""), (eighths((3,), "complex64"), "")],
      "jvp")
w.write()
