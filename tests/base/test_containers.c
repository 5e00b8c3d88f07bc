/* Base containers: growable strings and maps keep what was put into them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/map.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void strings_grow_and_keep_bytes(void **state) {
  (void)state;
  mx_str s = {0};
  assert_string_equal(mx_str_c(&s), "");
  for (int i = 0; i < 1000; i++) mx_str_printf(&s, "%d,", i);
  mx_str_append(&s, "\0x", 2);
  assert_int_equal(s.size, 10 * 2 + 90 * 3 + 900 * 4 + 2);
  assert_memory_equal(s.data, "0,1,2,", 6);
  char *taken = mx_str_take(&s);
  assert_int_equal(s.size, 0);
  free(taken);
  mx_str_free(&s);
}

static void maps_find_what_was_put_in_order(void **state) {
  (void)state;
  mx_map map = {0};
  char key[32];
  for (uint64_t i = 0; i < 5000; i++) {
    int n = snprintf(key, sizeof key, "key %d", (int)i);
    mx_map_put(&map, key, (size_t)n, i);
  }
  mx_map_put(&map, "key 7", 5, 77);
  assert_int_equal(map.size, 5000);
  assert_int_equal(*mx_map_find(&map, "key 7", 5), 77);
  assert_int_equal(*mx_map_find(&map, "key 4999", 8), 4999);
  assert_null(mx_map_find(&map, "key 5000", 8));
  assert_string_equal(map.entries[12].key, "key 12");
  mx_map_free(&map);
}

static void the_first_error_stands_until_cleared(void **state) {
  (void)state;
  assert_null(mx_error());
  mx_fail("[first] %d", 1);
  mx_fail("[second]");
  assert_string_equal(mx_error(), "[first] 1");
  mx_error_clear();
  assert_null(mx_error());
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(strings_grow_and_keep_bytes),
      cmocka_unit_test(maps_find_what_was_put_in_order),
      cmocka_unit_test(the_first_error_stands_until_cleared),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
