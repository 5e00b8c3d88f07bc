/* Rules of reductions, scans, sorts, softmax and log-sum-exp: derivatives against central
 * differences, vmap against loops. */
#include "derivatives.h"

DERIVATIVE_FN(sum_last, mx_sum(in[0], .axis = -1, .keepdims = true))
DERIVATIVE_FN(sum_two, mx_sum(in[0], .axes = MX_INTS(2, 0)))
DERIVATIVE_FN(sum_all, mx_sum(in[0]))
DERIVATIVE_FN(prod_first, mx_prod(in[0], .axis = 0))
DERIVATIVE_FN(prod_two, mx_prod(in[0], .axes = MX_INTS(0, 2), .keepdims = true))
DERIVATIVE_FN(prod_all, mx_prod(in[0]))
DERIVATIVE_FN(prod_with_zeros, mx_prod(mx_multiply(in[0], in[1]), .axis = 1))
DERIVATIVE_FN(max_last, mx_max(in[0], .axis = -1))
DERIVATIVE_FN(max_two, mx_max(in[0], .axes = MX_INTS(0, 1), .keepdims = true))
DERIVATIVE_FN(min_all, mx_min(in[0]))
DERIVATIVE_FN(min_middle, mx_min(in[0], .axis = 1, .keepdims = true))
DERIVATIVE_FN(mean_two, mx_mean(in[0], .axes = MX_INTS(0, 2)))
DERIVATIVE_FN(var_last, mx_var(in[0], .axis = -1, .ddof = 1))
DERIVATIVE_FN(std_all, mx_std(in[0]))
DERIVATIVE_FN(median_even, mx_median(in[0], .axis = 1))
DERIVATIVE_FN(median_two, mx_median(in[0], .axes = MX_INTS(0, 2), .keepdims = true))

static const derivative_case reductions[] = {
    {"sum over the last axis", sum_last, {"2x3"}},
    {"sum of a transpose", sum_last, {"2x3x2T"}},
    {"sum over two axes", sum_two, {"2x3x2"}},
    {"sum of a slice", sum_two, {"2x3x2S"}},
    {"sum of all", sum_all, {"2x3"}},
    {"sum of a scalar", sum_all, {"()"}},
    {"sum of nothing", sum_all, {"0x3"}},
    {"sum of a broadcast", sum_last, {"3x2B"}},
    {"prod over the first axis", prod_first, {"3x2"}},
    {"prod over two axes", prod_two, {"2x3x2"}},
    {"prod over two axes of a transpose", prod_two, {"2x3x2T"}},
    {"prod of all", prod_all, {"2x3"}},
    {"prod with zeros", prod_with_zeros, {"3x4", "i3x4:0:2"}},
    {"max over the last axis", max_last, {"2x4"}},
    {"max over two axes", max_two, {"2x3x2S"}},
    {"min of all", min_all, {"2x3"}},
    {"min over the middle axis", min_middle, {"2x3x2T"}},
    {"mean over two axes", mean_two, {"2x3x2"}},
    {"var with ddof", var_last, {"2x4"}},
    {"std of all", std_all, {"2x3"}},
    {"median of an even number", median_even, {"2x4"}},
    {"median over two axes", median_two, {"3x2x3"}},
};

DERIVATIVE_FN(all_last, mx_all(in[0], .axis = -1))
DERIVATIVE_FN(any_two, mx_any(in[0], .axes = MX_INTS(0, 2), .keepdims = true))
DERIVATIVE_FN(argmax_last, mx_argmax(in[0], .axis = -1))
DERIVATIVE_FN(argmin_first, mx_argmin(in[0], .axis = 0, .keepdims = true))
DERIVATIVE_FN(argmax_all, mx_argmax(in[0]))
DERIVATIVE_FN(argsort_first, mx_argsort(in[0], .axis = 0))
DERIVATIVE_FN(argpartition_last, mx_argpartition(in[0], 1))

static const derivative_case flat[] = {
    {"all", all_last, {"2x3"}},
    {"any", any_two, {"2x3x2"}},
    {"argmax", argmax_last, {"2x3"}},
    {"argmin", argmin_first, {"2x3"}},
    {"argmax of all", argmax_all, {"2x3"}},
    {"argsort", argsort_first, {"3x2"}},
    {"argpartition", argpartition_last, {"2x3"}},
};

