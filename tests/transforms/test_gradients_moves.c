/* vjp and jvp of operations element by element, of shapes and of indices against MLX's. */
#include "gradients.h"

#define FN(name, expression)                                                        \
  static bool call_##name(void *payload, const mx *in, int count, mx_arrays *out) { \
    (void)payload, (void)count;                                                     \
    return mx_arrays_push(out, expression);                                         \
  }
#define ONE(FN, op) FN(op, mx_##op(in[0]))
#define PAIR(FN, op) FN(op, mx_##op(in[0], in[1]))

static mx which(void) {
  return mx_array_new((const bool[]){true, false, true}, MX_INTS(3), MX_BOOL);
}

/* clang-format off */
#define ELEMENTWISE(FN)                                                                     \
  ONE(FN, abs) ONE(FN, arccos) ONE(FN, arccosh) ONE(FN, arcsin) ONE(FN, arcsinh)            \
  ONE(FN, arctan) ONE(FN, arctanh) ONE(FN, ceil) ONE(FN, cos) ONE(FN, cosh) ONE(FN, degrees) \
  ONE(FN, erf) ONE(FN, erfinv) ONE(FN, exp) ONE(FN, expm1) ONE(FN, floor) ONE(FN, imag)     \
  ONE(FN, log) ONE(FN, log10) ONE(FN, log1p) ONE(FN, log2) ONE(FN, negative)                \
  ONE(FN, radians) ONE(FN, real) ONE(FN, reciprocal) ONE(FN, round) ONE(FN, rsqrt)          \
  ONE(FN, sigmoid) ONE(FN, sign) ONE(FN, sin) ONE(FN, sinh) ONE(FN, sqrt) ONE(FN, square)   \
  ONE(FN, tan) ONE(FN, tanh)                                                                \
  PAIR(FN, add) PAIR(FN, arctan2) PAIR(FN, divide) PAIR(FN, logaddexp) PAIR(FN, maximum)    \
  PAIR(FN, minimum) PAIR(FN, multiply) PAIR(FN, power) PAIR(FN, subtract)                   \
  FN(choose, mx_where(which(), in[0], in[1]))
/* clang-format on */

static mx starts(void) { return mx_array_new((const int[]){0, 1}, MX_INTS(2), MX_INT32); }
static mx zero(mx like) { return mx_scalar(0, mx_dtype_of(like)); }

#define PAD(mode) mx_pad(in[0], MX_INTS(0, 1), MX_INTS(1, 2), MX_INTS(0, 1), zero(in[0]), mode)
#define SHAPE(FN)                                                                              \
  FN(reshape, mx_reshape(in[0], MX_INTS(3, -1)))                                               \
  FN(flatten, mx_flatten(in[0], 0, -1))                                                        \
  FN(unflatten, mx_unflatten(in[0], 1, MX_INTS(3, -1)))                                        \
  FN(expand_dims, mx_expand_dims(in[0], MX_INTS(0, 2)))                                        \
  FN(squeeze, mx_squeeze(mx_expand_dims(in[0], MX_INTS(1)), MX_NO_INTS))                       \
  FN(transpose, mx_transpose(in[0]))                                                           \
  FN(broadcast_to, mx_broadcast_to(in[0], MX_INTS(4, 2, 6)))                                   \
  FN(as_strided, mx_as_strided(in[0], MX_INTS(3, 4), (const int64_t[]){2, 1}, 1))              \
  FN(slice, mx_slice(in[0], MX_INTS(0, 1), MX_INTS(2, 5), MX_INTS(1, 2)))                      \
  FN(slice_back, mx_slice(in[0], MX_INTS(1, 4), MX_INTS(-9, 0), MX_INTS(-1, -2)))              \
  FN(repeat, mx_repeat(in[0], 2, 1))                                                           \
  FN(tile, mx_tile(in[0], MX_INTS(2, 2)))                                                      \
  FN(roll, mx_roll(in[0], MX_INTS(2), MX_INTS(1)))                                             \
  FN(pad, PAD("constant"))                                                                     \
  FN(pad_edge, PAD("edge"))                                                                    \
  FN(tril, mx_tril(in[0], 1))                                                                  \
  FN(contiguous, mx_contiguous(in[0]))                                                         \
  FN(concatenate, mx_concatenate(MX_LIST(in[0], in[1], in[0]), 1))                             \
  FN(stack, mx_stack(in, 2, 1))                                                                \
  FN(slice_update,                                                                             \
     mx_slice_update_dynamic(in[0], mx_slice(in[1], MX_INTS(0, 0), MX_INTS(2, 2), MX_NO_INTS), \
                             starts(), MX_INTS(0, 1)))

