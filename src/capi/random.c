/* Random numbers. */
#include "mlx/c/random.h"
#include "capi/capi.h"

#define SHAPE capi_ints(shape, shape_num)
#define TYPE ((mx_dtype)dtype)

int mlx_random_seed(uint64_t seed) {
  mx_random_seed(seed);
  return 0;
}

int mlx_random_key(mlx_array *res, uint64_t seed) {
  CAPI_RETURN(res, (mlx_stream){NULL}, mx_random_key(seed));
}

int mlx_random_split_num(mlx_array *res, const mlx_array key, int num, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_split(A(key), num));
}

int mlx_random_split(mlx_array *res_0, mlx_array *res_1, const mlx_array key, const mlx_stream s) {
  capi_call call = capi_begin(s);
  mx pair = mx_random_split(A(key), 2);
  mx first = mx_take_one(pair, 0, .axis = 0), second = mx_take_one(pair, 1, .axis = 0);
  if (first && second) capi_set(res_0, first);
  return capi_end(call, res_1, first ? second : NULL);
}

int mlx_random_bits(mlx_array *res, const int *shape, size_t shape_num, int width,
                    const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_bits(SHAPE, width, A(key)));
}

int mlx_random_uniform(mlx_array *res, const mlx_array low, const mlx_array high, const int *shape,
                       size_t shape_num, mlx_dtype dtype, const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_uniform(A(low), A(high), SHAPE, TYPE, A(key)));
}

int mlx_random_normal_broadcast(mlx_array *res, const int *shape, size_t shape_num, mlx_dtype dtype,
                                const mlx_array loc, const mlx_array scale, const mlx_array key,
                                const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_normal(SHAPE, TYPE, A(loc), A(scale), A(key)));
}

int mlx_random_normal(mlx_array *res, const int *shape, size_t shape_num, mlx_dtype dtype,
                      float loc, float scale, const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(res, s,
              mx_random_normal(SHAPE, TYPE, loc == 0 ? NULL : mx_scalar(loc, TYPE),
                               scale == 1 ? NULL : mx_scalar(scale, TYPE), A(key)));
}

int mlx_random_truncated_normal(mlx_array *res, const mlx_array lower, const mlx_array upper,
                                const int *shape, size_t shape_num, mlx_dtype dtype,
                                const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_truncated_normal(A(lower), A(upper), SHAPE, TYPE, A(key)));
}

int mlx_random_laplace(mlx_array *res, const int *shape, size_t shape_num, mlx_dtype dtype,
                       float loc, float scale, const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_laplace(SHAPE, TYPE, loc, scale, A(key)));
}

int mlx_random_gumbel(mlx_array *res, const int *shape, size_t shape_num, mlx_dtype dtype,
                      const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_gumbel(SHAPE, TYPE, A(key)));
}

int mlx_random_randint(mlx_array *res, const mlx_array low, const mlx_array high, const int *shape,
                       size_t shape_num, mlx_dtype dtype, const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_randint(A(low), A(high), SHAPE, TYPE, A(key)));
}

int mlx_random_bernoulli(mlx_array *res, const mlx_array p, const int *shape, size_t shape_num,
                         const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_bernoulli(A(p), SHAPE, A(key)));
}

int mlx_random_categorical_shape(mlx_array *res, const mlx_array logits, int axis, const int *shape,
                                 size_t shape_num, const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(res, s,
              mx_random_categorical(A(logits), .axis = axis, .shape = SHAPE, .key = A(key)));
}

int mlx_random_categorical_num_samples(mlx_array *res, const mlx_array logits_, int axis,
                                       int num_samples, const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(
      res, s,
      mx_random_categorical(A(logits_), .axis = axis, .num_samples = num_samples, .key = A(key)));
}

int mlx_random_categorical(mlx_array *res, const mlx_array logits, int axis, const mlx_array key,
                           const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_categorical(A(logits), .axis = axis, .key = A(key)));
}

int mlx_random_permutation(mlx_array *res, const mlx_array x, int axis, const mlx_array key,
                           const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_permutation(A(x), axis, A(key)));
}

int mlx_random_permutation_arange(mlx_array *res, int x, const mlx_array key, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_random_permutation_arange(x, A(key)));
}
