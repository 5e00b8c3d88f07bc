/* Chat templates in the style of the published families render conversations as Jinja2 does
 * (tests/golden/make_jinja.py). */
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

#define GOLDEN SOURCE_DIR "/tests/golden/jinja/"

static char *read_file(const char *name, size_t *size) {
  char path[512];
  snprintf(path, sizeof path, GOLDEN "%s", name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s cannot be opened", path);
  char *text = malloc(1 << 20);
  *size = fread(text, 1, 1 << 20, file);
  fclose(file);
  return text;
}

static bool passes(const json_t *row) {
  size_t size;
  const char *name = json_string_value(json_array_get(row, 0));
  const char *kind = json_string_value(json_array_get(row, 2));
  const char *expected = json_string_value(json_array_get(row, 3));
  char *source = read_file(name, &size), *variables = json_dumps(json_array_get(row, 1), 0);
  mx_error_clear();
  mlx_lm_template *t = mlx_lm_template_parse(source, size);
  char *text = t ? mlx_lm_template_render(t, variables, strlen(variables)) : NULL;
  const char *got = text ? text : mx_error();
  bool good = (text != NULL) == (strcmp(kind, "output") == 0) && strcmp(got, expected) == 0;
  if (!good)
    print_error("%s over %s\n  expected %s: %s\n  got %s\n", name, variables, kind, expected, got);
  free(text);
  free(source);
  free(variables);
  mlx_lm_template_free(t);
  return good;
}

static void realistic_templates_render_what_jinja2_renders(void **state) {
  (void)state;
  json_error_t error;
  json_t *golden = json_load_file(GOLDEN "chats.json", 0, &error), *row;
  if (!golden) fail_msg("chats.json: %s", error.text);
  size_t i, failures = 0;
  json_array_foreach(json_object_get(golden, "cases"), i, row) failures += !passes(row);
  print_message("%zu conversations, %zu differ\n", i, failures);
  json_decref(golden);
  mx_error_clear();
  assert_int_equal(failures, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(realistic_templates_render_what_jinja2_renders)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
