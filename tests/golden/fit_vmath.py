"""Prints the polynomial coefficients of src/kernels/vmath.h with the error of each fit.

Least squares on Chebyshev nodes, weighted so that the error is relative to the function's value,
then a few rounds of Lawson's reweighting towards the minimax polynomial. Needs the numpy wheel.
"""
import math

import numpy as np
from numpy.polynomial import chebyshev as C, polynomial as P

L = np.longdouble


def fit(name, f, lo, hi, degree, scale=lambda x: np.ones_like(x), rounds=60, digits=17):
    """p(x) ~ f(x) on [lo, hi]; the error times scale(x) is what is made small."""
    k = np.arange(4000)
    t = np.cos(np.pi * (k + 0.5) / len(k))
    x = (lo + hi) / 2 + (hi - lo) / 2 * t
    y = np.array(f(x), dtype=np.float64)
    s = np.abs(scale(x))
    V = C.chebvander(t, degree)
    w = np.ones_like(t)
    best = None
    for _ in range(rounds):
        r = np.sqrt(w) * s
        c = np.linalg.lstsq(V * r[:, None], y * r, rcond=None)[0]
        err = np.abs(V @ c - y) * s
        if best is None or err.max() < best[0]:
            best = (err.max(), c)
        w *= err / err.max() + 1e-3
        w /= w.mean()
    err, c = best
    # to monomials in x, in extended precision
    mono = np.zeros(1, dtype=L)
    a, b = L(2) / L(hi - lo), -L(hi + lo) / L(hi - lo)
    T0, T1 = np.array([L(1)]), np.array([b, a])
    polys = [T0, T1]
    for _ in range(2, degree + 1):
        polys.append(P.polysub(2 * P.polymul(np.array([b, a]), polys[-1]), polys[-2]))
    for ck, pk in zip(c, polys):
        mono = P.polyadd(mono, L(ck) * pk)
    print(f"{name}: error 2^{math.log2(err):.1f}")
    for v in mono:
        print(f"    {float(v):.{digits}g},")


def erf(x):
    return np.array([math.erf(v) for v in x])


def erfinv_of_w(w):
    """y with erf(y) = x for x = sqrt(1 - exp(-w)), divided by x."""
    out = []
    for v in w:
        x = math.sqrt(-math.expm1(-v)) if v > 0 else 0.0
        if x < 1e-8:
            out.append(math.sqrt(math.pi) / 2)
            continue
        y = math.sqrt(v) * 0.8 if v > 1 else x * 0.886
        q = -math.expm1(0.5 * math.log1p(-math.exp(-v)))  # 1 - x without cancellation
        for _ in range(60):
            step = ((math.erfc(y) - q) if v > 1 else (x - math.erf(y))) * math.sqrt(math.pi) / 2 * math.exp(y * y)
            y += step
            if abs(step) < 1e-17 * abs(y):
                break
        out.append(y / x)
    return np.array(out)


def odd(f):
    """f(sqrt z) / sqrt z, and the scale that makes its error relative."""
    g = lambda z: f(np.sqrt(z)) / np.sqrt(z)
    return g, lambda z: 1 / g(z)


X = lambda x: np.asarray(x, dtype=L)
h = 0.3466
tiny = 1e-6

# float32
fit("exp: e^r = 1 + r + r^2 p(r)", lambda r: (np.expm1(X(r)) - r) / X(r) ** 2, -h, h, 4,
    lambda r: r * r / np.exp(r), digits=9)
g, s = odd(np.tanh)
fit("tanh: x + x^3 p(x^2), x < 0.625", lambda z: (g(X(z)) - 1) / z, tiny, 0.625**2, 4, lambda z: z * s(z), digits=9)
lo, hi = math.sqrt(0.5) - 1, math.sqrt(2) - 1
fit("log: log(1 + f) = f - f^2/2 + f^3 p(f)",
    lambda f: (np.log1p(X(f)) - f + X(f) ** 2 / 2) / X(f) ** 3, lo, hi, 8, lambda f: f**3 / np.log1p(f), digits=9)
q = math.pi / 4 + 0.01
fit("sin: x + x^3 p(x^2)", lambda z: (np.sin(np.sqrt(X(z))) / np.sqrt(X(z)) - 1) / X(z), tiny, q * q, 3,
    lambda z: z * np.sqrt(z) / np.sin(np.sqrt(z)), digits=9)
