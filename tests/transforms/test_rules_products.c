/* Rules of products of matrices and of quantisation: derivatives against central differences, vmap
 * against loops; quantised products (which work in float32) against opened matrices. */
#include "derivatives.h"

DERIVATIVE_FN(product, mx_matmul(in[0], in[1]))
DERIVATIVE_FN(transposed, mx_matmul(in[0], mx_transpose(in[1])))
DERIVATIVE_FN(sum_of_products, mx_addmm(in[2], in[0], in[1], .alpha = 0.5f, .beta = -2))
DERIVATIVE_FN(outer, mx_outer(in[0], in[1]))
DERIVATIVE_FN(inner, mx_inner(in[0], in[1]))
DERIVATIVE_FN(contracted, mx_tensordot_axes(in[0], in[1], MX_INTS(0, 2), MX_INTS(1, 0)))
DERIVATIVE_FN(chosen, mx_gather_mm(in[0], in[1], .lhs_indices = in[2], .rhs_indices = in[3]))
DERIVATIVE_FN(chosen_right, mx_gather_mm(in[0], in[1], .rhs_indices = in[2]))
DERIVATIVE_FN(chosen_in_order,
              mx_gather_mm(in[0], in[1], .rhs_indices = mx_sort(in[2]), .sorted_indices = true))
DERIVATIVE_FN(chosen_left_in_order,
              mx_gather_mm(in[0], in[1], .lhs_indices = mx_sort(in[2]), .sorted_indices = true))
DERIVATIVE_FN(chosen_left, mx_gather_mm(in[0], in[1], .lhs_indices = in[2]))

static const derivative_case products[] = {
    {"matrices", product, {"2x3", "3x2"}},
    {"matrices with strides", product, {"2x3T", "3x4S"}},
    {"a vector on the left", product, {"3", "3x2"}},
    {"a vector on the right", product, {"2x3", "3"}},
    {"vectors", product, {"3", "3"}},
    {"a tall product", product, {"2x2x3", "3x2"}},
    {"batches", product, {"2x2x3", "2x3x1"}},
    {"broadcast batches", product, {"2x1x1x2", "3x2x2"}},
    {"a broadcast matrix", product, {"2x3B", "3x2"}},
    {"nothing between", product, {"2x0", "0x3"}},
    {"a transposed matrix", transposed, {"2x3", "4x3"}},
    {"addmm", sum_of_products, {"2x3", "3x2", "2x2"}},
    {"addmm with a vector", sum_of_products, {"2x3", "3x2", "2"}},
    {"addmm of batches", sum_of_products, {"2x2x3", "2x3x2T", "2x1x2"}},
    {"addmm, tall", sum_of_products, {"2x2x3", "3x2", "2"}},
    {"addmm of a vector", sum_of_products, {"3", "3x2", "2"}},
    {"outer", outer, {"2", "3"}},
    {"inner", inner, {"2x3", "2x3"}},
    {"tensordot", contracted, {"2x2x3", "3x2"}},
    {"gather_mm", chosen, {"2x2x2", "3x2x2", "i2x1:0:2", "i3:0:3"}},
    {"gather_mm on the right", chosen_right, {"2x1x2", "3x2x3", "i2:0:3"}},
    {"gather_mm on the left", chosen_left, {"3x2x2", "2x2x1", "i2:0:3"}},
    {"gather_mm in order", chosen_in_order, {"4x1x2", "3x2x3", "i4:0:3"}},
    {"gather_mm in order on the left", chosen_left_in_order, {"3x2x2", "4x2x1", "i4:0:3"}},
};

static void products_differentiate_and_map(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof products / sizeof *products; i++)
    check_derivative_case(&products[i], i % 3 ? 0 : DERIVATIVE_TWICE);
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(products_differentiate_and_map)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
