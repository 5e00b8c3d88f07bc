/* Arrays: their making, counting and layout. */
#include "array/array.h"
#include "array/primitive.h"
#include "array/scope.h"
#include "base/alloc.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local int mx_tracing, mx_tracing_any_shape;

mx mx_array_alloc(mx_dtype dtype, const int *shape, int ndim) {
  if ((unsigned)dtype >= MX_DTYPE_COUNT) return mx_fail("[array] Invalid dtype %d", (int)dtype);
  if (ndim < 0 || ndim > MX_MAX_NDIM)
    return mx_fail("[array] %d dimensions; at most %d are supported", ndim, MX_MAX_NDIM);
  size_t size = 1, item = mx_dtype_size(dtype);
  for (int i = 0; i < ndim; i++) {
    if (shape[i] < 0)
      return mx_fail("[array] Negative dimension in shape %s", mx_shape_text(shape, ndim));
    if (__builtin_mul_overflow(size, (size_t)shape[i], &size) || size > (size_t)PTRDIFF_MAX / item)
      return mx_fail("[array] Too many elements in shape %s", mx_shape_text(shape, ndim));
  }
  mx a = mx_xmalloc(sizeof *a + (size_t)ndim * (sizeof(int64_t) + sizeof(int)));
  *a = (struct mx_array){
      .refs = 1, .dtype = (uint8_t)dtype, .ndim = ndim, .size = size, .stream = -1};
  if (ndim) memcpy(mx_shape_of(a), shape, (size_t)ndim * sizeof(int));
  return a;
}

mx mx_retain(mx a) {
  if (a) atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
  return a;
}

/* Freeing an array may free its node, and with it the node's inputs, and so on down a chain of any
 * length: dead arrays wait in a list, and one loop frees them. */
static _Thread_local mx dead;
static _Thread_local bool freeing;

static void bury(mx a) {
  if (atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1) return;
  a->next_free = dead;
  dead = a;
}

static void drop_node(mx_node *node) {
  if (atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) != 1) return;
  for (int i = 0; i < node->input_count; i++) bury(node->inputs[i]);
  if (node->primitive->params_free) node->primitive->params_free(node->params);
  free(node);
}

static void free_dead(void) {
  if (freeing) return;
  freeing = true;
  while (dead) {
    mx a = dead;
    dead = a->next_free;
    if (a->node) mx_detach(a);
    mx_buffer_release(a->buffer);
    free(a->error);
    free(a);
  }
  freeing = false;
}

void mx_release(mx a) {
  if (!a) return;
  bury(a);
  if (dead) free_dead();
}

void mx_node_release(mx_node *node) {
  drop_node(node);
  if (dead) free_dead();
}

void mx_detach(mx a) {
  mx_node *node = a->node;
  if (!node) return;
  if (node->outputs) {
    while (atomic_flag_test_and_set_explicit(&node->lock, memory_order_acquire)) {}
    if (node->outputs[a->output] == a) node->outputs[a->output] = NULL;
    atomic_flag_clear_explicit(&node->lock, memory_order_release);
  }
  a->node = NULL;
  drop_node(node);
  if (dead) free_dead();
}

/* ---- Data ---- */

void mx_row_major(const int *shape, int ndim, int64_t *strides) {
  int64_t step = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i];
  }
}

/* Dense: sorted by stride, each axis steps over exactly what the smaller ones cover. */
static bool is_dense(mx a) {
  const int *shape = mx_shape_of(a);
  const int64_t *strides = mx_strides_of(a);
  int64_t covered = 1;
  int left = 0;
  bool used[MX_MAX_NDIM] = {false};
  for (int i = 0; i < a->ndim; i++) left += shape[i] != 1;
  while (left) {
    int found = -1;
    for (int i = 0; i < a->ndim && found < 0; i++)
      if (!used[i] && shape[i] != 1 && strides[i] == covered) found = i;
    if (found < 0) return false;
    used[found] = true;
    covered *= shape[found];
    left--;
  }
  return true;
}

