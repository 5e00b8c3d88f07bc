/* Elementwise drivers on any strides give what the kernels give element by element; bool and
 * integer arithmetic against plain C. */
#include "drivers/elementwise.h"
#include "drivers/copy.h"
#include "layout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct {
  operand_layout at;
  char *data;
  size_t size;
} operand;

static operand make_operand(const int32_t *shape, int ndim, mx_dtype dtype, bool broadcast) {
  operand o = {.at = random_operand(shape, ndim, rnd() % 2, broadcast),
               .size = mx_dtype_size(dtype)};
  o.data = malloc((size_t)o.at.size * o.size);
  uint8_t small[8] = {0};
  for (int64_t i = 0; i < o.at.size; i++) {
    small[0] = dtype == MX_BOOL ? rnd() % 2 : (uint8_t)(1 + rnd() % 9);
    mx_k->copy_cast(o.data + i * (int64_t)o.size, dtype, small, MX_UINT8, 1);
  }
  return o;
}

static mx_operand given(const operand *o) {
  return (mx_operand){o->data + o->at.base * (int64_t)o->size, o->at.strides};
}
static char *element(const operand *o, const int32_t *shape, int ndim, int64_t i) {
  return o->data + offset_of(&o->at, shape, ndim, i) * (int64_t)o->size;
}

static void any_layout_runs_as_its_elements(void **state) {
  (void)state;
  for (int round = 0; round < 1500; round++) {
    int32_t shape[6];
    int ndim = random_shape(shape, round % 40 ? 3000 : 60000);
    int inputs = 1 + (int)(rnd() % 3);
    mx_dtype dtype = (mx_dtype[]){MX_FLOAT32, MX_INT16,   MX_BFLOAT16, MX_UINT8,
                                  MX_INT64,   MX_FLOAT16, MX_COMPLEX64}[rnd() % 7];
    int op = inputs == 1 ? MX_UNARY_square : MX_BINARY_subtract + (int)(rnd() % 8);
    mx_dtype to = inputs == 2 ? mx_binary_dtype((mx_binary_op)op, dtype) : dtype;
    operand in[3], out = make_operand(shape, ndim, to, false);
    for (int k = 0; k < inputs; k++)
      in[k] = make_operand(shape, ndim, inputs == 3 && k == 0 ? MX_BOOL : dtype, rnd() % 2);
    size_t bytes = (size_t)out.at.size * out.size;
    char *want = malloc(bytes);
    memcpy(want, out.data, bytes);
    int64_t n = shape_size(shape, ndim);
    for (int64_t i = 0; i < n; i++) {
      char *d = want + (element(&out, shape, ndim, i) - out.data);
      const char *a = element(&in[0], shape, ndim, i);
      const char *b = inputs > 1 ? element(&in[1], shape, ndim, i) : NULL;
      if (inputs == 1)
        mx_k->unary((mx_unary_op)op, dtype, d, a, 1);
      else if (inputs == 2)
        mx_k->binary((mx_binary_op)op, dtype, d, a, b, 1, 1, 1);
      else
        memcpy(d, *a ? b : element(&in[2], shape, ndim, i), out.size);
    }
    if (inputs == 1)
      mx_run_unary((mx_unary_op)op, dtype, given(&out), given(&in[0]), shape, ndim);
    else if (inputs == 2)
      mx_run_binary((mx_binary_op)op, dtype, given(&out), given(&in[0]), given(&in[1]), shape,
                    ndim);
    else
      mx_run_select(dtype, given(&out), given(&in[0]), given(&in[1]), given(&in[2]), shape, ndim);
    assert_memory_equal(want, out.data, bytes);
    free(want), free(out.data);
    for (int k = 0; k < inputs; k++) free(in[k].data);
  }
}

static void outputs_may_be_inputs(void **state) {
  (void)state;
  enum { N = 3000001 }; /* several threads */
  const int32_t shape[] = {N};
  const int64_t one[] = {1}, zero[] = {0};
  float *x = malloc(N * sizeof *x), y = 3;
  for (int i = 0; i < N; i++) x[i] = (float)(i % 1000);
  mx_operand a = {x, one};
  mx_run_unary(MX_UNARY_square, MX_FLOAT32, a, a, shape, 1);
  mx_run_binary(MX_BINARY_add, MX_FLOAT32, a, a, a, shape, 1);
  mx_run_binary(MX_BINARY_subtract, MX_FLOAT32, a, (mx_operand){&y, zero}, a, shape, 1);
  for (int i = 0; i < N; i++)
    if (x[i] != 3.f - 2.f * (float)(i % 1000) * (float)(i % 1000)) fail();
  free(x);
}

