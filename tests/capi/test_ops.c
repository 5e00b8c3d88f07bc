/* Operations through the face: one or two of each family, on values worked out by hand or, for
 * random numbers, taken from MLX. */
#include "face.h"

#include <math.h>

static const mlx_stream S = {NULL};
static mlx_array r; /* the result of the moment */

static int make(void **state) {
  (void)state;
  r = mlx_array_new();
  return 0;
}

static int drop(void **state) {
  (void)state;
  return mlx_array_free(r);
}

/* The operation succeeds, and these are its values. */
#define GIVES(call, ...)           \
  do {                             \
    assert_int_equal(call, 0);     \
    assert_values(r, __VA_ARGS__); \
  } while (0)

static void elementwise_operations(void **state) {
  (void)state;
  mlx_array a = FLOATS(1, -4, 9), b = FLOATS(2, 2, 2);
  GIVES(mlx_add(&r, a, b, S), 3, -2, 11);
  GIVES(mlx_add(&r, r, r, S), 6, -4, 22); /* the result may be an operand */
  GIVES(mlx_power(&r, a, b, S), 1, 16, 81);
  GIVES(mlx_abs(&r, a, S), 1, 4, 9);
  GIVES(mlx_less(&r, a, b, S), 1, 1, 0);
  GIVES(mlx_where(&r, r, a, b, S), 1, -4, 2);
  GIVES(mlx_clip(&r, a, mlx_array_empty, b, S), 1, -4, 2);
  GIVES(mlx_clip(&r, a, b, mlx_array_empty, S), 2, 2, 9);
  mlx_array odd = FLOATS(NAN, INFINITY, -INFINITY);
  mlx_optional_float seven = {7, true}, none = {0, false};
  GIVES(mlx_nan_to_num(&r, odd, 5, seven, none, S), 5, 7, -3.40282347e38f);
  GIVES(mlx_isclose(&r, a, b, 1, 0, false, S), 1, 0, 0);
  GIVES(mlx_allclose(&r, a, b, 6, 0, false, S), 1);
  GIVES(mlx_array_equal(&r, odd, odd, true, S), 1);
  GIVES(mlx_array_equal(&r, odd, odd, false, S), 0);
  mlx_vector_array parts = mlx_vector_array_new();
  assert_int_equal(mlx_divmod(&parts, a, b, S), 0);
  assert_int_equal(mlx_vector_array_size(parts), 2);
  GIVES(mlx_vector_array_get(&r, parts, 0), 0, -2, 4);
  mlx_vector_array_free(parts);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_array_free(odd);
}

static void reductions_scans_and_sorts(void **state) {
  (void)state;
  mlx_array a = FLOATS(3, 1, 2, 6, 5, 4);
  assert_int_equal(mlx_reshape(&a, a, (const int[]){2, 3}, 2, S), 0);
  GIVES(mlx_sum(&r, a, false, S), 21);
  GIVES(mlx_sum_axis(&r, a, 0, true, S), 9, 6, 6);
  assert_int_equal(mlx_array_ndim(r), 2);
  GIVES(mlx_max_axes(&r, a, (const int[]){0, 1}, 2, false, S), 6);
  GIVES(mlx_argmax_axis(&r, a, -1, false, S), 0, 0);
  GIVES(mlx_argmin(&r, a, false, S), 1);
  GIVES(mlx_cumsum(&r, a, 1, false, true, S), 3, 4, 6, 6, 11, 15);
  GIVES(mlx_cumsum(&r, a, 1, true, false, S), 3, 2, 0, 9, 4, 0);
  GIVES(mlx_sort_axis(&r, a, -1, S), 1, 2, 3, 4, 5, 6);
  GIVES(mlx_argsort(&r, a, S), 1, 2, 0, 5, 4, 3);
  GIVES(mlx_topk(&r, a, 1, S), 6);
  GIVES(mlx_softmax_axis(&r, r, 0, true, S), 1);
  GIVES(mlx_logsumexp_axis(&r, a, 0, false, S), 6.0485873f, 5.0181499f, 4.1269280f);
  GIVES(mlx_mean(&r, a, false, S), 3.5f);
  GIVES(mlx_mean_axis(&r, a, 1, false, S), 2, 5);
  GIVES(mlx_mean_axes(&r, a, (const int[]){0, 1}, 2, true, S), 3.5f);
  GIVES(mlx_var(&r, a, false, 1, S), 3.5f);
  GIVES(mlx_var_axis(&r, a, 0, false, 0, S), 2.25f, 4, 1);
  GIVES(mlx_var_axes(&r, a, (const int[]){0}, 1, false, 1, S), 4.5f, 8, 2);
  GIVES(mlx_std_axis(&r, a, 0, false, 0, S), 1.5f, 2, 1);
  GIVES(mlx_std_axes(&r, a, (const int[]){0}, 1, false, 0, S), 1.5f, 2, 1);
  GIVES(mlx_std(&r, a, true, 1, S), 1.8708287f);
  GIVES(mlx_median(&r, a, (const int[]){0, 1}, 2, false, S), 3.5f);
  GIVES(mlx_number_of_elements(&r, a, (const int[]){-1}, 1, false, MLX_INT32, S), 3);
  mlx_array_free(a);
}

