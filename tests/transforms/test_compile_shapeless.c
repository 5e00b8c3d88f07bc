/* One recording for all shapes: which functions it serves, broadcasts against several inputs in
 * them, their derivatives and mappings; and which shapes it refuses. */
#include "functions.h"

static mx count_up(mx_ints shape) {
  int n = 1;
  for (int i = 0; i < shape.size; i++) n *= shape.data[i];
  return mx_sin(mx_reshape(mx_arange(1, n + 1, 1, MX_FLOAT32), shape));
}

static int traces;

/* f's results for the inputs, by one recording for all shapes, are f's own. */
typedef struct {
  mx_fn f, any;
} both;

static both made(mx_fn_call call) {
  mx_fn f = mx_fn_new(call, NULL, NULL);
  traces = 0;
  return (both){f, mx_compile(f, .shapeless = true)};
}

static void drop(both b) {
  mx_fn_release(b.f);
  mx_fn_release(b.any);
}

static void same(both b, const mx *in, int count) {
  mx_arrays got = {0}, want = {0};
  if (!mx_fn_apply(b.f, in, count, &want)) fail_msg("itself: %s", mx_error());
  traces--;
  if (!mx_fn_apply(b.any, in, count, &got)) fail_msg("recorded: %s", mx_error());
  assert_int_equal(got.size, want.size);
  for (int i = 0; i < got.size; i++) {
    mx x = got.data[i], y = want.data[i];
    assert_int_equal(mx_ndim(x), mx_ndim(y));
    for (int k = 0; k < mx_ndim(x); k++) assert_int_equal(mx_shape(x)[k], mx_shape(y)[k]);
    if (mx_size(x)) assert_true(mx_item_double(mx_max(mx_abs(mx_subtract(x, y)))) < 1e-5);
  }
  mx_arrays_free(&got);
  mx_arrays_free(&want);
}

static void refuses(both b, const mx *in, int count, const char *text) {
  assert_error(mx_fn_first(b.any, in, count), text);
}

#define TRACED(name, ...)                                                    \
  static bool name(void *payload, const mx *in, int count, mx_arrays *out) { \
    (void)payload, (void)count;                                              \
    traces++;                                                                \
    mx results[] = {__VA_ARGS__};                                            \
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)            \
      if (!mx_arrays_push(out, results[i])) return false;                    \
    return true;                                                             \
  }

/* ---- Two inputs against each other ---- */

TRACED(product, mx_multiply(in[0], in[1]))
TRACED(formula, mx_exp(mx_add(mx_multiply(in[0], in[1]), mx_abs(in[1]))))

static void broadcasts_follow_the_inputs(void **state) {
  (void)state;
  mx_fn_call calls[] = {product, formula};
  for (int i = 0; i < 2; i++) {
    both b = made(calls[i]);
    mx square = count_up(MX_INTS(2, 2)), row = count_up(MX_INTS(2));
    same(b, (mx[]){square, row}, 2);
    same(b, (mx[]){row, square}, 2);
    assert_int_equal(traces, 2); /* of other numbers of axes */
    same(b, (mx[]){square, count_up(MX_INTS(1, 1))}, 2);
    same(b, (mx[]){count_up(MX_INTS(1, 1)), square}, 2);
    same(b, (mx[]){count_up(MX_INTS(3, 1)), count_up(MX_INTS(1, 4))}, 2);
    same(b, (mx[]){count_up(MX_INTS(1, 4)), count_up(MX_INTS(5, 4))}, 2);
    same(b, (mx[]){count_up(MX_INTS(0, 4)), count_up(MX_INTS(1, 4))}, 2);
    assert_int_equal(traces, 3);
    refuses(b, (mx[]){count_up(MX_INTS(3, 4)), count_up(MX_INTS(2, 4))}, 2, "cannot be broadcast");
    drop(b);
  }
}

/* What had length 1 when it was traced. */
TRACED(recorded_on_ones, mx_add(in[0], mx_multiply(in[1], in[2])))

