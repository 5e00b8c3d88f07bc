/* Strings, vectors, maps, devices, streams and memory figures. */
#include "face.h"

static void vectors_share_arrays(void **state) {
  (void)state;
  mlx_array a = FLOATS(1), b = FLOATS(2), got = mlx_array_new();
  mlx_vector_array v = mlx_vector_array_new_data((const mlx_array[]){a, b}, 2);
  assert_int_equal(mlx_vector_array_size(v), 2);
  assert_int_equal(mlx_vector_array_append_value(v, a), 0);
  mlx_array_free(a);
  mlx_array_free(b);
  assert_int_equal(mlx_vector_array_get(&got, v, 1), 0);
  assert_values(got, 2);
  assert_int_equal(mlx_vector_array_get(&got, v, 2), 0);
  assert_values(got, 1);
  assert_fails(mlx_vector_array_get(&got, v, 3), "Index 3 is out of range of 3");
  assert_fails(mlx_vector_array_append_value(v, mlx_array_empty), "non-empty mlx_array");
  assert_fails(mlx_vector_array_append_value((mlx_vector_array){NULL}, got), "mlx_vector_array");

  mlx_vector_vector_array vv = mlx_vector_vector_array_new_value(v);
  assert_int_equal(mlx_vector_array_set_value(&v, got), 0);
  assert_int_equal(mlx_vector_array_size(v), 1);
  assert_int_equal(mlx_vector_vector_array_append_value(vv, v), 0);
  mlx_vector_array inner = mlx_vector_array_new();
  assert_int_equal(mlx_vector_vector_array_get(&inner, vv, 0), 0);
  assert_int_equal(mlx_vector_array_size(inner), 3); /* a copy, from before */
  mlx_array_free(got);
  mlx_vector_array_free(v);
  mlx_vector_array_free(inner);
  mlx_vector_vector_array_free(vv);
  assert_int_equal(mlx_vector_array_free((mlx_vector_array){NULL}), 0);
}

static void vectors_of_values(void **state) {
  (void)state;
  int value;
  mlx_vector_int v = mlx_vector_int_new_data((int[]){4, 5}, 2), w = mlx_vector_int_new();
  assert_int_equal(mlx_vector_int_append_value(v, 6), 0);
  assert_int_equal(mlx_vector_int_set(&w, v), 0);
  assert_int_equal(mlx_vector_int_set(&w, w), 0);
  assert_int_equal(mlx_vector_int_get(&value, w, 2), 0);
  assert_int_equal(value, 6);
  mlx_vector_int_free(v);
  mlx_vector_int_free(w);

  char *text, word[] = "one";
  mlx_vector_string s = mlx_vector_string_new_value(word);
  word[0] = 'x';
  assert_int_equal(mlx_vector_string_append_data(s, (const char *[]){"two", "three"}, 2), 0);
  assert_int_equal(mlx_vector_string_size(s), 3);
  assert_int_equal(mlx_vector_string_get(&text, s, 0), 0);
  assert_string_equal(text, "one");
  mlx_vector_string_free(s);
}

static void maps_find_replace_and_iterate(void **state) {
  (void)state;
  mlx_array a = FLOATS(1), b = FLOATS(2), got = mlx_array_new();
  mlx_map_string_to_array map = mlx_map_string_to_array_new(), copy = mlx_map_string_to_array_new();
  assert_int_equal(mlx_map_string_to_array_insert(map, "a", a), 0);
  assert_int_equal(mlx_map_string_to_array_insert(map, "b", a), 0);
  assert_int_equal(mlx_map_string_to_array_insert(map, "b", b), 0);
  assert_int_equal(mlx_map_string_to_array_get(&got, map, "b"), 0);
  assert_values(got, 2);
  assert_int_equal(mlx_map_string_to_array_get(&got, map, "c"), 2);
  assert_int_equal(mlx_map_string_to_array_set(&copy, map), 0);
  mlx_map_string_to_array_free(map);
  mlx_map_string_to_array_iterator it = mlx_map_string_to_array_iterator_new(copy);
  const char *key;
  int seen = 0;
  while (!mlx_map_string_to_array_iterator_next(&key, &got, it)) {
    assert_string_equal(key, seen ? "b" : "a");
    assert_values(got, (float)++seen);
  }
  assert_int_equal(seen, 2);
  mlx_map_string_to_array_iterator_free(it);
  mlx_map_string_to_array_free(copy);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_array_free(got);

  const char *value;
  mlx_map_string_to_string texts = mlx_map_string_to_string_new();
  assert_int_equal(mlx_map_string_to_string_insert(texts, "k", "v"), 0);
  assert_int_equal(mlx_map_string_to_string_get(&value, texts, "k"), 0);
  assert_string_equal(value, "v");
  mlx_map_string_to_string_iterator jt = mlx_map_string_to_string_iterator_new(texts);
  assert_int_equal(mlx_map_string_to_string_iterator_next(&key, &value, jt), 0);
  assert_int_equal(mlx_map_string_to_string_iterator_next(&key, &value, jt), 2);
  mlx_map_string_to_string_iterator_free(jt);
  mlx_map_string_to_string_free(texts);
}

