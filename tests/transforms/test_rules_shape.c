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

DERIVATIVE_FN(slice, mx_slice(in[0], MX_INTS(0, 1), MX_INTS(2, 4), MX_INTS(1, 2)))
DERIVATIVE_FN(slice_back, mx_slice(in[0], MX_INTS(1, -1), MX_INTS(-9, 0), MX_INTS(-1, -2)))
DERIVATIVE_FN(slice_one, mx_slice(in[0], MX_INTS(0, 1), MX_INTS(2, 4), MX_INTS(5, 5)))
DERIVATIVE_FN(slice_none, mx_slice(in[0], MX_INTS(1, 0), MX_INTS(1, 4), MX_NO_INTS))
DERIVATIVE_FN(slice_update,
              mx_slice_update(in[0], in[1], MX_INTS(0, 1), MX_INTS(2, 4), MX_INTS(1, 2)))
DERIVATIVE_FN(slice_update_back,
              mx_slice_update(in[0], in[1], MX_INTS(1, -1), MX_INTS(-9, 0), MX_INTS(-1, -2)))
DERIVATIVE_FN(dynamic_slice, mx_slice_dynamic(in[0], in[1], MX_INTS(1, 0), MX_INTS(1, 2)))
DERIVATIVE_FN(dynamic_slice_one, mx_slice_dynamic(in[0], in[1], MX_INTS(-1), MX_INTS(2, 3)))
DERIVATIVE_FN(dynamic_update, mx_slice_update_dynamic(in[0], in[1], in[2], MX_INTS(1, 0)))
DERIVATIVE_FN(dynamic_update_one, mx_slice_update_dynamic(in[0], in[1], in[2], MX_INTS(1)))
DERIVATIVE_FN(concatenate, mx_concatenate(in, count, 0))
DERIVATIVE_FN(concatenate_last, mx_concatenate(in, count, -1))
DERIVATIVE_FN(concatenate_itself, mx_concatenate(MX_LIST(in[0], in[1], in[0]), 1))
DERIVATIVE_FN(stack, mx_stack(in, count, 1))
DERIVATIVE_FN(repeat, mx_repeat(in[0], 3, 1))
DERIVATIVE_FN(tile, mx_tile(in[0], MX_INTS(2, 1, 2)))
DERIVATIVE_FN(roll, mx_roll(in[0], MX_INTS(1, -2), MX_INTS(0, 1)))
DERIVATIVE_FN(roll_flat, mx_roll(in[0], MX_INTS(2), MX_NO_INTS))
DERIVATIVE_FN(pad, mx_pad(in[0], MX_INTS(1, 0), MX_INTS(2, 0), MX_INTS(1, 1), in[1], "constant"))
DERIVATIVE_FN(pad_edge,
              mx_pad(in[0], MX_INTS(0, 1), MX_INTS(1, 2), MX_INTS(0, 1), mx_float(0), "edge"))
DERIVATIVE_FN(full, mx_full(MX_INTS(4, 2, 3), in[0], MX_FLOAT64))
DERIVATIVE_FN(full_like, mx_full_like(in[0], in[1], MX_FLOAT64))
DERIVATIVE_FN(ones_like, mx_add(mx_ones_like(in[0]), mx_zeros_like(in[0])))
DERIVATIVE_FN(tril, mx_tril(in[0], 0))
DERIVATIVE_FN(triu, mx_triu(in[0], 1))
DERIVATIVE_FN(view_same, mx_view(mx_view(in[0], MX_INT64), MX_FLOAT64))
DERIVATIVE_FN(view_smaller, mx_view(in[0], MX_INT32))

static bool split(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx parts[3];
  if (!mx_split(in[0], 3, 1, parts)) return false;
  return mx_arrays_push(out, parts[2]) && mx_arrays_push(out, mx_sin(parts[0]));
}

static bool split_at(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx parts[4];
  if (!mx_split_at(in[0], MX_INTS(1, 1, 2), 0, parts)) return false;
  for (int i = 0; i < 4; i++) mx_arrays_push(out, parts[i]);
  return true;
}