static void axes_of_length_one_may_grow(void **state) {
  (void)state;
  both b = made(recorded_on_ones);
  mx one = count_up(MX_INTS(1, 1));
  same(b, (mx[]){one, one, one}, 3);
  same(b, (mx[]){count_up(MX_INTS(2, 1)), count_up(MX_INTS(1, 3)), one}, 3);
  same(b, (mx[]){count_up(MX_INTS(4, 5)), one, count_up(MX_INTS(4, 1))}, 3);
  same(b, (mx[]){one, count_up(MX_INTS(4, 5)), count_up(MX_INTS(1, 5))}, 3);
  assert_int_equal(traces, 1);
  drop(b);
}

/* ---- With reductions and other operations ---- */

TRACED(with_sum, mx_add(mx_add(in[0], mx_sum(in[1], .axis = 0, .keepdims = true)), mx_float(1)))
TRACED(times_row_sums, mx_multiply(in[0], mx_sum(in[0], .axis = -1, .keepdims = true)))
TRACED(mean, mx_mean(in[0], .keepdims = true))
TRACED(variance, mx_var(in[0], .axis = -1))
TRACED(split_axis, mx_unflatten(in[0], -1, MX_INTS(4, -1)))
TRACED(last_row, mx_take_one(in[0], -1, .axis = 1))
TRACED(likenesses, mx_zeros_like(in[0]), mx_ones_like(in[0]))
TRACED(dot, mx_matmul(in[0], in[1]))
TRACED(stored, mx_slice_update(in[0], mx_float(3), MX_INTS(2), MX_INTS(3), MX_NO_INTS))
TRACED(joined_axes, mx_reshape(in[0], MX_INTS(6, -1)))
TRACED(softened, mx_softmax(in[0], .axis = -1), mx_logsumexp(in[0], .axis = 0))
TRACED(sorted, mx_sort(in[0]), mx_cumsum(in[0], .axis = 0), mx_argmax(in[0], .axis = -1))
TRACED(moved, mx_transpose(in[0]), mx_flatten(in[0], 0, -1), mx_expand_dims(in[0], MX_INTS(1)),
       mx_concatenate(MX_LIST(in[0], in[0]), 0), mx_stack(MX_LIST(in[0], in[0]), 1))
TRACED(normed, mx_fast_rms_norm(in[0], NULL, 1e-5f), mx_fast_layer_norm(in[0], NULL, NULL, 1e-5f))

/* Rows and columns may be however many. */
static void matrices_of_any_size(void **state) {
  (void)state;
  mx_fn_call calls[] = {times_row_sums, mean,   variance, likenesses,
                        softened,       sorted, moved,    normed};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    both b = made(calls[i]);
    same(b, (mx[]){count_up(MX_INTS(3, 2))}, 1);
    same(b, (mx[]){count_up(MX_INTS(1, 2))}, 1);
    same(b, (mx[]){count_up(MX_INTS(5, 7))}, 1);
    same(b, (mx[]){count_up(MX_INTS(2, 3))}, 1);
    assert_int_equal(traces, 1);
    drop(b);
  }
}

