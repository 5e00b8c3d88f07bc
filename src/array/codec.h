/* How primitives lie in MLX's files of functions (.mlxfn): a class name, and the class' state in
 * its own order. One visitor serves writing, reading and listing, so that they cannot disagree. */
#ifndef ARRAY_CODEC_H
#define ARRAY_CODEC_H

#include "array/primitive.h"

typedef struct mx_state {
  enum { MX_STATE_WRITE, MX_STATE_READ } mode;
  mx_str *out;    /* write: where bytes are appended */
  const char *in; /* read: [size] bytes, of which `at` are read */
  size_t size, at;
  bool failed;      /* read: the bytes ended early, or make no sense */
  const mx *inputs; /* the node's; [input_count] */
  int input_count;
  mx output; /* write: the node's first output */
} mx_state;

/* Each writes *value, or reads it. */
void mx_state_bool(mx_state *s, bool *value);
void mx_state_int(mx_state *s, int *value); /* 32 bits; enumerations, too */
void mx_state_uint64(mx_state *s, uint64_t *value);
void mx_state_float(mx_state *s, float *value);
void mx_state_double(mx_state *s, double *value);
void mx_state_dtype(mx_state *s, mx_dtype *value);
/* A list: its length, then its elements; at most `room` of them are read. */
void mx_state_ints(mx_state *s, int *values, int *count, int room);
void mx_state_int64s(mx_state *s, int64_t *values, int *count, int room);
/* A byte string of its own; reading allocates it (free). */
void mx_state_text(mx_state *s, char **text);

/* One step of a file, to be made anew. */
typedef struct mx_build {
  const void *params; /* what visit has read */
  const mx *in;
  mx *out;
  int count, outputs;
  mx_dtype dtype; /* of the first output, as the file has it */
} mx_build;

/* For builders of one output: whether the file has `inputs` inputs and the expression succeeds. */
#define MX_BUILT(b, inputs, expression) \
  ((b)->count == (inputs) && (b)->outputs == 1 && ((b)->out[0] = (expression)) != NULL)

/* A class of MLX's, and one of the primitives that it stands for here. A class whose state tells
 * several primitives apart has an entry for each, one after another. */
typedef struct mx_codec {
  const char *name; /* the class; "" where MLX has none, NULL at the end of a list */
  const mx_primitive *primitive;
  int variant; /* what tells the entries of one class apart */
  /* Writes the parameters, or reads them into params (zeroed, MX_CODEC_PARAMS bytes); returns the
   * entry that they belong to, NULL where they make no sense. NULL: there is no state. */
  const struct mx_codec *(*visit)(mx_state *s, const struct mx_codec *codec, void *params);
  /* What is read is made by the public constructors, with all their checks: by the first of these
   * that there is. */
  mx (*unary)(mx a);
  mx (*binary)(mx a, mx b);
  bool (*build)(const mx_build *b);
  /* How it is written where MLX makes it of other primitives, on every device or (where there is a
   * class, too) on the CPU: the same in terms of those. */
  bool (*expand)(const mx_node *node, const mx *inputs, mx *outputs);
} mx_codec;

enum { MX_CODEC_PARAMS = 4096 };

/* Writes the entry's variant as an int or a bool; or reads one, and returns the entry of the same
 * class that has it (NULL: none). */
const mx_codec *mx_state_variant(mx_state *s, const mx_codec *codec);
const mx_codec *mx_state_flag(mx_state *s, const mx_codec *codec);

/* The whole visit of classes whose state is nothing else. */
const mx_codec *mx_visit_variant(mx_state *s, const mx_codec *codec, void *params);
const mx_codec *mx_visit_flag(mx_state *s, const mx_codec *codec, void *params);

/* The primitive's entry; NULL where it cannot be written. Provided by the operations. */
const mx_codec *mx_codec_of(const mx_primitive *primitive);
/* The class' first entry; NULL where it is unknown. */
const mx_codec *mx_codec_named(const char *name);

#endif