static void devices_and_streams_are_described(void **state) {
  (void)state;
  mlx_string text = mlx_string_new();
  mlx_device cpu = mlx_device_new_type(MLX_CPU, 0), found = mlx_device_new();
  assert_int_equal(mlx_get_default_device(&found), 0);
  assert_true(mlx_device_equal(cpu, found));
  assert_int_equal(mlx_device_tostring(&text, found), 0);
  assert_string_equal(mlx_string_data(text), "Device(cpu, 0)");
  int count, index;
  assert_int_equal(mlx_device_count(&count, MLX_CPU), 0);
  assert_int_equal(count, 1);

  mlx_stream s = mlx_stream_new_device(cpu), other = mlx_default_cpu_stream_new();
  assert_false(mlx_stream_equal(s, other));
  assert_int_equal(mlx_stream_get_index(&index, s), 0);
  char wanted[64];
  snprintf(wanted, sizeof wanted, "Stream(Device(cpu, 0), %d)", index);
  assert_int_equal(mlx_stream_tostring(&text, s), 0);
  assert_string_equal(mlx_string_data(text), wanted);
  assert_int_equal(mlx_stream_set(&other, s), 0);
  assert_true(mlx_stream_equal(s, other));
  mlx_array a = FLOATS(3);
  assert_int_equal(mlx_square(&a, a, s), 0);
  assert_int_equal(mlx_synchronize(s), 0);
  assert_values(a, 9);
  mlx_array_free(a);

  mlx_device_info info = mlx_device_info_new();
  bool flag;
  const char *name;
  size_t size;
  assert_int_equal(mlx_device_info_get(&info, cpu), 0);
  assert_int_equal(mlx_device_info_has_key(&flag, info, "architecture"), 0);
  assert_true(flag);
  assert_int_equal(mlx_device_info_get_string(&name, info, "device_name"), 0);
  assert_true(strlen(name) > 0);
  assert_int_equal(mlx_device_info_get_size(&size, info, "device_name"), 2);
  assert_int_equal(mlx_device_info_is_string(&flag, info, "none"), 2);
  mlx_vector_string keys = mlx_vector_string_new();
  assert_int_equal(mlx_device_info_get_keys(&keys, info), 0);
  assert_int_equal(mlx_vector_string_size(keys), 2);
  mlx_vector_string_free(keys);
  mlx_device_info_free(info);
  mlx_stream_free(s);
  mlx_stream_free(other);
  mlx_device_free(cpu);
  mlx_device_free(found);

  assert_int_equal(mlx_version(&text), 0);
  assert_string_equal(mlx_string_data(text), "0.30.4");
  mlx_string_free(text);
  assert_int_equal(mlx_metal_is_available(&flag), 0);
  assert_false(flag);
}

static void memory_is_counted_and_limited(void **state) {
  (void)state;
  size_t before, after, limit, old;
  assert_int_equal(mlx_get_active_memory(&before), 0);
  mlx_array a = mlx_array_new();
  mlx_array one = mlx_array_new_float(1);
  assert_int_equal(mlx_full(&a, (const int[]){1 << 18}, 1, one, MLX_FLOAT32, (mlx_stream){NULL}),
                   0);
  assert_int_equal(mlx_contiguous(&a, a, false, (mlx_stream){NULL}), 0);
  assert_int_equal(mlx_add(&a, a, a, (mlx_stream){NULL}), 0);
  assert_int_equal(mlx_array_eval(a), 0);
  assert_int_equal(mlx_get_active_memory(&after), 0);
  assert_true(after >= before + (1 << 20));
  assert_int_equal(mlx_get_peak_memory(&after), 0);
  assert_true(after >= before + (1 << 20));
  mlx_array_free(a);
  mlx_array_free(one);
  assert_int_equal(mlx_clear_cache(), 0);
  assert_int_equal(mlx_get_cache_memory(&after), 0);
  assert_int_equal(after, 0);
  assert_int_equal(mlx_get_memory_limit(&limit), 0);
  assert_int_equal(mlx_set_memory_limit(&old, limit / 2), 0);
  assert_int_equal(old, limit);
  assert_int_equal(mlx_set_memory_limit(&old, limit), 0);
  assert_int_equal(old, limit / 2);
  assert_fails(mlx_set_wired_limit(&old, SIZE_MAX), "wired");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vectors_share_arrays),
      cmocka_unit_test(vectors_of_values),
      cmocka_unit_test(maps_find_replace_and_iterate),
      cmocka_unit_test(devices_and_streams_are_described),
      cmocka_unit_test(memory_is_counted_and_limited),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
