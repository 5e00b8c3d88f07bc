/* Hostile templates end in an error of one line instead of taking the process along; errors name
 * what is wrong; dates are today's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mlx_lm/chat_template.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *render(const char *source, const char *variables) {
  mx_error_clear();
  mlx_lm_template *t = mlx_lm_template_parse(source, strlen(source));
  char *text = t ? mlx_lm_template_render(t, variables, strlen(variables)) : NULL;
  mlx_lm_template_free(t);
  return text;
}

static void fails_with(const char *source, const char *variables, const char *part) {
  char *text = render(source, variables);
  if (text) fail_msg("%.80s rendered %.80s", source, text);
  if (!mx_error() || !strstr(mx_error(), part))
    fail_msg("%.80s failed with %s, which lacks %s", source, mx_error(), part);
  assert_null(strchr(mx_error(), '\n'));
  mx_error_clear();
}

/* `count` times `unit` between `before` and `after`. */
static char *repeat(const char *before, const char *unit, int count, const char *after) {
  size_t n = strlen(unit);
  char *text = malloc(strlen(before) + n * (size_t)count + strlen(after) + 1), *p = text;
  p = stpcpy(p, before);
  for (int i = 0; i < count; i++) p = stpcpy(p, unit);
  stpcpy(p, after);
  return text;
}

static void nesting_fails(const char *before, const char *unit, const char *after) {
  char *source = repeat(before, unit, 200000, after);
  fails_with(source, "{}", "recursion");
  free(source);
}

static void deep_nesting_is_an_error(void **state) {
  (void)state;
  nesting_fails("{{ ", "(", "1");
  nesting_fails("{{ ", "[", "");
  nesting_fails("{{ ", "{1:", "");
  nesting_fails("{{ ", "- ", "1 }}");
  nesting_fails("{{ ", "not ", "1 }}");
  nesting_fails("{{ ", "a[", "1");
  nesting_fails("{{ ", "a(", "1");
  nesting_fails("{{ 1", "+1", " }}");
  nesting_fails("{{ 1", "|abs", " }}");
  nesting_fails("{{ x", ".a", " }}");
  nesting_fails("{{ x", "()", " }}");
  nesting_fails("{{ 1 ", "if 1 else 2 ", " }}");
  nesting_fails("", "{% if 1 %}", "");
  nesting_fails("", "{% for x in y %}", "");
  nesting_fails("", "{% macro m() %}", "");
  nesting_fails("", "{% filter upper %}", "");
  nesting_fails("{% for ", "(", "");
}