static void operations_of_any_size(void **state) {
  (void)state;
  both b = made(with_sum);
  same(b, (mx[]){count_up(MX_INTS(2, 2)), count_up(MX_INTS(2, 2))}, 2);
  same(b, (mx[]){count_up(MX_INTS(3, 3)), count_up(MX_INTS(5, 3))}, 2);
  assert_int_equal(traces, 1);
  drop(b);
  b = made(split_axis);
  same(b, (mx[]){count_up(MX_INTS(1, 1, 32))}, 1);
  same(b, (mx[]){count_up(MX_INTS(2, 1, 12))}, 1);
  refuses(b, (mx[]){count_up(MX_INTS(2, 1, 13))}, 1, "[Unflatten] Cannot unflatten axis 2");
  drop(b);
  b = made(last_row);
  same(b, (mx[]){count_up(MX_INTS(1, 1, 32))}, 1);
  same(b, (mx[]){count_up(MX_INTS(2, 1, 3))}, 1);
  drop(b);
  b = made(dot);
  same(b, (mx[]){count_up(MX_INTS(3)), count_up(MX_INTS(3))}, 2);
  same(b, (mx[]){count_up(MX_INTS(5)), count_up(MX_INTS(5))}, 2);
  same(b, (mx[]){count_up(MX_INTS(2, 3)), count_up(MX_INTS(3, 4))}, 2);
  same(b, (mx[]){count_up(MX_INTS(5, 2)), count_up(MX_INTS(2, 1))}, 2);
  same(b, (mx[]){count_up(MX_INTS(2, 1, 4, 2)), count_up(MX_INTS(3, 2, 5))}, 2);
  same(b, (mx[]){count_up(MX_INTS(1, 3, 4, 2)), count_up(MX_INTS(3, 2, 5))}, 2);
  same(b, (mx[]){count_up(MX_INTS(3, 2, 1, 2)), count_up(MX_INTS(1, 2, 7))}, 2);
  assert_int_equal(traces, 3);
  drop(b);
  b = made(stored);
  same(b, (mx[]){count_up(MX_INTS(4))}, 1);
  same(b, (mx[]){count_up(MX_INTS(5))}, 1);
  drop(b);
  b = made(joined_axes);
  same(b, (mx[]){count_up(MX_INTS(2, 3, 4))}, 1);
  same(b, (mx[]){count_up(MX_INTS(2, 3, 8))}, 1);
  refuses(b, (mx[]){count_up(MX_INTS(5, 5, 5))}, 1, "[reshape] Cannot reshape array of size 125");
  drop(b);
}

/* ---- Broadcasts that are asked for ---- */

TRACED(to_two_by_two, mx_broadcast_to(in[0], MX_INTS(2, 2)))
static bool against_each_other(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload;
  mx all[3];
  traces++;
  if (!mx_broadcast_arrays(in, count, all)) return false;
  for (int i = 0; i < count; i++)
    if (!mx_arrays_push(out, all[i])) return false;
  return true;
}

static void asked_broadcasts(void **state) {
  (void)state;
  both b = made(to_two_by_two);
  same(b, (mx[]){mx_float(3)}, 1);
  refuses(b, (mx[]){count_up(MX_INTS(1, 1, 1))}, 1, "broadcast");
  drop(b);
  b = made(against_each_other);
  same(b, (mx[]){mx_float(1), count_up(MX_INTS(2, 2))}, 2);
  same(b, (mx[]){mx_float(1), count_up(MX_INTS(3, 1))}, 2);
  same(b, (mx[]){count_up(MX_INTS(2, 1)), count_up(MX_INTS(3)), count_up(MX_INTS(4, 1, 1))}, 3);
  same(b, (mx[]){count_up(MX_INTS(1, 5)), count_up(MX_INTS(1)), count_up(MX_INTS(2, 3, 1))}, 3);
  assert_int_equal(traces, 2);
  drop(b);
}

/* ---- Other transforms inside ---- */

FN(total, mx_sum(mx_add(in[0], in[1])))
FN(total_product, mx_sum(mx_matmul(in[0], in[1])))
FN(total_of_three, mx_sum(mx_square(mx_add(mx_multiply(in[0], in[1]), in[2]))))

static bool gradient(mx_fn_call call, const mx *in, int count, mx_arrays *out) {
  traces++;
  mx_fn f = named(call), df = mx_grad(f, count == 2 ? MX_INTS(0, 1) : MX_INTS(0, 1, 2));
  bool good = mx_fn_apply(df, in, count, out);
  mx_fn_release(f);
  mx_fn_release(df);
  return good;
}
#define GRADIENT(name, of)                                                   \
  static bool name(void *payload, const mx *in, int count, mx_arrays *out) { \
    (void)payload;                                                           \
    return gradient(of, in, count, out);                                     \
  }
