/* vjp and jvp of reductions, products and fast operations against MLX's. */
#include "gradients.h"

#define FN(name, expression)                                                        \
  static bool call_##name(void *payload, const mx *in, int count, mx_arrays *out) { \
    (void)payload, (void)count;                                                     \
    return mx_arrays_push(out, expression);                                         \
  }

#define REDUCE(FN)                                                                    \
  FN(sum_last, mx_sum(in[0], .axis = -1, .keepdims = true))                           \
  FN(sum_all, mx_sum(in[0]))                                                          \
  FN(prod_first, mx_prod(in[0], .axis = 0))                                           \
  FN(prod_all, mx_prod(in[0]))                                                        \
  FN(max_last, mx_max(in[0], .axis = -1))                                             \
  FN(min_all, mx_min(in[0]))                                                          \
  FN(min_first, mx_min(in[0], .axis = 0, .keepdims = true))                           \
  FN(mean_last, mx_mean(in[0], .axis = -1))                                           \
  FN(var_last, mx_var(in[0], .axis = -1, .ddof = 1))                                  \
  FN(std_all, mx_std(in[0]))                                                          \
  FN(cumsum_first, mx_cumsum(in[0], .axis = 0))                                       \
  FN(cumsum_after, mx_cumsum(in[0], .axis = -1, .reverse = true, .inclusive = false)) \
  FN(cumprod_last, mx_cumprod(in[0], .axis = -1))                                     \
  FN(logcumsumexp_last, mx_logcumsumexp(in[0], .axis = -1))                           \
  FN(sort_last, mx_sort(in[0]))                                                       \
  FN(softmax_last, mx_softmax(in[0], .axis = -1))                                     \
  FN(softmax_first, mx_softmax(in[0], .axis = 0))                                     \
  FN(logsumexp_last, mx_logsumexp(in[0], .axis = -1))                                 \
  FN(logsumexp_all, mx_logsumexp(in[0]))

static mx indices(void) {
  return mx_array_new((const uint32_t[]){1, 0, 2, 2}, MX_INTS(2, 2), MX_UINT32);
}

#define PRODUCTS(FN)                                                                        \
  FN(matmul, mx_matmul(in[0], in[1]))                                                       \
  FN(addmm, mx_addmm(in[0], in[1], in[2], .alpha = 0.5f, .beta = 2))                        \
  FN(gather_mm, mx_gather_mm(in[0], in[1], .rhs_indices = indices()))                       \
  FN(gather_mm_left, mx_gather_mm(in[0], in[1], .lhs_indices = indices()))                  \
  FN(qmm_rows, mx_quantized_matmul(in[0], in[1], in[2], in[3], .group_size = 32))           \
  FN(qmm_columns, mx_quantized_matmul(in[0], in[1], in[2], in[3], .transpose = false,       \
                                      .group_size = 32, .bits = 3))                         \
  FN(gather_qmm,                                                                            \
     mx_gather_qmm(in[0], in[1], in[2], in[3], .rhs_indices = indices(), .group_size = 32)) \
  FN(dequantize, mx_dequantize(in[0], in[1], in[2], .group_size = 32))                      \
  FN(outer, mx_outer(in[0], in[1]))                                                         \
  FN(inner, mx_inner(in[0], in[1]))                                                         \
  FN(tensordot, mx_tensordot(in[0], in[1], 1))

#define ATTENTION(...) \
  mx_fast_scaled_dot_product_attention(in[0], in[1], in[2], .scale = 0.5f, __VA_ARGS__)
#define FAST(FN)                                                                          \
  FN(rms_norm, mx_fast_rms_norm(in[0], in[1], 1e-5f))                                     \
  FN(rms_norm_plain, mx_fast_rms_norm(in[0], NULL, 1e-5f))                                \
  FN(layer_norm, mx_fast_layer_norm(in[0], in[1], in[2], 1e-5f))                          \
  FN(layer_norm_plain, mx_fast_layer_norm(in[0], NULL, NULL, 1e-5f))                      \
  FN(rope, mx_fast_rope(in[0], 4, .offset = 3))                                           \
  FN(rope_pairs, mx_fast_rope(in[0], 4, .traditional = true, .base = 100, .scale = 0.5f)) \
  FN(rope_freqs, mx_fast_rope(in[0], 4, .offset = 1, .freqs = in[1]))                     \
  FN(attention, ATTENTION(.causal = false))                                               \
  FN(attention_causal, ATTENTION(.causal = true))                                         \
  FN(attention_mask, ATTENTION(.mask = in[3]))                                            \
  FN(attention_sinks, ATTENTION(.sinks = in[3]))

REDUCE(FN)
PRODUCTS(FN)
FAST(FN)
#define LINE(name, expression) {#name, call_##name},
static const gradient_function reduce[] = {REDUCE(LINE){NULL, NULL}};
static const gradient_function products[] = {PRODUCTS(LINE){NULL, NULL}};
static const gradient_function fast[] = {FAST(LINE){NULL, NULL}};

static void reductions_differentiate_as_in_mlx(void **state) {
  (void)state;
  check_gradients("tests/golden/grad/reduce.json", reduce, 4);
}

static void products_differentiate_as_in_mlx(void **state) {
  (void)state;
  check_gradients("tests/golden/grad/products.json", products, 4);
}

/* MLX computes derivatives of 16-bit norms and attention in 16 bits. */
static void fast_operations_differentiate_as_in_mlx(void **state) {
  (void)state;
  check_gradients("tests/golden/grad/fast.json", fast, 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(reductions_differentiate_as_in_mlx),
      scoped_test(products_differentiate_as_in_mlx),
      scoped_test(fast_operations_differentiate_as_in_mlx),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
