/* The array's insides, for the rooms that make and evaluate them. */
#ifndef ARRAY_ARRAY_H
#define ARRAY_ARRAY_H

#include "memory/memory.h"
#include "mlx/mx/array.h"
#include "mlx/mx/stream.h"

#include <stdatomic.h>

/* Most axes that an array can have. */
#define MX_MAX_NDIM 32

typedef struct mx_node mx_node;

/* A lazy array is born with a node; scheduling hands the node to a stream's worker (from then on
 * nobody else looks at it); the worker fills in the data and drops the node. */
enum { MX_LAZY, MX_SCHEDULED, MX_AVAILABLE, MX_FAILED };

/* The strides lie behind the struct, the shape behind them:
 *
 *     | struct mx_array | int64_t strides[ndim] | int shape[ndim] |
 */
struct mx_array {
  _Atomic int refs;
  uint8_t dtype;
  _Atomic uint8_t status;
  _Atomic bool tracer; /* made under a transform: evaluation keeps its graph */
  bool row_contiguous; /* elements lie one after another in row-major order */
  bool dense;          /* elements lie in [data, data + size) without gaps, in some axis order */
  int ndim;
  int output;  /* which of the node's outputs this is */
  size_t size; /* elements */
  mx_buffer *buffer;
  char *data;    /* the first element, somewhere in the buffer */
  mx_node *node; /* NULL once evaluated */
  char *error;   /* what failed, where status is MX_FAILED */
  int stream;    /* where it is scheduled, and the task after which it is there */
  uint64_t ticket;
  struct mx_array *next_free;
};

static inline int64_t *mx_strides_of(mx a) { return (int64_t *)(a + 1); }
static inline int *mx_shape_of(mx a) { return (int *)(mx_strides_of(a) + a->ndim); }

/* A lazy array without node or data, with one reference that is the caller's. NULL after mx_fail
 * where the shape overflows or is negative. */
mx mx_array_alloc(mx_dtype dtype, const int *shape, int ndim);

/* ---- For eval functions: giving an output its data ---- */

/* Fresh row-major memory. False after mx_fail. */
bool mx_out_alloc(mx out);
/* Fresh memory laid out like `like`, which is dense and has out's shape. */
bool mx_out_alloc_like(mx out, mx like);
/* A view into `in`: its elements from `offset` (elements of in's dtype) on, with these strides
 * (elements of out's dtype). */
void mx_out_view(mx out, mx in, const int64_t *strides, int64_t offset);
/* The same elements with the same strides, under another dtype of the same size or none. */
void mx_out_share(mx out, mx in);
/* Row-major memory from a buffer whose reference passes to the array; data starts at `offset`
 * bytes. */
void mx_out_adopt(mx out, mx_buffer *buffer, size_t offset);
/* Whether the evaluation under way is the last that sees this input, so that its memory can serve
 * an output. */
bool mx_is_donatable(mx in);

/* Row-major strides, in elements. */
void mx_row_major(const int *shape, int ndim, int64_t *strides);
/* Recomputes row_contiguous and dense from the shape and strides. */
void mx_update_layout(mx a);
/* Whether the elements lie one after another in column-major order. */
bool mx_is_column_major(mx a);
/* Evaluates if need be, and waits; false after mx_fail. Provided by the evaluator. */
bool mx_ensure(mx a);

/* How many transforms trace a function on this thread: while there are any, evaluation keeps the
 * graph of tracers. */
extern _Thread_local int mx_tracing;
/* How many of them trace for inputs of any shape: while there are any, operations that depend on
 * their operands' shapes say so in the graph. */
extern _Thread_local int mx_tracing_any_shape;

static inline bool mx_same_shape(const int *a, const int *b, int ndim) {
  for (int i = 0; i < ndim; i++)
    if (a[i] != b[i]) return false;
  return true;
}

/* "(2,3)": a shape for messages, in one of a few static per-thread buffers. */
const char *mx_shape_text(const int *shape, int ndim);
static inline const char *mx_shape_text_of(mx a) { return mx_shape_text(mx_shape_of(a), a->ndim); }
/* axis in [0, ndim), or -1 after mx_fail("[op] Invalid axis ..."). */
int mx_check_axis(const char *op, int axis, int ndim);

#endif