GRADIENT(grad_total, total)
GRADIENT(grad_product, total_product)
GRADIENT(grad_three, total_of_three)

static void gradients_have_the_inputs_shapes(void **state) {
  (void)state;
  both b = made(grad_total);
  mx one = mx_float(0), square = count_up(MX_INTS(2, 2));
  same(b, (mx[]){one, square}, 2);
  same(b, (mx[]){square, one}, 2);
  same(b, (mx[]){count_up(MX_INTS(2, 1)), count_up(MX_INTS(1, 3))}, 2);
  same(b, (mx[]){count_up(MX_INTS(4, 1)), count_up(MX_INTS(1, 5))}, 2);
  assert_int_equal(traces, 3);
  drop(b);
  b = made(grad_product);
  same(b, (mx[]){count_up(MX_INTS(2, 1, 4, 2)), count_up(MX_INTS(3, 2, 5))}, 2);
  same(b, (mx[]){count_up(MX_INTS(3, 1, 4, 2)), count_up(MX_INTS(2, 2, 5))}, 2);
  same(b, (mx[]){count_up(MX_INTS(5, 1, 1, 2)), count_up(MX_INTS(2, 2, 1))}, 2);
  assert_int_equal(traces, 1);
  drop(b);
  b = made(grad_three);
  same(b, (mx[]){count_up(MX_INTS(2, 3)), count_up(MX_INTS(3)), count_up(MX_INTS(2, 1))}, 3);
  same(b, (mx[]){count_up(MX_INTS(5, 4)), count_up(MX_INTS(4)), count_up(MX_INTS(5, 1))}, 3);
  assert_int_equal(traces, 1);
  drop(b);
}

/* Tangents, and mappings along each axis, of broadcasts against several inputs. */
static bool tangents(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload;
  traces++;
  mx_fn f = named(total_of_three);
  mx_arrays values = {0};
  bool good = mx_jvp(f, in, in, count, &values, out);
  mx_arrays_free(&values);
  mx_fn_release(f);
  return good;
}

static int mapped_axes[4];
FN(three, mx_square(mx_add(mx_multiply(in[0], in[1]), in[2])))
static bool mapping(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload;
  traces++;
  mx_fn f = named(count == 2 ? (mx_fn_call)total_product : three);
  mx_fn each = mx_vmap(f, (mx_ints){mapped_axes, count}, (mx_ints){&mapped_axes[3], 1});
  bool good = mx_fn_apply(each, in, count, out);
  mx_fn_release(f);
  mx_fn_release(each);
  return good;
}

static void tangents_and_mappings_too(void **state) {
  (void)state;
  both b = made(tangents);
  same(b, (mx[]){count_up(MX_INTS(2, 3)), count_up(MX_INTS(3)), count_up(MX_INTS(2, 1))}, 3);
  same(b, (mx[]){count_up(MX_INTS(1, 4)), count_up(MX_INTS(4)), count_up(MX_INTS(5, 1))}, 3);
  assert_int_equal(traces, 1);
  drop(b);
  static const int axes[][4] = {{0, -1, 0, 0}, {1, 0, -1, 1}, {-1, 0, 1, 0}, {0, 0, 0, 1}};
  for (int i = 0; i < 4; i++) {
    memcpy(mapped_axes, axes[i], sizeof mapped_axes);
    b = made(mapping);
    for (int n = 2; n < 6; n++) {
      int rows[2] = {n, n + 1}, columns[2] = {n + 1, n};
      mx first = count_up((mx_ints){axes[i][0] == 1 ? columns : rows, 2});
      mx second = count_up(axes[i][1] < 0 ? MX_INTS(n + 1) : MX_INTS(n, 1));
      mx third = count_up((mx_ints){axes[i][2] == 1 ? columns : rows, 2});
      if (axes[i][0] < 0) first = count_up(MX_INTS(n + 1));
      if (axes[i][2] < 0) third = count_up(MX_INTS(n + 1));
      same(b, (mx[]){first, second, third}, 3);
    }
    assert_int_equal(traces, 1);
    drop(b);
  }
  static const int matrices[][4] = {{0, -1, 0, 0}, {-1, 0, 0, 0}, {1, 2, 0, 0}, {3, 0, 0, 0}};
  for (int i = 0; i < 4; i++) {
    memcpy(mapped_axes, matrices[i], sizeof mapped_axes);
    b = made(mapping);
    for (int n = 2; n < 4; n++) {
      int left[4] = {n, 1, 4, 2}, right[4] = {3, 2, 5, 1};
      mx a = count_up((mx_ints){left, 4}), c = count_up((mx_ints){right, 3});
      if (matrices[i][0] >= 0) a = mx_stack(MX_LIST(a, a, a), matrices[i][0]);
      if (matrices[i][1] >= 0) c = mx_stack(MX_LIST(c, c, c), matrices[i][1]);
      same(b, (mx[]){a, c}, 2);
    }
    assert_int_equal(traces, 1);
    drop(b);
  }
}