/* Exclusive scans of extremes begin with an infinity, which differences cannot bear. */
#define BOUNDED(a) mx_clip(a, mx_scalar(-9, MX_FLOAT64), mx_scalar(9, MX_FLOAT64))
#define SCANS(name)                                                                      \
  DERIVATIVE_FN(name##_on, mx_##name(in[0], .axis = -1))                                 \
  DERIVATIVE_FN(name##_back, mx_##name(in[0], .axis = 0, .reverse = true))               \
  DERIVATIVE_FN(name##_before, BOUNDED(mx_##name(in[0], .axis = 1, .inclusive = false))) \
  DERIVATIVE_FN(name##_after,                                                            \
                BOUNDED(mx_##name(in[0], .axis = 0, .reverse = true, .inclusive = false)))
SCANS(cumsum)
SCANS(cumprod)
SCANS(cummax)
SCANS(cummin)
SCANS(logcumsumexp)
DERIVATIVE_FN(products_with_zeros, mx_cumprod(mx_multiply(in[0], in[1]), .axis = 1))
DERIVATIVE_FN(products_with_zeros_back,
              mx_cumprod(mx_multiply(in[0], in[1]), .axis = 1, .reverse = true, .inclusive = false))
DERIVATIVE_FN(cumsum_flat, mx_cumsum(in[0]))

#define SCAN_CASES(name)                                                    \
  {#name, name##_on, {"2x4"}}, {#name " backwards", name##_back, {"3x2S"}}, \
      {#name " exclusive", name##_before, {"2x4T"}}, {                      \
#name " exclusive backwards", name##_after, { "4x2" }                   \
  }
static const derivative_case scans[] = {
    SCAN_CASES(cumsum),
    SCAN_CASES(cumprod),
    SCAN_CASES(cummax),
    SCAN_CASES(cummin),
    SCAN_CASES(logcumsumexp),
    {"cumprod with zeros", products_with_zeros, {"3x4", "i3x4:0:2"}},
    {"cumprod with zeros backwards", products_with_zeros_back, {"3x4", "i3x4:0:2"}},
    {"cumsum of the flattened array", cumsum_flat, {"2x3"}},
    {"cumsum of nothing", cumsum_on, {"0x3"}},
};

DERIVATIVE_FN(sort_last, mx_sort(in[0]))
DERIVATIVE_FN(sort_first, mx_sort(in[0], .axis = 0))
DERIVATIVE_FN(sort_flat, mx_sort(in[0], .axis = MX_NO_AXIS))
DERIVATIVE_FN(partition_last, mx_partition(in[0], 2))
DERIVATIVE_FN(partition_first, mx_partition(in[0], -2, .axis = 0))
DERIVATIVE_FN(topk_last, mx_topk(in[0], 2))
DERIVATIVE_FN(topk_first, mx_topk(in[0], 1, .axis = 0))

static const derivative_case sorts[] = {
    {"sort", sort_last, {"2x5"}},
    {"sort along the first axis", sort_first, {"4x2"}},
    {"sort of the flattened array", sort_flat, {"2x3T"}},
    {"partition", partition_last, {"2x6"}},
    {"partition along the first axis", partition_first, {"5x2"}},
    {"topk", topk_last, {"2x5"}},
    {"topk along the first axis", topk_first, {"4x2S"}},
};

DERIVATIVE_FN(softmax_last, mx_softmax(in[0], .axis = -1))
DERIVATIVE_FN(softmax_first, mx_softmax(in[0], .axis = 0, .precise = true))
DERIVATIVE_FN(softmax_all, mx_softmax(in[0]))
DERIVATIVE_FN(logsumexp_last, mx_logsumexp(in[0], .axis = -1))
DERIVATIVE_FN(logsumexp_first, mx_logsumexp(in[0], .axis = 0, .keepdims = true))
DERIVATIVE_FN(logsumexp_all, mx_logsumexp(in[0]))
DERIVATIVE_FN(logsumexp_last_two, mx_logsumexp(in[0], .axes = MX_INTS(1, 2)))

static const derivative_case softmaxes[] = {
    {"softmax", softmax_last, {"2x4"}},
    {"softmax along the first axis", softmax_first, {"3x2T"}},
    {"softmax over all", softmax_all, {"2x3"}},
    {"logsumexp", logsumexp_last, {"2x4"}},
    {"logsumexp along the first axis", logsumexp_first, {"3x2S"}},
    {"logsumexp over all", logsumexp_all, {"2x3"}},
    {"logsumexp over two axes", logsumexp_last_two, {"2x1x3"}},
};

#define CHECK_ALL(test, cases, flags)                         \
  static void test(void **state) {                            \
    (void)state;                                              \
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) \
      check_derivative_case(&cases[i], flags);                \
  }
CHECK_ALL(reductions_differentiate_and_map, reductions, DERIVATIVE_TWICE)
CHECK_ALL(what_only_chooses_has_no_slope, flat, 0)
CHECK_ALL(scans_differentiate_and_map, scans, DERIVATIVE_TWICE)
CHECK_ALL(sorts_differentiate_and_map, sorts, DERIVATIVE_TWICE)
CHECK_ALL(softmax_differentiates_and_maps, softmaxes, DERIVATIVE_TWICE)

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(reductions_differentiate_and_map), scoped_test(what_only_chooses_has_no_slope),
      scoped_test(scans_differentiate_and_map),      scoped_test(sorts_differentiate_and_map),
      scoped_test(softmax_differentiates_and_maps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
