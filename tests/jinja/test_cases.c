/* Small templates over every construct, filter, test and method print, or fail with, what they do
 * in Jinja2 (tests/golden/make_jinja.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mlx_lm/chat_template.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN SOURCE_DIR "/tests/golden/jinja/cases.json"

static json_t *load(const char *path) {
  json_error_t error;
  json_t *json = json_load_file(path, JSON_ALLOW_NUL, &error);
  if (!json) fail_msg("%s: %s", path, error.text);
  return json;
}

/* What went wrong, as the golden file words it: syntax errors without their line, which is checked
 * where Jinja knows it (0: it does not). */
static bool same_error(const char *kind, const char *expected, int line) {
  const char *message = mx_error();
  char place[40];
  int n = snprintf(place, sizeof place, "template line %d: ", line);
  if (strcmp(kind, "syntax") != 0) return strcmp(message, expected) == 0;
  if (line && strncmp(message, place, (size_t)n) != 0) return false;
  const char *text = strncmp(message, "template line ", 14) == 0 ? strstr(message, ": ") : NULL;
  return text && strcmp(text + 2, expected) == 0;
}

static bool passes(const json_t *row, const char *variables) {
  const json_t *source = json_array_get(row, 0), *expected = json_array_get(row, 3);
  const char *kind = json_string_value(json_array_get(row, 2));
  mx_error_clear();
  mlx_lm_template *t = mlx_lm_template_parse(json_string_value(source), json_string_length(source));
  char *text = t ? mlx_lm_template_render(t, variables, strlen(variables)) : NULL;
  bool good;
  if (text)
    good = strcmp(kind, "output") == 0 && strcmp(text, json_string_value(expected)) == 0;
  else
    good =
        strcmp(kind, "output") != 0 && same_error(kind, json_string_value(expected),
                                                  (int)json_integer_value(json_array_get(row, 4)));
  if (!good)
    print_error("%s\n  expected %s: %s\n  got %s\n", json_string_value(source), kind,
                json_string_value(expected), text ? text : mx_error());
  free(text);
  mlx_lm_template_free(t);
  return good;
}

static void small_templates_print_what_jinja2_prints(void **state) {
  (void)state;
  json_t *golden = load(GOLDEN), *row, *variables = json_object_get(golden, "variables");
  size_t i, failures = 0;
  json_array_foreach(json_object_get(golden, "cases"), i, row) {
    const json_t *own =
        json_array_get(variables, (size_t)json_integer_value(json_array_get(row, 1)));
    char *text = json_dumps(own, 0);
    failures += !passes(row, text);
    free(text);
  }
  print_message("%zu templates, %zu differ\n", i, failures);
  json_decref(golden);
  mx_error_clear();
  assert_int_equal(failures, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(small_templates_print_what_jinja2_prints)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
