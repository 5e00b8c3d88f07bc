/* Derivatives of operations element by element, against mathematics. */
#include "derivatives.h"

DERIVATIVE_FN(sum_of_sines, mx_add(mx_sin(in[0]), mx_multiply(in[0], in[1])))

static const derivative_case twice[] = {
    {"sum of sines", sum_of_sines, {"2x3", "2x3"}},
    {"sum of sines, views", sum_of_sines, {"2x3T", "2x3S"}},
};

static void smooth_functions(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof twice / sizeof *twice; i++)
    check_derivative_case(&twice[i], DERIVATIVE_TWICE | DERIVATIVE_NO_VMAP);
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(smooth_functions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