static void matrices_and_diagonals(void **state) {
  (void)state;
  mlx_array a = FLOATS(1, 2, 3, 4), v = FLOATS(1, 2);
  assert_int_equal(mlx_reshape(&a, a, (const int[]){2, 2}, 2, S), 0);
  GIVES(mlx_linspace(&r, 0, 1, 3, MLX_FLOAT32, S), 0, 0.5f, 1);
  GIVES(mlx_eye(&r, 2, 3, 1, MLX_FLOAT32, S), 0, 1, 0, 0, 0, 1);
  GIVES(mlx_identity(&r, 2, MLX_INT32, S), 1, 0, 0, 1);
  GIVES(mlx_tri(&r, 2, 2, 0, MLX_FLOAT32, S), 1, 0, 1, 1);
  GIVES(mlx_tril(&r, a, 0, S), 1, 0, 3, 4);
  GIVES(mlx_triu(&r, a, 1, S), 0, 2, 0, 0);
  GIVES(mlx_diag(&r, v, 0, S), 1, 0, 0, 2);
  GIVES(mlx_diagonal(&r, a, 0, 0, 1, S), 1, 4);
  GIVES(mlx_trace(&r, a, 0, 0, 1, MLX_FLOAT32, S), 5);
  GIVES(mlx_kron(&r, v, v, S), 1, 2, 2, 4);
  mlx_array_free(a);
  mlx_array_free(v);
}

static void shapes_cuts_and_joins(void **state) {
  (void)state;
  mlx_array a = mlx_array_new(), nine = mlx_array_new_float(9);
  GIVES(mlx_arange(&r, 0, 6, 1, MLX_INT32, S), 0, 1, 2, 3, 4, 5);
  assert_int_equal(mlx_array_dtype(r), MLX_INT32);
  assert_int_equal(mlx_unflatten(&a, r, 0, (const int[]){2, -1}, 2, S), 0);
  assert_int_equal(mlx_array_dim(a, 1), 3);
  GIVES(mlx_transpose_axes(&r, a, (const int[]){1, 0}, 2, S), 0, 3, 1, 4, 2, 5);
  GIVES(mlx_slice(&r, a, (const int[]){0, 1}, 2, (const int[]){2, 3}, 2, (const int[]){1, 1}, 2, S),
        1, 2, 4, 5);
  GIVES(mlx_roll(&r, a, (const int[]){1}, 1, S), 5, 0, 1, 2, 3, 4);
  GIVES(mlx_repeat(&r, nine, 2, S), 9, 9);
  GIVES(mlx_pad_symmetric(&r, r, 1, nine, "edge", S), 9, 9, 9, 9);
  GIVES(mlx_as_strided(&r, a, (const int[]){2, 2}, 2, (const int64_t[]){1, 2}, 2, 1, S), 1, 3, 2,
        4);
  assert_fails(mlx_as_strided(&r, a, (const int[]){2}, 1, (const int64_t[]){1, 2}, 2, 1, S),
               "2 strides");
  mlx_vector_array parts = mlx_vector_array_new();
  assert_int_equal(mlx_split_sections(&parts, a, (const int[]){1}, 1, 1, S), 0);
  GIVES(mlx_vector_array_get(&r, parts, 1), 1, 2, 4, 5);
  assert_int_equal(mlx_split(&parts, a, 3, 1, S), 0);
  assert_int_equal(mlx_vector_array_size(parts), 3);
  GIVES(mlx_concatenate(&r, parts, S), 0, 3, 1, 4, 2, 5);
  GIVES(mlx_concatenate_axis(&r, parts, 1, S), 0, 1, 2, 3, 4, 5);
  assert_int_equal(mlx_stack(&r, parts, S), 0);
  assert_int_equal(mlx_array_ndim(r), 3);
  assert_fails(mlx_split(&parts, a, 2, 1, S), "[split]");
  assert_int_equal(mlx_vector_array_size(parts), 3);
  mlx_vector_array_free(parts);
  mlx_array_free(a);
  mlx_array_free(nine);
}