fit("cos: 1 - x^2/2 + x^4 p(x^2)", lambda z: (np.cos(np.sqrt(X(z))) - 1 + X(z) / 2) / X(z) ** 2, 1e-3, q * q, 3,
    lambda z: z * z / np.cos(np.sqrt(z)), digits=9)
fit("erf: x + x p(x^2), x < 0.92", lambda z: erf(np.sqrt(z)) / np.sqrt(z) - 1, tiny, 0.93**2, 6,
    lambda z: np.sqrt(z) / erf(np.sqrt(z)), digits=9)
erfc = lambda t: np.array([math.erfc(v) for v in t])
fit("erf: log(1 - erf(t)) = -t + t p(t), 0.92 < t < 4", lambda t: (np.log(erfc(t)) + t) / t, 0.91, 4.0, 6,
    lambda t: t * erfc(t) / (1 - erfc(t)), digits=9)


def pieces(name, f, bounds, degree):
    """f(c + t) = c0 + t (c1 + t (...)) on each of the pieces (c, lo, hi), whose coefficients are
    rounded to float32 one after the other, what is left being fitted anew. About c = 0 it is
    f - t that is fitted."""
    worst, table = 0, []
    for c, lo, hi in bounds:
        t = (lo + hi) / 2 - c + (hi - lo) / 2 * np.cos(np.pi * (np.arange(800) + 0.5) / 800)
        h, whole = np.abs(t).max(), f(c + t)
        left = whole - t if c == 0 else whole
        s = 2.0**24 / whole if c == 0 else 1 / np.spacing(whole.astype(np.float32)).astype(float)
        coefficients = [0.0] if c == 0 else []
        for first in range(len(coefficients), degree + 1):
            V = np.stack([(t / h) ** k for k in range(first, degree + 1)], 1)
            w, best = np.ones_like(t), None
            for _ in range(80):
                r = np.sqrt(w) * s
                p = np.linalg.lstsq(V * r[:, None], left * r, rcond=None)[0]
                err = np.abs(V @ p - left) * s
                if best is None or err.max() < best[0]:
                    best = (err.max(), p)
                w *= err / err.max() + 1e-3
                w /= w.mean()
            coefficients.append(float(np.float32(best[1][0] / h**first)))
            left = left - coefficients[-1] * t**first
        worst = max(worst, np.abs(left * s).max())
        table.append(coefficients)
    print(f"{name}: error {worst:.2f} ulp before rounding")
    for row in np.array(table).T:
        print("    " + ", ".join(f"{v:.9g}" for v in row))


def lucky(f, near, width):
    """The float32 about there at which f is nearest to a float32."""
    start = np.float32(near).view(np.int32)
    x = np.arange(start - 20000, start + 20000, dtype=np.int32).view(np.float32).astype(np.float64)
    x = x[np.abs(x - near) <= width]
    y = f(x)
    return float(x[np.abs(y - y.astype(np.float32)).argmin()])


def print_middles(bounds):
    print("  middles: " + ", ".join(f"{c:.9g}" for c, _, _ in bounds))


# Of the last quarter's values float32 has one.
middles = [0] + [lucky(erf, j / 4 + 0.125, 0.004) for j in range(1, 15)] + [lucky(erf, 3.832, 0.004)]
quarter = [(c, j / 4, j / 4 + 0.25) for j, c in enumerate(middles)]
pieces("erf in pieces", erf, quarter, 6)
print_middles(quarter)


def tanh_pieces():
    """Quarters of the octaves of 1 + x; beyond 9.1 float32 has 1."""
    for octave in (0, 1, 2, 3):
        for quarter in range(4 if octave < 3 else 2):
            lo, hi = ((4 + quarter + k) / 4 * 2**octave - 1 for k in (0, 1))
            middle = {0: 0, 7: 8.3, 9: 9.05}.get(lo, (lo + hi) / 2)  # t must be below tanh of it
            yield lucky(np.tanh, middle, (hi - lo) / 64) if lo else 0, lo, min(hi, 9.1)


pieces("tanh in pieces", np.tanh, list(tanh_pieces()), 6)
print_middles(tanh_pieces())

# float64 lanes
fit("exp64: r + r^2 p(r) = expm1(r)", lambda r: (np.expm1(X(r)) - r) / X(r) ** 2, -h, h, 7, lambda r: r)
s1 = (math.sqrt(2) - 1) / (math.sqrt(2) + 1)
fit("log64: log m = 2s + s^3 p(s^2), s = (m-1)/(m+1)",
    lambda z: 2 * (np.arctanh(np.sqrt(X(z))) / np.sqrt(X(z)) - 1) / X(z), 1e-4, s1 * s1 * 1.01, 4, lambda z: z)