/* Cuts that one primitive cannot make: parts from the front, and empty ones. */
static bool split_anyhow(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx parts[3];
  if (!mx_split_at(in[0], MX_INTS(2, 0), -1, parts)) return false;
  for (int i = 0; i < 3; i++) mx_arrays_push(out, parts[i]);
  return true;
}

static bool depends(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx late[2], early = mx_exp(in[2]);
  if (!mx_depends(in, 2, &early, 1, late)) return false;
  return mx_arrays_push(out, late[0]) && mx_arrays_push(out, late[1]);
}

static bool meshgrid(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx grid[2];
  if (!mx_meshgrid(in, 2, false, "xy", grid)) return false;
  return mx_arrays_push(out, grid[0]) && mx_arrays_push(out, grid[1]);
}

static const derivative_case cuts[] = {
    {"slice", slice, {"2x5"}},
    {"slice, transposed", slice, {"3x5T"}},
    {"slice backwards", slice_back, {"3x5S"}},
    {"slice of one", slice_one, {"3x5"}},
    {"slice of none", slice_none, {"3x5"}},
    {"slice_update", slice_update, {"3x5", "2x2"}},
    {"slice_update, broadcast", slice_update, {"3x5T", "()"}},
    {"slice_update backwards", slice_update_back, {"3x5B", "2x2T"}},
    {"dynamic slice", dynamic_slice, {"3x4", "i2:0:2"}},
    {"dynamic slice, held inside", dynamic_slice, {"3x4T", "i2:-3:6"}},
    {"dynamic slice, one start", dynamic_slice_one, {"2x4S", "i()"}},
    {"dynamic update", dynamic_update, {"3x4", "2x2", "i2"}},
    {"dynamic update, held inside", dynamic_update, {"3x4", "2x2T", "i2:-3:6"}},
    {"dynamic update, one start", dynamic_update_one, {"2x4T", "2x1", "i()"}},
    {"split", split, {"2x6"}},
    {"split, transposed", split, {"2x3x2T"}},
    {"split at", split_at, {"4x2S"}},
    {"split anyhow", split_anyhow, {"2x4"}},
};

static const derivative_case joins[] = {
    {"concatenate", concatenate, {"2x3", "1x3T", "3x3S"}},
    {"concatenate last axes", concatenate_last, {"2x3B", "2x0"}},
    {"concatenate with itself", concatenate_itself, {"2x3", "2x1"}},
    {"stack", stack, {"2x3", "2x3T"}},
    {"stack scalars in a row", stack, {"1", "1"}},
    {"repeat", repeat, {"2x3T"}},
    {"tile", tile, {"2x3"}},
    {"roll", roll, {"3x4"}},
    {"roll flat", roll_flat, {"2x3T"}},
    {"pad", pad, {"2x3", "()"}},
    {"pad, strided", pad, {"2x3S", "()"}},
    {"pad nothing", pad, {"0x3", "()"}},
    {"pad edges", pad_edge, {"2x3T"}},
    {"full", full, {"2x1"}},
    {"full, scalar", full, {"()"}},
    {"full_like", full_like, {"2x3", "3"}},
    {"ones_like", ones_like, {"2x3"}},
    {"tril", tril, {"3x4"}},
    {"triu", triu, {"2x3x3T"}},
    {"depends", depends, {"2x3", "()", "4"}},
    {"meshgrid", meshgrid, {"2", "3"}},
};

static const derivative_case bits[] = {
    {"view there and back", view_same, {"2x3T"}},
    {"view as smaller elements", view_smaller, {"2x3S"}},
};

static void slices_and_splits(void **state) {
  (void)state;
  check_derivative_cases(cuts, DERIVATIVE_TWICE);
}

static void joins_and_creations(void **state) {
  (void)state;
  check_derivative_cases(joins, DERIVATIVE_TWICE);
}

static void bits_are_only_mapped(void **state) {
  (void)state;
  check_derivative_cases(bits, DERIVATIVE_VMAP_ONLY);
}

static void views(void **state) {
  (void)state;
  check_derivative_cases(cases, DERIVATIVE_TWICE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(views),
      scoped_test(slices_and_splits),
      scoped_test(joins_and_creations),
      scoped_test(bits_are_only_mapped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