static void elements_by_index(void **state) {
  (void)state;
  mlx_array a = FLOATS(10, 20, 30),
            at = mlx_array_new_data((const int[]){2, 0}, (const int[]){2}, 1, MLX_INT32);
  mlx_array new = FLOATS(7, 8);
  GIVES(mlx_take(&r, a, at, S), 30, 10);
  GIVES(mlx_take_along_axis(&r, a, at, 0, S), 30, 10);
  GIVES(mlx_put_along_axis(&r, a, at, new, 0, S), 8, 20, 7);
  GIVES(mlx_scatter_add_axis(&r, a, at, new, 0, S), 18, 20, 37);
  GIVES(mlx_gather_single(&r, a, at, 0, (const int[]){1}, 1, S), 30, 10);
  assert_int_equal(mlx_reshape(&new, new, (const int[]){2, 1}, 2, S), 0);
  GIVES(mlx_scatter_max_single(&r, a, at, new, 0, S), 10, 20, 30);
  mlx_vector_array indices = mlx_vector_array_new_value(at);
  GIVES(mlx_scatter(&r, a, indices, new, (const int[]){0}, 1, S), 8, 20, 7);
  mlx_vector_array_free(indices);
  mlx_array_free(a);
  mlx_array_free(at);
  mlx_array_free(new);
}

static void products(void **state) {
  (void)state;
  mlx_array a = FLOATS(1, 2, 3, 4), one = FLOATS(1);
  assert_int_equal(mlx_reshape(&a, a, (const int[]){2, 2}, 2, S), 0);
  GIVES(mlx_matmul(&r, a, a, S), 7, 10, 15, 22);
  GIVES(mlx_addmm(&r, one, a, a, 2, 10, S), 24, 30, 40, 54);

  GIVES(mlx_inner(&r, a, a, S), 5, 11, 11, 25);
  GIVES(mlx_outer(&r, one, a, S), 1, 2, 3, 4);
  GIVES(mlx_tensordot_axis(&r, a, a, 2, S), 30);
  GIVES(mlx_tensordot(&r, a, a, (const int[]){0}, 1, (const int[]){0}, 1, S), 10, 14, 14, 20);
  mlx_array pair = mlx_array_new(), second = mlx_array_new_int(1);
  assert_int_equal(mlx_add(&pair, a, a, S), 0);
  mlx_vector_array both = mlx_vector_array_new_data((const mlx_array[]){a, pair}, 2);
  assert_int_equal(mlx_stack(&pair, both, S), 0);
  GIVES(mlx_gather_mm(&r, a, pair, mlx_array_empty, second, false, S), 14, 20, 30, 44);
  mlx_vector_array_free(both);
  mlx_array_free(pair);
  mlx_array_free(second);

  /* Weights of two values are exact in 4 bits. */
  mlx_array w = mlx_array_new(), x = mlx_array_new(), scales = mlx_array_new(),
            bias = mlx_array_new();
  mlx_optional_int by_default = {0, false}, group = {32, true};
  mlx_optional_dtype half = {MLX_FLOAT16, true};
  assert_int_equal(mlx_tile(&w, a, (const int[]){1, 32}, 2, S), 0);
  assert_int_equal(
      mlx_slice(&w, w, (const int[]){0, 0}, 2, (const int[]){1, 64}, 2, (const int[]){1, 1}, 2, S),
      0);
  assert_int_equal(mlx_ones(&x, (const int[]){1, 64}, 2, MLX_FLOAT32, S), 0);
  mlx_vector_array q = mlx_vector_array_new();
  assert_int_equal(mlx_quantize(&q, w, group, by_default, "affine", S), 0);
  assert_int_equal(mlx_vector_array_size(q), 3);
  assert_int_equal(mlx_vector_array_get(&w, q, 0), 0);
  assert_int_equal(mlx_vector_array_get(&scales, q, 1), 0);
  assert_int_equal(mlx_vector_array_get(&bias, q, 2), 0);
  GIVES(mlx_quantized_matmul(&r, x, w, scales, bias, true, group, by_default, "affine", S), 96);
  mlx_array first = mlx_array_new();
  assert_int_equal(mlx_zeros(&first, (const int[]){1}, 1, MLX_UINT32, S), 0);
  mlx_array *stacked[] = {&w, &scales, &bias};
  for (int i = 0; i < 3; i++) assert_int_equal(mlx_expand_dims(stacked[i], *stacked[i], 0, S), 0);
  GIVES(mlx_gather_qmm(&r, x, w, scales, bias, mlx_array_empty, first, true, group, by_default,
                       "affine", false, S),
        96);
  mlx_array_free(first);
  assert_int_equal(mlx_dequantize(&r, w, scales, bias, group, by_default, "affine", half, S), 0);
  assert_int_equal(mlx_array_dtype(r), MLX_FLOAT16);
  GIVES(mlx_sum(&r, r, false, S), 96);
  mlx_vector_array_free(q);
  mlx_array_free(a);
  mlx_array_free(one);
  mlx_array_free(w);
  mlx_array_free(x);
  mlx_array_free(scales);
  mlx_array_free(bias);
}