void mx_update_layout(mx a) {
  const int *shape = mx_shape_of(a);
  const int64_t *strides = mx_strides_of(a);
  int64_t step = 1;
  a->row_contiguous = true;
  for (int i = a->ndim - 1; i >= 0 && a->size > 1; i--) {
    if (shape[i] != 1 && strides[i] != step) a->row_contiguous = false;
    step *= shape[i];
  }
  a->dense = a->row_contiguous || is_dense(a);
}

bool mx_is_column_major(mx a) {
  int64_t step = 1;
  for (int i = 0; i < a->ndim && a->size > 1; i++) {
    if (mx_shape_of(a)[i] != 1 && mx_strides_of(a)[i] != step) return false;
    step *= mx_shape_of(a)[i];
  }
  return true;
}

static void set_data(mx out, mx_buffer *owned, char *data) {
  mx_buffer_release(out->buffer);
  out->buffer = owned;
  out->data = data;
}

void mx_out_adopt(mx out, mx_buffer *buffer, size_t offset) {
  set_data(out, buffer, (char *)buffer->data + offset);
  mx_row_major(mx_shape_of(out), out->ndim, mx_strides_of(out));
  out->row_contiguous = out->dense = true;
}

bool mx_out_alloc(mx out) {
  mx_buffer *buffer = mx_buffer_new(out->size * mx_dtype_size(out->dtype));
  if (!buffer) return false;
  mx_out_adopt(out, buffer, 0);
  return true;
}

bool mx_out_alloc_like(mx out, mx like) {
  if (!mx_out_alloc(out)) return false;
  if (out->ndim)
    memcpy(mx_strides_of(out), mx_strides_of(like), (size_t)out->ndim * sizeof(int64_t));
  out->row_contiguous = like->row_contiguous;
  out->dense = true;
  return true;
}

void mx_out_view(mx out, mx in, const int64_t *strides, int64_t offset) {
  set_data(out, mx_buffer_retain(in->buffer),
           in->data + offset * (int64_t)mx_dtype_size(in->dtype));
  if (out->ndim) memmove(mx_strides_of(out), strides, (size_t)out->ndim * sizeof(int64_t));
  mx_update_layout(out);
}

void mx_out_share(mx out, mx in) { mx_out_view(out, in, mx_strides_of(in), 0); }

bool mx_is_donatable(mx in) {
  return atomic_load_explicit(&in->refs, memory_order_acquire) == 1 && in->buffer &&
         !in->buffer->release && mx_buffer_is_unique(in->buffer);
}

/* ---- Looking ---- */

int mx_ndim(mx a) { return a ? a->ndim : 0; }
size_t mx_size(mx a) { return a ? a->size : 0; }
size_t mx_itemsize(mx a) { return a ? mx_dtype_size(a->dtype) : 0; }
size_t mx_nbytes(mx a) { return mx_size(a) * mx_itemsize(a); }
mx_dtype mx_dtype_of(mx a) { return a ? a->dtype : MX_BOOL; }
const int *mx_shape(mx a) { return a ? mx_shape_of(a) : NULL; }

int mx_dim(mx a, int axis) {
  if (!a) return 0;
  int i = mx_check_axis("dim", axis, a->ndim);
  return i < 0 ? 0 : mx_shape_of(a)[i];
}

bool mx_is_available(mx a) {
  return a && atomic_load_explicit(&a->status, memory_order_acquire) >= MX_AVAILABLE;
}

int mx_check_axis(const char *op, int axis, int ndim) {
  if (axis >= -ndim && axis < ndim) return axis < 0 ? axis + ndim : axis;
  mx_fail("[%s] Axis %d is out of bounds for array with %d dimensions.", op, axis, ndim);
  return -1;
}

const char *mx_shape_text(const int *shape, int ndim) {
  static _Thread_local char texts[4][256];
  static _Thread_local unsigned turn;
  char *text = texts[turn++ % 4];
  size_t used = 0, room = sizeof texts[0] - 8;
  text[used++] = '(';
  for (int i = 0; i < ndim && used < room; i++)
    used += (size_t)snprintf(text + used, room - used + 4, i ? ",%d" : "%d", shape[i]);
  if (used > room) used = room;
  text[used++] = ')';
  text[used] = 0;
  return text;
}
