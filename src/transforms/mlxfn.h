/* What export and import share of MLX's .mlxfn format, version 0.30.4:
 *
 *     text version, int32 functions, bool shapeless, then each function:
 *       [text] keyword names | [id] inputs | [shape, dtype] of inputs | [id] outputs
 *       uint64 steps, then each step: uint64 id, bool has primitive, and
 *         with:    [id] inputs, stream (index, device type, device index: int32), text class,
 * state, uint64 siblings; none: shape, dtype; else: [id], [shape], [dtype] of all outputs without:
 * bool constant; if so and the id is new: shape, dtype, row-major bytes
 *
 * A list [x] is its uint64 length and its elements; a text is a list of bytes; a shape a list of
 * int32; a dtype an int32 and its size as a byte. An id is any number. */
#ifndef TRANSFORMS_MLXFN_H
#define TRANSFORMS_MLXFN_H

#include "array/codec.h"
#include "mlx/mx/export.h"
#include "transforms/graph.h"

#define TR_MLXFN_VERSION "0.30.4"

/* What a function is chosen by. */
typedef struct tr_signature {
  MX_VEC(char *) keywords; /* of the last inputs, in ascending order; owned */
  MX_VEC(mx) inputs;       /* placeholders, owned elsewhere */
} tr_signature;

void tr_signature_free(tr_signature *s);
/* Whether args[count] and the keywords (in ascending order) are of this signature. As in MLX, its
 * keywords must be among them, and further ones count as inputs in their place. */
bool tr_signature_fits(const tr_signature *s, const mx *inputs, int count,
                       const char *const *keywords, int keyword_count, bool shapeless);

/* args[count], and behind them the keywords' arrays in ascending order of their names. Freed by the
 * caller: both lists (not what they point to). */
typedef struct tr_arguments {
  mx *inputs; /* [count] */
  int count;
  const char **keywords; /* [keyword_count] */
  int keyword_count;
} tr_arguments;

/* False after mx_fail where an array is NULL. */
bool tr_arguments_make(tr_arguments *a, const mx *args, int count, const mx_array_map *keywords);
void tr_arguments_free(tr_arguments *a);

/* Appends "2 positional inputs (2,3) float32, (3) int32 and \"mask\" (3) bool". */
void tr_arguments_print(mx_str *out, const mx *inputs, int count, const char *const *keywords,
                        int keyword_count);

/* Visits a shape and a dtype. */
void tr_state_spec(mx_state *s, mx_spec *spec, int shape[MX_MAX_NDIM]);

#endif
