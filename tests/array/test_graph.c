/* Scopes own what expressions create; evaluation is lazy, iterative, and gives memory on. */
#include "check.h"

#include "array/array.h"

static mx count_up(int n) { return mx_arange(0, n, 1, MX_FLOAT32); }

static void a_scope_releases_all_but_what_it_passes_out(void **state) {
  (void)state;
  mx_scope outer = mx_scope_begin();
  mx kept;
  {
    mx_scope inner = mx_scope_begin();
    mx a = count_up(4);
    kept = mx_scope_end(inner, mx_reshape(a, MX_INTS(2, 2)));
  }
  assert_int_equal(kept->refs, 1);
  assert_array(kept, MX_INTS(2, 2), 0, 1, 2, 3);
  mx own = mx_retain(kept);
  mx_scope_end(outer, NULL);
  assert_int_equal(own->refs, 1);
  mx_release(own);
}

static void a_million_nodes_evaluate_and_die_without_recursion(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx a = mx_retain(count_up(2));
  for (int i = 0; i < 1000000; i++) {
    mx_scope step = mx_scope_begin();
    mx b = mx_retain(mx_copy(a));
    mx_scope_end(step, NULL);
    mx_release(a);
    a = b;
  }
  mx_scope_end(scope, NULL);
  assert_int_equal(mx_eval(a), 0);
  assert_array(a, MX_INTS(2), 0, 1);
  mx_release(a);
  a = mx_retain(count_up(2));
  for (int i = 0; i < 1000000; i++) {
    mx_scope step = mx_scope_begin();
    mx b = mx_retain(mx_copy(a));
    mx_scope_end(step, NULL);
    mx_release(a);
    a = b;
  }
  mx_release(a); /* never evaluated */
}

static void errors_are_sticky_and_null_propagates(void **state) {
  (void)state;
  mx bad = mx_reshape(count_up(6), MX_INTS(4, 2));
  assert_null(bad);
  assert_null(mx_transpose(mx_expand_dims(bad, MX_INTS(0))));
  assert_string_equal(mx_error(), "[reshape] Cannot reshape array of size 6 into shape (4,2).");
  assert_int_equal(mx_eval(bad), -1);
}

static mx updated(mx a, float value, int at) {
  mx_scope scope = mx_scope_begin();
  return mx_scope_end(
      scope, mx_slice_update(a, mx_float(value), MX_INTS(at), MX_INTS(at + 1), MX_NO_INTS));
}

static void slice_update_writes_in_place_where_memory_is_given_up(void **state) {
  (void)state;
  mx cache = mx_retain(mx_contiguous(mx_full(MX_INTS(1000), mx_float(0), MX_FLOAT32)));
  mx_scope_end((mx_scope)(uintptr_t)*state, NULL);
  assert_int_equal(mx_eval(cache), 0);
  const void *before = cache->data;
  for (int i = 0; i < 10; i++) {
    mx_scope scope = mx_scope_begin();
    mx next = mx_retain(updated(cache, (float)i, i));
    mx_scope_end(scope, NULL);
    mx_release(cache);
    cache = next;
    assert_int_equal(mx_eval(cache), 0);
    assert_ptr_equal(cache->data, before);
  }
  mx shared = mx_retain(cache);
  mx next = updated(cache, 99, 0);
  assert_int_equal(mx_eval(next), 0);
  assert_ptr_not_equal(next->data, before);
  assert_true(((const float *)mx_data(shared))[9] == 9);
  mx_release(shared);
  mx_release(cache);
}

static void streams_depend_on_each_other_by_themselves(void **state) {
  (void)state;
  mx_stream streams[3];
  for (int i = 0; i < 3; i++) streams[i] = mx_new_stream(mx_default_device());
  mx a = mx_full(MX_INTS(100000), mx_float(1), MX_FLOAT32);
  for (int i = 0; i < 60; i++) {
    mx_use_stream(streams[i % 3]);
    a = mx_slice_update(a, mx_float((float)i), MX_INTS(i), MX_INTS(i + 1), MX_NO_INTS);
    if (i % 20 == 7) assert_int_equal(mx_async_eval(a), 0);
  }
  mx_use_stream((mx_stream){-1, {MX_CPU, 0}});
  mx head = mx_slice_axis(a, 0, 57, 61);
  assert_array(head, MX_INTS(4), 57, 58, 59, 1);
  mx_synchronize(streams[0]);
}

static void the_gpu_is_absent_unless_it_falls_back(void **state) {
  (void)state;
  mx_device gpu = {MX_GPU, 0};
  if (mx_is_device_available(gpu)) skip();
  assert_int_equal(mx_set_default_device(gpu), -1);
  assert_non_null(
      strstr(mx_error(), "[set_default_device] Cannot set gpu device without gpu backend."));
  assert_non_null(strstr(mx_error(), "MLX_GPU_FALLBACK=cpu"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(a_scope_releases_all_but_what_it_passes_out),
      scoped_test(a_million_nodes_evaluate_and_die_without_recursion),
      scoped_test(errors_are_sticky_and_null_propagates),
      scoped_test(slice_update_writes_in_place_where_memory_is_given_up),
      scoped_test(streams_depend_on_each_other_by_themselves),
      scoped_test(the_gpu_is_absent_unless_it_falls_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