static void fast_operations(void **state) {
  (void)state;
  mlx_array x = FLOATS(3, 4, 0, 0), q = mlx_array_new();
  mlx_optional_float base = {10000, true}, none = {0, false};
  GIVES(mlx_fast_rms_norm(&r, x, mlx_array_empty, 0, S), 1.2f, 1.6f, 0, 0);
  GIVES(mlx_fast_layer_norm(&r, x, mlx_array_empty, mlx_array_empty, 0, S), 0.70014f, 1.26025f,
        -0.9801961f, -0.9801961f);
  assert_int_equal(mlx_reshape(&q, x, (const int[]){1, 1, 2, 2}, 4, S), 0);
  GIVES(mlx_fast_rope(&r, q, 2, true, base, 1, 0, mlx_array_empty, S), 3, 4, 0, 0);
  mlx_array zero = mlx_array_new_int(0);
  GIVES(mlx_fast_rope_dynamic(&r, q, 2, true, base, 1, zero, mlx_array_empty, S), 3, 4, 0, 0);
  assert_fails(mlx_fast_rope(&r, q, 2, true, none, 1, 0, mlx_array_empty, S), "[rope]");
  GIVES(mlx_fast_scaled_dot_product_attention(&r, q, q, q, 100, "causal", mlx_array_empty,
                                              mlx_array_empty, S),
        3, 4, 1.5f, 2);
  assert_fails(mlx_fast_scaled_dot_product_attention(&r, q, q, q, 1, "future", mlx_array_empty,
                                                     mlx_array_empty, S),
               "Invalid mask_mode future");
  mlx_array_free(x);
  mlx_array_free(q);
  mlx_array_free(zero);
}

/* mx.random.key(7), its split, and draws from it, as MLX 0.30.4 prints them. */
static void random_numbers_are_mlxs(void **state) {
  (void)state;
  mlx_array key = mlx_array_new(), a = mlx_array_new(), b = mlx_array_new();
  assert_int_equal(mlx_random_key(&key, 7), 0);
  assert_int_equal(mlx_random_split(&a, &b, key, S), 0);
  uint32_t words[] = {966301609, 989289821, 1948237315, 1058547403};
  assert_int_equal(mlx_array_eval(a), 0);
  assert_int_equal(mlx_array_eval(b), 0);
  assert_memory_equal(mlx_array_data_uint32(a), words, 8);
  assert_memory_equal(mlx_array_data_uint32(b), words + 2, 8);
  mlx_array zero = mlx_array_new_float(0), one = mlx_array_new_float(1), none = mlx_array_empty;
  mlx_array half = mlx_array_new_float(0.5f), logits = FLOATS(0, 1, 2),
            hundred = mlx_array_new_int(100);
  GIVES(mlx_random_uniform(&r, zero, one, (const int[]){3}, 1, MLX_FLOAT32, a, S), 0.9021777f,
        0.2376058f, 0.4834551f);
  GIVES(mlx_random_normal(&r, (const int[]){2}, 1, MLX_FLOAT32, 2, 0.5f, b, S), 2.018512f,
        1.292353f);
  GIVES(mlx_random_laplace(&r, (const int[]){2}, 1, MLX_FLOAT32, 1, 2, a, S), -0.9073572f,
        3.676604f);
  GIVES(mlx_random_gumbel(&r, (const int[]){2}, 1, MLX_FLOAT32, a, S), 1.541728f, -0.7087495f);
  GIVES(mlx_random_bernoulli(&r, half, (const int[]){6}, 1, a, S), 0, 1, 1, 1, 1, 0);
  GIVES(mlx_random_permutation_arange(&r, 5, b, S), 1, 4, 2, 0, 3);
  GIVES(mlx_random_categorical_num_samples(&r, logits, -1, 5, a, S), 0, 1, 2, 1, 2);
  assert_int_equal(mlx_astype(&zero, zero, MLX_INT32, S), 0);
  GIVES(mlx_random_randint(&r, zero, hundred, (const int[]){4}, 1, MLX_INT32, a, S), 90, 58, 48,
        87);
  assert_int_equal(mlx_random_seed(3), 0);
  assert_int_equal(mlx_random_bits(&r, (const int[]){8}, 1, 4, none, S), 0);
  assert_int_equal(mlx_array_dtype(r), MLX_UINT32);
  mlx_array_free(zero);
  mlx_array_free(one);
  mlx_array_free(half);
  mlx_array_free(logits);
  mlx_array_free(hundred);
  mlx_array_free(key);
  mlx_array_free(a);
  mlx_array_free(b);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
  const struct CMUnitTest tests[] = {
      TEST(elementwise_operations), TEST(reductions_scans_and_sorts), TEST(matrices_and_diagonals),
      TEST(shapes_cuts_and_joins),  TEST(elements_by_index),          TEST(products),
      TEST(fast_operations),        TEST(random_numbers_are_mlxs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