fit("sin64: x + x^3 p(x^2)", lambda z: (np.sin(np.sqrt(X(z))) / np.sqrt(X(z)) - 1) / X(z), 1e-4, q * q, 4, lambda z: z)
fit("cos64: 1 + x^2 p(x^2)", lambda z: (np.cos(np.sqrt(X(z))) - 1) / X(z), 1e-4, q * q, 5, lambda z: z)
fit("asin64: x + x^3 p(x^2), x < 0.5", lambda z: (np.arcsin(np.sqrt(X(z))) / np.sqrt(X(z)) - 1) / X(z), 1e-4, 0.2501, 8,
    lambda z: z)
fit("atan64: x + x^3 p(x^2), x < 1", lambda z: (np.arctan(np.sqrt(X(z))) / np.sqrt(X(z)) - 1) / X(z), 1e-4, 1.0, 12,
    lambda z: z)
fit("erfinv64: x p(w), w = -log(1 - x^2) < 5", lambda w: erfinv_of_w(w), 0.0, 5.0, 12, lambda w: 1 / erfinv_of_w(w))
fit("erfinv64: x p(sqrt(w)), 5 < w < 17", lambda v: erfinv_of_w(v * v), math.sqrt(4.9), 4.1, 12,
    lambda v: 1 / erfinv_of_w(v * v))


# float32 on AVX-512 (vmath32.h)
w = 1 / 32 + 1e-4
for name, base in (("log", math.e), ("log2", 2.0), ("log10", 10.0)):
    c = 1 / math.log(base)
    fit(f"{name}: c r + r^2 p(r), c = {c:.9g}", lambda r: c * (np.log1p(X(r)) - r) / X(r) ** 2, -w, w, 3, lambda r: r, digits=9)
fit("log2 for powers: c r - c r^2/2 + r^3 p(r)",
    lambda r: (np.log1p(X(r)) - r + X(r) ** 2 / 2) / X(r) ** 3 / np.log(L(2)), -w, w, 4, lambda r: r * r, digits=9)
fit("atan: x + x^3 p(x^2), x < 1", lambda z: (np.arctan(np.sqrt(X(z))) / np.sqrt(X(z)) - 1) / X(z), 1e-4, 1.0, 8,
    lambda z: z * np.sqrt(z) / np.arctan(np.sqrt(z)), digits=9)
fit("tan: x + x^3 p(x^2), x < pi/4", lambda z: (np.tan(np.sqrt(X(z))) / np.sqrt(X(z)) - 1) / X(z), 1e-4, 0.6172, 6,
    lambda z: z * np.sqrt(z) / np.tan(np.sqrt(z)), digits=9)
fit("sinh: x + x^3 p(x^2), x < 1", lambda z: (np.sinh(np.sqrt(X(z))) / np.sqrt(X(z)) - 1) / X(z), 1e-4, 1.0, 3,
    lambda z: z, digits=9)


def tables():
    """Reciprocals, in 64ths, of the 32 steps of an octave, and logarithms of them in two parts."""
    from decimal import Decimal as D, getcontext
    getcontext().prec = 60
    grid = D(2) ** 16
    parts = [64 if j == 0 else 32 if j == 31 else round(64 / (1 + (j + 0.5) / 32)) for j in range(32)]
    print("reciprocals, in 64ths:", parts)
    f32 = lambda v: np.float32(float(v))
    roots = [D(2) ** (D(j) / 16) for j in range(16)]
    print("roots:", ", ".join(f"{f32(v):.9g}f" for v in roots))
    print("  low:", ", ".join(f"{f32(v - D(float(f32(v)))):.9g}f" for v in roots))
    for name, base in (("log", D(1).exp()), ("log2", D(2)), ("log10", D(10))):
        octave = D(2).ln() / base.ln()
        octave_high = (octave * grid).to_integral_value() / grid
        full = [-(D(p) / 64).ln() / base.ln() for p in parts]
        high = [octave_high if p == 32 and j == 31 else (v * grid).to_integral_value() / grid for j, (p, v) in enumerate(zip(parts, full))]
        c = 1 / base.ln()
        print(f"{name}: octave {int(octave_high * grid)} / 65536 + {f32(octave - octave_high):.9g}; c {f32(c):.9g} + {f32(c - D(float(f32(c)))):.9g}")
        print("  high, in 65536ths:", [int(v * grid) for v in high])
        print("  low:", ", ".join(f"{f32(v - a):.9g}f" for v, a in zip(full, high)))


tables()
