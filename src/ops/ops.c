/* Helpers that the families of operations share. */
#include "ops/ops.h"
#include "drivers/copy.h"

#include <string.h>

int mx_normalize_axes(const char *op, mx_ints axes, int ndim, int *sorted) {
  if (axes.size > ndim) {
    mx_fail("[%s] Received %d axes for array with %d dimensions.", op, axes.size, ndim);
    return -1;
  }
  for (int i = 0; i < axes.size; i++) {
    int axis = mx_check_axis(op, axes.data[i], ndim), at = i;
    if (axis < 0) return -1;
    for (; at > 0 && sorted[at - 1] >= axis; at--) {
      if (sorted[at - 1] == axis) {
        mx_fail("[%s] Received duplicate axes.", op);
        return -1;
      }
      sorted[at] = sorted[at - 1];
    }
    sorted[at] = axis;
  }
  return axes.size;
}

int mx_shape_of_first(const mx_node *node, const mx *inputs, int output, int *shape) {
  (void)node, (void)output;
  mx_copy_ints(shape, mx_shape_of(inputs[0]), inputs[0]->ndim);
  return inputs[0]->ndim;
}

int mx_shape_of_all(const mx_node *node, const mx *inputs, int output, int *shape) {
  for (int i = 1; i < node->input_count; i++)
    if (!mx_same_shape_but(inputs[i], inputs[0], -1)) return mx_shapes_misfit(node, inputs);
  return mx_shape_of_first(node, inputs, output, shape);
}

int mx_shapes_misfit(const mx_node *node, const mx *inputs) {
  mx_str shapes = {0};
  for (int i = 0; i < node->input_count; i++)
    mx_str_printf(&shapes, "%s%s", i ? ", " : "", mx_shape_text_of(inputs[i]));
  mx_fail("[%s] Inputs of shapes %s do not fit as those did that the function was traced with.",
          node->primitive->name, mx_str_c(&shapes));
  mx_str_free(&shapes);
  return -1;
}

bool mx_same_shape_but(mx a, mx b, int axis) {
  if (a->ndim != b->ndim) return false;
  for (int i = 0; i < a->ndim; i++)
    if (i != axis && mx_shape_of(a)[i] != mx_shape_of(b)[i]) return false;
  return true;
}

void mx_copy_row_major(void *to, mx in) {
  int64_t strides[MX_MAX_NDIM];
  if (in->row_contiguous) {
    if (in->size) mx_copy_dense(to, in->dtype, in->data, in->dtype, (int64_t)in->size);
    return;
  }
  mx_row_major(mx_shape_of(in), in->ndim, strides);
  mx_copy_strided(to, in->dtype, strides, in->data, in->dtype, mx_strides_of(in), mx_shape_of(in),
                  in->ndim);
}

mx mx_row_major_copy(mx in) {
  mx copy = mx_scope_own(mx_array_alloc(in->dtype, mx_shape_of(in), in->ndim));
  if (!copy || !mx_out_alloc(copy)) return NULL;
  mx_copy_row_major(copy->data, in);
  return copy;
}

mx mx_with_dense_rows(mx in) {
  int last = in->ndim - 1;
  bool dense = mx_shape_of(in)[last] == 1 || mx_strides_of(in)[last] == 1;
  return dense ? in : mx_row_major_copy(in);
}

const void *mx_row_major_data(mx in, mx_buffer **temporary) {
  *temporary = NULL;
  if (in->row_contiguous) return in->data;
  *temporary = mx_buffer_new(in->size * mx_dtype_size(in->dtype));
  if (!*temporary) return NULL;
  mx_copy_row_major((*temporary)->data, in);
  return (*temporary)->data;
}

bool mx_out_donate(mx out, mx in) {
  if (!in->row_contiguous || in->size != out->size || !mx_is_donatable(in) ||
      mx_dtype_size(in->dtype) != mx_dtype_size(out->dtype))
    return false;
  mx_out_adopt(out, mx_buffer_retain(in->buffer), (size_t)(in->data - (char *)in->buffer->data));
  return true;
}
