/* The primitive's table and the graph's node. Whoever adds an operation adds one constant table
 * beside its constructor; the evaluator and the transforms walk tables and know no operation. */
#ifndef ARRAY_PRIMITIVE_H
#define ARRAY_PRIMITIVE_H

#include "array/array.h"
#include "base/str.h"
#include "drivers/tiles.h"

enum { MX_BACKEND_CPU, MX_BACKEND_GPU, MX_BACKENDS };

/* What an operation without arithmetic does, for whoever rewrites graphs: repeats its input to the
 * output's shape, or hands on its last inputs, one for each output. */
typedef enum { MX_ROLE_NONE, MX_ROLE_BROADCAST, MX_ROLE_IDENTITY } mx_role;

typedef struct mx_primitive {
  const char *name;    /* as MLX prints it: "Add", "Softmax" */
  size_t params_size;  /* bytes of the operation's parameters, copied into the node */
  bool stops_gradient; /* derivatives do not pass through */
  mx_role role;

  /* Fills the outputs' data from inputs that are all there. Runs on a worker. False after
   * mx_fail. One a backend; NULL where the backend has none. */
  bool (*eval[MX_BACKENDS])(const mx_node *node, const mx *inputs, const mx *outputs);

  /* The rules below are formulas in the expression API, called inside a scope. False after mx_fail;
   * NULL where the operation is not differentiable or not vectorisable. */

  /* The same outputs by simpler operations. Derivatives and vmap follow from it where the rule is
   * NULL or returns false without a message. May be NULL. */
  bool (*formula)(const mx_node *node, const mx *inputs, mx *outputs);

  /* vjps[i] becomes the cotangent of primals[argnums[i]]. */
  bool (*vjp)(const mx_node *node, const mx *primals, const mx *cotangents, const int *argnums,
              int count, const mx *outputs, mx *vjps);
  /* jvps[o] becomes the tangent of output o, from tangents[i] of primals[argnums[i]]. */
  bool (*jvp)(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
              int count, mx *jvps);
  /* inputs[i] is batched along axes[i] (-1: not at all; at least one is); outputs[o] is batched
   * along out_axes[o] (-1 where it is the same for all). */
  bool (*vmap)(const mx_node *node, const mx *inputs, const int *axes, mx *outputs, int *out_axes);

  /* Output o's shape for these inputs, [ndim] written to shape (room for MX_MAX_NDIM); returns
   * ndim, or -1 after mx_fail. NULL: the shape follows only from the parameters. */
  int (*output_shape)(const mx_node *node, const mx *inputs, int output, int *shape);
  /* Whether two nodes with the same inputs compute the same. NULL: bytewise equal parameters. */
  bool (*equal)(const mx_node *a, const mx_node *b);
  /* Appends the parameters, readable. NULL: none. */
  void (*print)(const mx_node *node, mx_str *out);
  /* Of operations element by element, of one output with its inputs' shape: computes a piece of it
   * (drivers/tiles.h). `node` tells parameters and dtypes; out may be an input that steps and has
   * out's dtype. On any thread. */
  mx_tile_fn *tile;
  mx_tile_step step; /* what the same is as a step of a program */
  /* Frees what the parameters own, and duplicates it in a node copied from another. NULL: they are
   * plain bytes. */
  void (*params_free)(void *params);
  void (*params_copy)(void *params);
} mx_primitive;

/* What an output will be. */
typedef struct mx_spec {
  mx_dtype dtype;
  int ndim;
  const int *shape;
} mx_spec;

/* One application of a primitive. Each output array holds a reference; the node holds references to
 * its inputs. */
struct mx_node {
  _Atomic int refs;
  const mx_primitive *primitive;
  mx_stream stream;
  int input_count, output_count;
  mx *inputs;   /* [input_count], owned */
  void *params; /* params_size bytes */
  /* Several outputs know each other through their node, weakly: an entry is NULL once that output
   * is gone. [output_count], guarded by lock; NULL for nodes of one output. */
  mx *outputs;
  mx_spec *specs; /* [output_count]; NULL for nodes of one output */
  atomic_flag lock;
};

/* The lazy array that `primitive` makes of the inputs on the thread's current stream, owned by the
 * innermost scope. NULL (an error stands or is recorded) where an input is NULL or the shape is
 * impossible. `params` (may be NULL where params_size is 0) is copied. */
mx mx_make_node(const mx_primitive *primitive, const void *params, mx_spec out, const mx *inputs,
                int input_count);
/* The same with several outputs; fills out[output_count]. False: all NULL. */
bool mx_make_nodes(const mx_primitive *primitive, const void *params, const mx_spec *specs,
                   int output_count, const mx *inputs, int input_count, mx *out);

/* The node's operation once more, with its parameters and on its stream: fills out[output_count]
 * with new arrays, owned by the innermost scope. inputs[input_count] stand for the node's. False
 * after mx_fail: all NULL. */
bool mx_node_again(const mx_node *node, const mx *inputs, const mx_spec *specs, mx *out);

/* mx_make(&primitive, &params, spec, a, b): inputs as arguments. */
#define mx_make(primitive, params, spec, ...) \
  mx_make_node(primitive, params, spec, (mx[]){__VA_ARGS__}, MX_COUNT_(__VA_ARGS__))

static inline mx_spec mx_spec_like(mx a, mx_dtype dtype) {
  return (mx_spec){dtype, a->ndim, mx_shape_of(a)};
}

/* Drops an array's node (the evaluator's, once data is there). */
void mx_detach(mx a);
/* For a node of several outputs: references (the caller's own) to all of them, new arrays in place
 * of those that are gone. */
void mx_node_outputs(mx_node *node, mx *outputs);

/* Parameters of a node, typed. */
#define MX_PARAMS(type, node) ((const type *)(node)->params)

#endif