static void endless_recursion_is_an_error(void **state) {
  (void)state;
  fails_with("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{}", "recursion");
  fails_with("{% macro m(x=m()) %}{% endmacro %}{{ m() }}", "{}", "recursion");
  fails_with("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "{}", "recursion");
  fails_with("{% macro m() %}{{ caller }}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}", "{}",
             "recursion");
}

/* A list in a list, 100000 deep, is made, let go of, and cannot be printed or compared. */
static void deep_values_are_safe(void **state) {
  (void)state;
#define DEEP                                                   \
  "{% set a = namespace(x=[]) %}{% set b = namespace(x=[]) %}" \
  "{% for i in range(100000) %}{% set a.x = [a.x] %}{% set b.x = [b.x] %}{% endfor %}"
  char *text = render(DEEP "{{ a.x|length }}", "{}");
  assert_non_null(text);
  assert_string_equal(text, "1");
  free(text);
  fails_with(DEEP "{{ a.x }}", "{}", "recursion");
  fails_with(DEEP "{{ a.x|tojson }}", "{}", "recursion");
  fails_with(DEEP "{{ a.x|pprint }}", "{}", "recursion");
  fails_with(DEEP "{{ a.x == b.x }}", "{}", "recursion");
  fails_with(DEEP "{{ a.x < b.x }}", "{}", "recursion");
  fails_with("{% set n = namespace(x=()) %}{% for i in range(100000) %}{% set n.x = (n.x,) %}"
             "{% endfor %}{{ {n.x: 1} }}",
             "{}", "recursion");
  fails_with("{% set n = namespace(x=[1]) %}{% for i in range(100000) %}"
             "{% set n.x = n.x|map('abs') %}{% endfor %}{{ n.x|list }}",
             "{}", "recursion");
}

static void memory_and_ranges_are_bounded(void **state) {
  (void)state;
  fails_with("{{ range(100001) }}", "{}", "MAX_RANGE (100000)");
  fails_with("{{ range(0, 9223372036854775807, 1) }}", "{}", "MAX_RANGE");
  fails_with("{{ 'x' * 9223372036854775807 }}", "{}", "longer than");
  fails_with("{{ 'abc' * 1000000000 }}", "{}", "longer than");
  fails_with("{{ [1] * 1000000000 }}", "{}", "memory");
  fails_with("{{ [1, 2] * 9223372036854775807 }}", "{}", "memory");
  fails_with("{{ 'x'.center(999999999999) }}", "{}", "longer than");
  fails_with("{{ '%999999999d' % 1 }}", "{}", "longer than");
  fails_with("{{ '{:999999999}'.format(1) }}", "{}", "longer than");
  fails_with("{{ 'a\nb'|indent(999999999) }}", "{}", "longer than");
  fails_with("{% set n = namespace(x='ab') %}{% for i in range(64) %}{% set n.x = n.x ~ n.x %}"
             "{% endfor %}",
             "{}", "longer than");
  fails_with("{% set n = namespace(x=[1]) %}{% for i in range(64) %}{% set n.x = n.x + n.x %}"
             "{% endfor %}",
             "{}", "memory");
  fails_with("{{ ([('x' * 1000000)] * 1000000)|join }}", "{}", "longer than");
  fails_with("{{ [1]|batch(999999999999, 1)|list }}", "{}", "memory");
}

static void numbers_stay_within_64_bits(void **state) {
  (void)state;
  fails_with("{{ 9223372036854775807 + 1 }}", "{}", "64 bits");
  fails_with("{{ 9223372036854775807 * 2 }}", "{}", "64 bits");
  fails_with("{{ -9223372036854775807 - 2 }}", "{}", "64 bits");
  fails_with("{{ 10 ** 19 }}", "{}", "64 bits");
  fails_with("{{ 2 ** 9223372036854775807 }}", "{}", "64 bits");
  fails_with("{{ (-9223372036854775807 - 1) // -1 }}", "{}", "64 bits");
  fails_with("{{ -(-9223372036854775807 - 1) }}", "{}", "64 bits");
  fails_with("{{ 99999999999999999999 }}", "{}", "64 bits");
  fails_with("{{ '99999999999999999999'|int }}", "{}", "64 bits");
  fails_with("{{ 1e30|int }}", "{}", "64 bits");
  fails_with("{{ 9223372036854775807|round(-3) }}", "{}", "64 bits");
}

static void input_errors_say_what_is_wrong(void **state) {
  (void)state;
  fails_with("a\xff", "{}", "not UTF-8: byte 1");
  fails_with("{{ '\\ud800' }}", "{}", "surrogates not allowed");
  fails_with("x", "[1]", "JSON object");
  fails_with("x", "{\"a\": ", "not JSON");
  fails_with("x", "{\"a\": 99999999999999999999}", "not JSON");
  fails_with("one\ntwo {{ + }}\n", "{}", "template line 2: ");
  fails_with("{{ raise_exception('a\nb') }}", "{}", "a b");
  fails_with("{{ x.y }}", "{}", "'x' is undefined");
}

static void errors_leave_the_template_usable(void **state) {
  (void)state;
  const char *source = "{% if x %}{{ raise_exception('no') }}{% endif %}{{ y }}";
  mlx_lm_template *t = mlx_lm_template_parse(source, strlen(source));
  assert_non_null(t);
  assert_null(mlx_lm_template_render(t, "{\"x\": 1}", 8));
  mx_error_clear();
  char *text = mlx_lm_template_render(t, "{\"y\": \"ok\"}", 11);
  assert_string_equal(text, "ok");
  free(text);
  mlx_lm_template_free(t);
  mlx_lm_template_free(NULL);
}

/* Today as the template and as C say it, on either side of midnight. */
static void strftime_now_tells_the_date(void **state) {
  (void)state;
  for (int attempt = 0; attempt < 2; attempt++) {
    char expected[128];
    time_t now = time(NULL);
    strftime(expected, sizeof expected, "%d %b %Y|%Y-%m-%d|%A %B|%j %-d", localtime(&now));
    char *text = render("{{ strftime_now('%d %b %Y|%Y-%m-%d|%A %B|%j %-d') }}", "{}");
    assert_non_null(text);
    bool same = strcmp(text, expected) == 0;
    if (!same && attempt) assert_string_equal(text, expected);
    free(text);
    if (same) break;
  }
}

static void *render_often(void *shared) {
  for (int i = 0; i < 200; i++) {
    const char *variables = "{\"xs\": [3, 1, 2], \"d\": {\"k\": \"v\"}}";
    char *text = mlx_lm_template_render(shared, variables, strlen(variables));
    if (!text || strcmp(text, "1, 2, 3 v [7] {'a': 'b'}") != 0) return (void *)"differs";
    free(text);
  }
  return NULL;
}

static void threads_share_a_template(void **state) {
  (void)state;
  const char *source = "{% macro m(a) %}[{{ a }}]{% endmacro %}{{ xs|sort|join(', ') }} {{ d.k }} "
                       "{{ m(7) }} {{ {'a': 'b'} }}";
  mlx_lm_template *t = mlx_lm_template_parse(source, strlen(source));
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, render_often, t);
  for (int i = 0; i < 4; i++) {
    void *result;
    pthread_join(threads[i], &result);
    assert_null(result);
  }
  mlx_lm_template_free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(deep_nesting_is_an_error),
      cmocka_unit_test(endless_recursion_is_an_error),
      cmocka_unit_test(deep_values_are_safe),
      cmocka_unit_test(memory_and_ranges_are_bounded),
      cmocka_unit_test(numbers_stay_within_64_bits),
      cmocka_unit_test(input_errors_say_what_is_wrong),
      cmocka_unit_test(errors_leave_the_template_usable),
      cmocka_unit_test(strftime_now_tells_the_date),
      cmocka_unit_test(threads_share_a_template),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