/* ---- Shapes that do not fit ---- */

static mx whole(mx_ints shape) {
  int n = 1;
  for (int i = 0; i < shape.size; i++) n *= shape.data[i];
  return mx_reshape(mx_remainder(mx_arange(0, n, 1, MX_INT32), mx_int(2)), shape);
}
static mx packed(mx a) { return mx_astype(a, MX_UINT32); }

FN(added_product, mx_addmm(in[2], in[0], in[1]))
FN(chosen_products, mx_gather_mm(in[0], in[1], .rhs_indices = in[2]))
FN(packed_products, mx_quantized_matmul(in[0], in[1], in[2], in[3], .group_size = 32, .bits = 4))
FN(attention, mx_fast_scaled_dot_product_attention(in[0], in[1], in[2], .scale = 1, .mask = in[3]))
FN(rms, mx_fast_rms_norm(in[0], in[1], 1e-5f))
FN(rope, mx_fast_rope(in[0], 4, .offsets = in[1]))
FN(joined_rows, mx_concatenate(in, 2, 0))
FN(window, mx_slice_dynamic(in[0], in[1], MX_INTS(0), MX_INTS(3, 2)))
FN(window_update, mx_slice_update_dynamic(in[0], in[1], in[2], MX_INTS(0)))
FN(gathered, mx_gather(in[0], in + 1, 1, MX_INTS(0), MX_INTS(1, 3)))
FN(scattered, mx_scatter_add(in[0], in + 1, 1, in[2], MX_INTS(0)))
FN(along_axis, mx_take_along_axis(in[0], in[1], .axis = 1))
FN(put_along_axis, mx_put_along_axis(in[0], in[1], in[2], .axis = 1))
FN(parted, mx_partition(in[0], 3))
FN(greatest, mx_max(in[0], .axis = 0))
FN(where_greatest, mx_argmax(in[0], .axis = 0))
FN(total_log, mx_logsumexp(in[0], .axis = 0))
FN(drawn, mx_random_bits(MX_INTS(3), 4, packed(in[0])))
FN(shortened, mx_squeeze(in[0], MX_INTS(0)))
FN(masked, mx_masked_scatter(in[0], mx_greater(in[1], mx_float(0)), in[2]))

typedef struct {
  mx_fn_call call;
  mx fits[4], does_not[4];
} misfit;

