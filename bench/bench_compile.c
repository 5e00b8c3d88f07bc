/* Compiled functions on 16 M elements. With MLX_DISABLE_COMPILE in the environment the same program
 * measures the functions as they are: bench/run.py measures the two in turns. */
#include "inputs.h"

#define N ((int64_t)1 << 24)

typedef struct {
  mx_fn fast;
  int inputs;
} compiled;

#define FN(name) static bool name(void *payload, const mx *in, int count, mx_arrays *out)
#define UNUSED (void)payload, (void)count

static mx number(double value, mx like) { return mx_scalar(value, mx_dtype_of(like)); }

FN(chain) {
  UNUSED;
  mx x = in[0], k = number(1.01, x);
  for (int i = 0; i < 5; i++) x = mx_multiply(mx_add(x, k), k);
  return mx_arrays_push(out, x);
}

FN(copies) {
  UNUSED;
  return mx_arrays_push(out, mx_add(in[0], number(1, in[0])));
}

/* x (1 + erf(x / sqrt 2)) / 2 */
FN(gelu) {
  UNUSED;
  mx x = in[0];
  mx tail = mx_add(number(1, x), mx_erf(mx_divide(x, number(1.4142135623730951, x))));
  return mx_arrays_push(out, mx_divide(mx_multiply(x, tail), number(2, x)));
}

/* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
FN(gelu_tanh) {
  UNUSED;
  mx x = in[0], cube = mx_power(x, number(3, x));
  mx inner = mx_add(x, mx_multiply(number(0.044715, x), cube));
  mx t = mx_tanh(mx_multiply(number(0.7978845608028654, x), inner));
  return mx_arrays_push(out, mx_multiply(mx_multiply(number(0.5, x), x), mx_add(number(1, x), t)));
}

FN(swiglu) {
  UNUSED;
  mx gate = mx_multiply(in[0], mx_sigmoid(in[0]));
  return mx_arrays_push(out, mx_multiply(gate, in[1]));
}

/* parameters, gradients, m, v */
FN(adam) {
  UNUSED;
  mx p = in[0], g = in[1];
  mx m = mx_add(mx_multiply(number(0.9, p), in[2]), mx_multiply(number(0.1, p), g));
  mx v = mx_add(mx_multiply(number(0.999, p), in[3]), mx_multiply(number(0.001, p), mx_square(g)));
  mx step = mx_divide(mx_multiply(number(1e-3, p), m), mx_add(mx_sqrt(v), number(1e-8, p)));
  return mx_arrays_push(out, mx_subtract(p, step)) && mx_arrays_push(out, m) &&
         mx_arrays_push(out, v);
}

static void make(const bench_case *c, bench_state *s, mx_fn_call call, int inputs) {
  static compiled made;
  mx_fn f = mx_fn_new(call, NULL, NULL);
  made = (compiled){mx_compile(f), inputs};
  mx_fn_release(f);
  for (int i = 0; i < inputs; i++) {
    mx a = bench_normal(c->n ? c->n : N, c->dtype, (uint64_t)i);
    s->in[i] = i == 3 ? bench_ready(mx_abs(a)) : a;
  }
  s->own = &made;
}

static void run(const bench_case *c, bench_state *s) {
  (void)c;
  const compiled *made = s->own;
  mx_arrays out = {0};
  mx_scope scope = mx_scope_begin();
  mx_fn_apply(made->fast, s->in, made->inputs, &out);
  mx_scope_end_many(scope, out.data, out.size);
  mx_eval_arrays(out.data, out.size);
  mx_arrays_free(&out);
}

static void drop(const bench_case *c, bench_state *s) {
  (void)c;
  mx_fn_release(((compiled *)s->own)->fast);
}

#define MAKE(function, inputs) \
  static void make_##function(const bench_case *c, bench_state *s) { make(c, s, function, inputs); }
MAKE(chain, 1)
MAKE(copies, 1)
MAKE(gelu, 1)
MAKE(gelu_tanh, 1)
MAKE(swiglu, 2)
MAKE(adam, 4)

#define CASE(label, function, type, bytes, reads, writes)                                        \
  {                                                                                              \
    .name = label " " #type, .make = make_##function, .run = run, .drop = drop,                  \
    .dtype = MX_##type, .read = (double)N * bytes * reads, .written = (double)N * bytes * writes \
  }

static const bench_case cases[] = {
    CASE("add a scalar", copies, FLOAT32, 4, 1, 1), CASE("chain of ten", chain, FLOAT32, 4, 1, 1),
    CASE("gelu", gelu, FLOAT32, 4, 1, 1),           CASE("gelu tanh", gelu_tanh, FLOAT32, 4, 1, 1),
    CASE("swiglu", swiglu, FLOAT32, 4, 2, 1),       CASE("adam", adam, FLOAT32, 4, 4, 3),
    CASE("chain of ten", chain, BFLOAT16, 2, 1, 1), CASE("swiglu", swiglu, BFLOAT16, 2, 2, 1),
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