static bool push_all(mx_arrays *out, const mx *parts, int count) {
  for (int i = 0; i < count; i++)
    if (!mx_arrays_push(out, parts[i])) return false;
  return true;
}

static bool call_split(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx parts[3];
  return mx_split(in[0], 3, 1, parts) && push_all(out, parts, 3);
}

static bool call_split_at(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx parts[3];
  return mx_split_at(in[0], MX_INTS(1, 4), 1, parts) && push_all(out, parts, 3);
}

static bool call_broadcast_arrays(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx both[2] = {in[0], mx_take_one(in[1], 0, .axis = 0)};
  return mx_broadcast_arrays(both, 2, both) && push_all(out, both, 2);
}

static mx places(void) { return mx_array_new((const int[]){2, 0, 1, -1}, MX_INTS(2, 2), MX_INT32); }
static mx columns(void) { return mx_array_new((const int[]){1, 0}, MX_INTS(2), MX_INT32); }
static mx second(void) { return mx_take_one(places(), 1, .axis = 1); }

/* x[places, columns] */
static mx pairs(mx x) {
  mx out = mx_gather(x, (const mx[]){places(), columns()}, 2, MX_INTS(0, 1), MX_INTS(1, 1));
  return mx_squeeze(out, MX_INTS(2, 3));
}
/* x[:, places] += u */
static mx add_columns(mx x, mx u) {
  mx p = places(), rows = mx_transpose(u, .axes = MX_INTS(1, 2, 0));
  return mx_scatter_add(x, &p, 1, mx_expand_dims(rows, MX_INTS(3)), MX_INTS(1));
}
/* x[second] = max(x[second], u) */
static mx extreme(mx (*scatter)(mx, const mx *, int, mx, mx_ints), mx x, mx u) {
  mx p = second();
  return scatter(x, &p, 1, mx_expand_dims(u, MX_INTS(1)), MX_INTS(0));
}

#define INDEX(FN)                                                \
  FN(take, mx_take(in[0], places(), .axis = 1))                  \
  FN(take_flat, mx_take(in[0], places()))                        \
  FN(along_axis, mx_take_along_axis(in[0], places(), .axis = 1)) \
  FN(pairs, pairs(in[0]))                                        \
  FN(put, mx_put_along_axis(in[0], places(), in[1], .axis = 1))  \
  FN(add_at, add_columns(in[0], in[1]))                          \
  FN(maximum_at, extreme(mx_scatter_max, in[0], in[1]))          \
  FN(minimum_at, extreme(mx_scatter_min, in[0], in[1]))

ELEMENTWISE(FN)
SHAPE(FN)
INDEX(FN)
#define LINE(name, expression) {#name, call_##name},
static const gradient_function elementwise[] = {ELEMENTWISE(LINE){NULL, NULL}};
static const gradient_function shape[] = {SHAPE(LINE){"split", call_split},
                                          {"split_at", call_split_at},
                                          {"broadcast_arrays", call_broadcast_arrays},
                                          {NULL, NULL}};
static const gradient_function indexing[] = {INDEX(LINE){NULL, NULL}};

/* MLX computes 16-bit derivatives in 16 bits, step by step. */
static void elements_differentiate_as_in_mlx(void **state) {
  (void)state;
  check_gradients("tests/golden/grad/elementwise.json", elementwise, 4);
}

static void shapes_differentiate_as_in_mlx(void **state) {
  (void)state;
  check_gradients("tests/golden/grad/shape.json", shape, 2);
}

static void indexing_differentiates_as_in_mlx(void **state) {
  (void)state;
  check_gradients("tests/golden/grad/index.json", indexing, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(elements_differentiate_as_in_mlx),
      scoped_test(shapes_differentiate_as_in_mlx),
      scoped_test(indexing_differentiates_as_in_mlx),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
