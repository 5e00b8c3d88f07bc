/* Derivatives and vectorisation of gathers and scatters, against mathematics. */
#include "derivatives.h"

DERIVATIVE_FN(take, mx_take(in[0], in[1], .axis = 1))
DERIVATIVE_FN(take_rows, mx_take(in[0], in[1], .axis = 0))
DERIVATIVE_FN(take_flat, mx_take(in[0], in[1]))
DERIVATIVE_FN(take_small, mx_take(in[0], mx_astype(in[1], MX_UINT8), .axis = 0))
DERIVATIVE_FN(take_one, mx_take_one(in[0], -1, .axis = 1))
DERIVATIVE_FN(gather, mx_gather(in[0], in + 1, 2, MX_INTS(0, 2), MX_INTS(1, 2, 2)))
DERIVATIVE_FN(gather_none, mx_gather(in[0], NULL, 0, MX_INTS(), MX_INTS(2, 3)))
DERIVATIVE_FN(along_axis, mx_take_along_axis(in[0], in[1], .axis = 1))
DERIVATIVE_FN(along_flat, mx_take_along_axis(in[0], in[1]))
DERIVATIVE_FN(put, mx_put_along_axis(in[0], mx_add(in[1], mx_arange(0, 3, 1, MX_INT32)), in[2],
                                     .axis = 1))
DERIVATIVE_FN(put_flat, mx_put_along_axis(in[0], in[1], in[2]))
DERIVATIVE_FN(add_along_axis, mx_scatter_add_axis(in[0], in[1], in[2], 1))

#define SCATTER(name)                                                 \
  DERIVATIVE_FN(name, mx_##name(in[0], in + 1, 1, in[2], MX_INTS(0))) \
  DERIVATIVE_FN(name##_pairs, mx_##name(in[0], in + 1, 2, in[3], MX_INTS(2, 0)))
SCATTER(scatter)
SCATTER(scatter_add)
SCATTER(scatter_prod)
SCATTER(scatter_max)
SCATTER(scatter_min)
/* Slices of more than one row, and of less than a whole one. */
DERIVATIVE_FN(scatter_blocks, mx_scatter_add(in[0], in + 1, 1, in[2], MX_INTS(1)))
DERIVATIVE_FN(masked, mx_masked_scatter(in[0], mx_astype(in[1], MX_BOOL), in[2]))

static const derivative_case gathers[] = {
    {"take", take, {"2x4", "i3x2:-4:4"}},
    {"take, transposed", take, {"2x4x3T", "i5T"}},
    {"take rows", take_rows, {"4x2S", "i3"}},
    {"take rows with small indices", take_rows, {"4x2", "i2x2T"}},
    {"take, one index", take, {"2x4", "i()"}},
    {"take flat", take_flat, {"2x4B", "i3:0:8"}},
    {"take nothing", take, {"2x4", "i0"}},
    {"take with indices of 8 bits", take_small, {"4x2", "i3"}},
    {"take one", take_one, {"2x4T"}},
    {"gather", gather, {"3x4x4", "i2x1", "i3"}},
    {"gather, strided", gather, {"3x4x4S", "i2T", "i2B"}},
    {"gather without indices", gather_none, {"2x3T"}},
    {"take_along_axis", along_axis, {"2x4", "i2x3:-4:4"}},
    {"take_along_axis, broadcast", along_axis, {"2x4T", "i1x5"}},
    {"take_along_axis, many", along_axis, {"1x4x2", "i3x2x1"}},
    {"take_along_axis, flat", along_flat, {"2x4", "i5:0:8"}},
};

static const derivative_case scatters[] = {
    {"put_along_axis", put, {"2x6", "i2x1", "2x3"}},
    {"put_along_axis, broadcast", put, {"2x6T", "i1x1", "()"}},
    {"put_along_axis, flat", put_flat, {"2x4", "i1:0:8", "1"}},
    {"scatter_add_axis", add_along_axis, {"2x4", "i2x5:-4:4", "2x5T"}},
    {"scatter_add_axis, broadcast", add_along_axis, {"2x4S", "i2x5:-4:4", "5"}},
    {"scatter", scatter, {"4x2", "i1", "1x1x2"}},
    {"scatter, transposed", scatter, {"4x2T", "i1x1", "1x1x1x2T"}},
    {"scatter pairs", scatter_pairs, {"3x2x3", "i1", "i1", "1x1x2x1"}},
    {"scatter_add", scatter_add, {"4x2", "i3:-4:4", "3x1x2"}},
    {"scatter_add, strided", scatter_add, {"4x2S", "i2x2", "2x2x1x2T"}},
    {"scatter_add pairs", scatter_add_pairs, {"3x2x3", "i4", "i4", "4x1x2x1"}},
    {"scatter_add pairs, broadcast", scatter_add_pairs, {"3x2x3", "i4", "i3x1", "3x4x1x2x1"}},
    {"scatter_add blocks", scatter_blocks, {"3x4", "i3:0:2", "3x2x2S"}},
    {"scatter_add nothing", scatter_add, {"4x2", "i0", "0x1x2"}},
    {"scatter_max", scatter_max, {"4x2", "i3:-4:4", "3x1x2"}},
    {"scatter_max pairs", scatter_max_pairs, {"3x2x3", "i4", "i4", "4x1x2x1"}},
    {"scatter_min", scatter_min, {"4x2T", "i3:-4:4", "3x1x2"}},
    {"scatter_min pairs", scatter_min_pairs, {"3x2x3", "i4", "i4", "4x1x2x1"}},
    {"scatter_prod", scatter_prod, {"4x2", "i6:-4:4", "6x1x2"}},
    {"scatter_prod pairs", scatter_prod_pairs, {"3x2x3", "i5:0:2", "i5:0:2", "5x1x2x1"}},
    {"masked_scatter", masked, {"2x3", "i2x3:0:2", "6"}},
    {"masked_scatter, rows", masked, {"4x2T", "i4:0:2", "4x2S"}},
    {"masked_scatter, one value", masked, {"2x3", "i2x3:0:2", "()"}},
    {"masked_scatter, all", masked, {"2x3", "i2x3:1:2", "6"}},
};

static void elements_taken(void **state) {
  (void)state;
  check_derivative_cases(gathers, DERIVATIVE_TWICE);
}

static void elements_put(void **state) {
  (void)state;
  check_derivative_cases(scatters, DERIVATIVE_TWICE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(elements_taken),
      scoped_test(elements_put),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