static void large_results_stream(void **state) {
  (void)state;
  int32_t n = 1000001;
  int64_t usual = mx_stream_bytes;
  mx_stream_bytes = 1 << 20;
  float *x = malloc((size_t)n * 4), *y = malloc((size_t)n * 4);
  for (int i = 0; i < n; i++) x[i] = (float)(i % 77);
  const int64_t one[] = {1};
  mx_run_unary(MX_UNARY_negative, MX_FLOAT32, (mx_operand){y, one}, (mx_operand){x, one}, &n, 1);
  for (int i = 0; i < n; i++)
    if (y[i] != -(float)(i % 77)) fail();
  mx_stream_bytes = usual;
  free(x), free(y);
}

#define CHECK8(op, expression)                                    \
  for (int i = -128; i < 128; i++)                                \
    for (int j = -128; j < 128; j++) {                            \
      int8_t x = (int8_t)i, y = (int8_t)j, z;                     \
      mx_k->binary(MX_BINARY_##op, MX_INT8, &z, &x, &y, 1, 1, 1); \
      assert_int_equal(z, (int8_t)(expression));                  \
    }

static int floor_mod(int x, int y) { return y ? ((x % y) + y) % y : 0; }
static int power(int x, int y) {
  int r = 1;
  for (int i = 0; i < y; i++) r = (int8_t)(r * x);
  return y >= 0 ? r : x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
}

static void small_integers_compute_as_in_c(void **state) {
  (void)state;
  CHECK8(add, x + y)
  CHECK8(multiply, x * y)
  CHECK8(quotient, y ? x / y : 0)
  CHECK8(fmod, y ? x % y : 0)
  CHECK8(remainder, floor_mod(x, y))
  CHECK8(power, power(x, y))
  CHECK8(left_shift, y >= 0 && y < 8 ? x * (1 << y) : 0)
  CHECK8(right_shift, y >= 0 && y < 8 ? x >> y : x >> 7)
}

static void wide_integers_divide_as_in_c(void **state) {
  (void)state;
  const int64_t edge[] = {0,         1,         -1,        2,         -2,         7,
                          INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 12345678901};
  for (int i = 0; i < 200000; i++) {
    int64_t x =
        i < 121 ? edge[i % 11] : (int64_t)((uint64_t)rnd() << 40 ^ (uint64_t)rnd() << 20 ^ rnd());
    int64_t y = i < 121 ? edge[i / 11] : (int64_t)((uint64_t)rnd() << 40 ^ rnd()) >> rnd() % 60;
    int64_t q;
    mx_k->binary(MX_BINARY_quotient, MX_INT64, &q, &x, &y, 1, 1, 1);
    assert_true(q == (y == 0 ? 0 : y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y));
    int32_t a = (int32_t)x, b = (int32_t)y, c;
    mx_k->binary(MX_BINARY_quotient, MX_INT32, &c, &a, &b, 1, 1, 1);
    assert_true(c == (b == 0 ? 0 : b == -1 ? (int32_t)(0 - (uint32_t)a) : a / b));
    uint32_t ua = (uint32_t)a, ub = (uint32_t)b, uc;
    mx_k->binary(MX_BINARY_quotient, MX_UINT32, &uc, &ua, &ub, 1, 1, 1);
    assert_true(uc == (ub ? ua / ub : 0));
    mx_k->binary(MX_BINARY_remainder, MX_UINT32, &uc, &ua, &ub, 1, 1, 1);
    assert_true(uc == (ub ? ua % ub : 0));
  }
}

static void nan_passes_through_maximum_and_minimum(void **state) {
  (void)state;
  const float x[] = {NAN, 1, 2, -0.f}, y[] = {1, NAN, 3, 0};
  float z[4];
  mx_k->binary(MX_BINARY_maximum, MX_FLOAT32, z, x, y, 4, 1, 1);
  assert_true(isnan(z[0]) && isnan(z[1]) && z[2] == 3);
  mx_k->binary(MX_BINARY_minimum, MX_FLOAT32, z, x, y, 4, 1, 1);
  assert_true(isnan(z[0]) && isnan(z[1]) && z[2] == 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_layout_runs_as_its_elements),
      cmocka_unit_test(outputs_may_be_inputs),
      cmocka_unit_test(large_results_stream),
      cmocka_unit_test(small_integers_compute_as_in_c),
      cmocka_unit_test(wide_integers_divide_as_in_c),
      cmocka_unit_test(nan_passes_through_maximum_and_minimum),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
