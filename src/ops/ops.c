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
  (void)output;
  for (int i = 1; i < node->input_count; i++)
    if (inputs[i]->ndim != inputs[0]->ndim ||
        !mx_same_shape(mx_shape_of(inputs[i]), mx_shape_of(inputs[0]), inputs[0]->ndim)) {
      mx_fail("[%s] Inputs of shapes %s and %s, where the function was traced with equal ones.",
              node->primitive->name, mx_shape_text_of(inputs[0]), mx_shape_text_of(inputs[i]));
      return -1;
    }
  mx_copy_ints(shape, mx_shape_of(inputs[0]), inputs[0]->ndim);
  return inputs[0]->ndim;
}

void mx_copy_row_major(void *to, mx in) {
  int64_t strides[MX_MAX_NDIM];
  if (in->row_contiguous) {
    if (in->size) memcpy(to, in->data, in->size * mx_dtype_size(in->dtype));
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