/* Memory past the ends of arrays is never read, nor written. */
static void misfits_are_refused(void **state) {
  (void)state;
#define F(...) count_up(MX_INTS(__VA_ARGS__))
#define I(...) whole(MX_INTS(__VA_ARGS__))
  const misfit misfits[] = {
      {dot, {F(2, 3), F(3, 4)}, {F(2, 3), F(2, 4)}},
      {dot, {F(2, 2, 3), F(2, 3, 4)}, {F(2, 2, 3), F(3, 3, 4)}},
      {added_product, {F(2, 3), F(3, 4), F(2, 4)}, {F(2, 3), F(3, 4), F(3, 4)}},
      {chosen_products, {F(2, 1, 3), F(2, 3, 2), I(2)}, {F(2, 1, 3), F(2, 4, 2), I(2)}},
      {packed_products,
       {F(2, 32), packed(I(3, 4)), F(3, 1), F(3, 1)},
       {F(2, 64), packed(I(3, 4)), F(3, 1), F(3, 1)}},
      {packed_products,
       {F(2, 32), packed(I(3, 4)), F(3, 1), F(3, 1)},
       {F(2, 32), packed(I(3, 4)), F(2, 1), F(3, 1)}},
      {attention,
       {F(1, 2, 3, 4), F(1, 2, 5, 4), F(1, 2, 5, 4), F(1, 2, 3, 5)},
       {F(1, 2, 3, 4), F(1, 2, 6, 4), F(1, 2, 5, 4), F(1, 2, 3, 5)}},
      {attention,
       {F(1, 2, 3, 4), F(1, 2, 5, 4), F(1, 2, 5, 4), F(1, 2, 3, 5)},
       {F(1, 2, 3, 4), F(1, 2, 6, 4), F(1, 2, 6, 4), F(1, 2, 3, 5)}},
      {rms, {F(2, 4), F(4)}, {F(2, 8), F(4)}},
      {rope, {F(2, 3, 4), I(2)}, {F(3, 3, 4), I(2)}},
      {rope, {F(2, 3, 4), I(2)}, {F(2, 3, 2), I(2)}},
      {joined_rows, {F(2, 3), F(2, 3)}, {F(2, 3), F(2, 4)}},
      {stored, {F(4)}, {F(2)}},
      {window, {F(4, 2), I(1)}, {F(2, 2), I(1)}},
      {window_update, {F(4, 2), F(2, 2), I(1)}, {F(4, 2), F(5, 2), I(1)}},
      {gathered, {F(4, 3), I(2)}, {F(4, 2), I(2)}},
      {scattered, {F(4, 3), I(2), F(2, 1, 3)}, {F(4, 2), I(2), F(2, 1, 3)}},
      {scattered, {F(4, 3), I(2), F(2, 1, 3)}, {F(4, 3), I(3), F(2, 1, 3)}},
      {along_axis, {F(2, 3), I(2, 2)}, {F(2, 3), I(3, 2)}},
      {along_axis, {F(2, 3), I(2, 2)}, {F(2, 0), I(2, 2)}},
      {put_along_axis, {F(2, 3), I(2, 2), F(2, 2)}, {F(2, 3), I(2, 2), F(2, 3)}},
      {parted, {F(2, 5)}, {F(2, 2)}},
      {greatest, {F(3, 2)}, {F(0, 2)}},
      {where_greatest, {F(3, 2)}, {F(0, 2)}},
      {total_log, {F(3, 2)}, {F(0, 2)}},
      {drawn, {I(2)}, {I(1)}},
      {shortened, {F(1, 2)}, {F(2, 2)}},
      {masked, {F(2, 3), F(2, 3), F(6)}, {F(2, 3), F(3, 3), F(6)}},
  };
  for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++) {
    const misfit *m = &misfits[i];
    int count = 0;
    while (count < 4 && m->fits[count]) count++;
    both b = made(m->call);
    mx y = mx_fn_first(b.any, m->fits, count);
    if (!y || mx_eval(y)) fail_msg("%zu: %s", i, mx_error());
    y = mx_fn_first(b.any, m->does_not, count);
    if (y) fail_msg("case %zu is not refused", i);
    assert_non_null(mx_error());
    mx_error_clear();
    drop(b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(broadcasts_follow_the_inputs),
      scoped_test(axes_of_length_one_may_grow),
      scoped_test(matrices_of_any_size),
      scoped_test(operations_of_any_size),
      scoped_test(asked_broadcasts),
      scoped_test(gradients_have_the_inputs_shapes),
      scoped_test(tangents_and_mappings_too),
      scoped_test(misfits_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
