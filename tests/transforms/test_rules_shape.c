/* Derivatives and vectorisation of operations that move, cut and join arrays, against mathematics.
 */
#include "derivatives.h"

#define STRIDES(...) ((const int64_t[]){__VA_ARGS__})

DERIVATIVE_FN(reshape, mx_reshape(in[0], MX_INTS(3, -1)))
DERIVATIVE_FN(reshape_to_scalar, mx_reshape(in[0], (mx_ints){NULL, 0}))
DERIVATIVE_FN(flatten, mx_flatten(in[0], 0, -1))
DERIVATIVE_FN(flatten_middle, mx_flatten(in[0], 1, 2))
DERIVATIVE_FN(unflatten, mx_unflatten(in[0], 1, MX_INTS(2, -1)))
DERIVATIVE_FN(expand_dims, mx_expand_dims(in[0], MX_INTS(0, 1, -1)))
DERIVATIVE_FN(expand_middle, mx_expand_dims(in[0], MX_INTS(1)))
DERIVATIVE_FN(squeeze, mx_squeeze(in[0], MX_NO_INTS))
DERIVATIVE_FN(squeeze_one, mx_squeeze(in[0], MX_INTS(1)))
DERIVATIVE_FN(transpose, mx_transpose(in[0]))
DERIVATIVE_FN(transpose_axes, mx_transpose(in[0], .axes = MX_INTS(1, 2, 0)))
DERIVATIVE_FN(moveaxis, mx_moveaxis(in[0], 0, -1))
DERIVATIVE_FN(swapaxes, mx_swapaxes(in[0], 0, 2))
DERIVATIVE_FN(broadcast_to, mx_broadcast_to(in[0], MX_INTS(4, 2, 3)))
DERIVATIVE_FN(as_strided, mx_as_strided(in[0], MX_INTS(3, 2), STRIDES(1, 2), 1))
DERIVATIVE_FN(as_strided_backwards, mx_as_strided(in[0], MX_INTS(3, 2), STRIDES(-1, 0), 4))
DERIVATIVE_FN(contiguous, mx_contiguous(in[0]))
DERIVATIVE_FN(copy, mx_copy(in[0]))
DERIVATIVE_FN(atleast, mx_add(mx_atleast_3d(in[0]), mx_atleast_2d(in[0])))

static bool broadcast_arrays(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload;
  mx all[DERIVATIVE_INPUTS];
  if (!mx_broadcast_arrays(in, count, all)) return false;
  for (int i = 0; i < count; i++) mx_arrays_push(out, all[i]);
  return true;
}

static const derivative_case cases[] = {
    {"reshape", reshape, {"2x6"}},
    {"reshape, transposed", reshape, {"2x6T"}},
    {"reshape, strided", reshape, {"2x6S"}},
    {"reshape, broadcast", reshape, {"2x6B"}},
    {"reshape to a scalar", reshape_to_scalar, {"1x1"}},
    {"flatten", flatten, {"2x3x2T"}},
    {"flatten a scalar", flatten, {"()"}},
    {"flatten nothing", flatten, {"2x0"}},
    {"flatten middle axes", flatten_middle, {"2x2x3x2"}},
    {"unflatten", unflatten, {"3x4x2S"}},
    {"unflatten, last", unflatten, {"3x4T"}},
    {"expand_dims", expand_dims, {"2x3"}},
    {"expand_dims, scalar", expand_dims, {"()"}},
    {"expand_dims, middle", expand_middle, {"2x3T"}},
    {"squeeze", squeeze, {"1x2x1x3x1"}},
    {"squeeze one", squeeze_one, {"1x1x3T"}},
    {"transpose", transpose, {"2x3x4"}},
    {"transpose a scalar", transpose, {"()"}},
    {"transpose axes", transpose_axes, {"2x3x4S"}},
    {"moveaxis", moveaxis, {"2x3x4"}},
    {"swapaxes", swapaxes, {"2x3x4B"}},
    {"broadcast_to", broadcast_to, {"2x1"}},
    {"broadcast_to, more axes", broadcast_to, {"3"}},
    {"broadcast_to, scalar", broadcast_to, {"()"}},
    {"broadcast_to, strided", broadcast_to, {"2x3S"}},
    {"broadcast_arrays", broadcast_arrays, {"2x1", "3", "4x1x1T"}},
    {"as_strided", as_strided, {"7"}},
    {"as_strided, transposed", as_strided, {"2x4T"}},
    {"as_strided, backwards", as_strided_backwards, {"2x3S"}},
    {"contiguous", contiguous, {"2x3T"}},
    {"copy", copy, {"2x3S"}},
    {"atleast", atleast, {"()"}},
    {"atleast of vectors", atleast, {"3"}},
};

static void views(void **state) {
  (void)state;
  check_derivative_cases(cases, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(views)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
