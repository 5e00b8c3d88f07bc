/* A checkpoint's weights, and their binding to the fields of a model. */
#ifndef LM_WEIGHTS_H
#define LM_WEIGHTS_H

#include "base/vec.h"
#include "lm/config.h"
#include "lm/layers.h"
#include "mlx/mx.h"

/* What became of a weight of the checkpoint. */
typedef enum lm_use { LM_UNUSED, LM_USED, LM_IGNORED } lm_use;

/* How a table names a model's weights: one row a field. Dimensions are indices into the model's
 * list of sizes, so that one table serves every config. */
typedef enum lm_kind { LM_LINEAR, LM_EMBEDDING, LM_VECTOR } lm_kind;

typedef struct lm_field {
  lm_kind kind;
  const char *name; /* below the prefix: "self_attn.q_proj" */
  size_t offset;    /* of the lm_linear, lm_embedding or mx in the object */
  int out, in;      /* weight [out, in]; vectors [out] */
  int bias;         /* index of a size that is not 0 where there is a bias; -1: never */
} lm_field;

/* A field that was filled: what adapters find their layers by. */
typedef struct lm_binding {
  lm_kind kind;
  char *path;  /* "model.layers.3.self_attn.q_proj" */
  void *place; /* the lm_linear, lm_embedding or mx */
  int out, in;
} lm_binding;

typedef MX_VEC(lm_binding) lm_bindings;

typedef struct lm_weights {
  lm_config *config;  /* borrowed: its "quantization" decides which layers are quantised */
  const char *source; /* the folder, for messages */
  mx_array_map *arrays;
  lm_use *uses; /* [arrays] */
  lm_bindings bindings;
  bool failed;
} lm_weights;

/* Maps model.safetensors.index.json's files, or else every model*.safetensors of the folder. NULL
 * after mx_fail. */
lm_weights *lm_weights_load(const char *directory, lm_config *config);
void lm_weights_free(lm_weights *w);
void lm_bindings_free(lm_bindings *bindings);

bool lm_weights_has(const lm_weights *w, const char *name);
/* Passes over the weights whose name contains `part`: the model has no need of them. */
void lm_weights_ignore(lm_weights *w, const char *part);
/* How the layer at `path` is quantised: fills group_size, bits and mode; bits 0 where it is not. */
void lm_weights_quantization(lm_weights *w, const char *path, lm_matrix *matrix);
/* Fails where there are fewer weights than layers, before anybody makes room for these. */
bool lm_weights_check_layers(lm_weights *w, int layers);
/* Fails where a weight was neither used nor passed over. */
bool lm_weights_check_all_used(lm_weights *w);

/* Fills the object's fields from `prefix`.name. False (and w->failed) after mx_fail. */
bool lm_bind(lm_weights *w, const char *prefix, const lm_field *fields, int count, const int *sizes,
             void *object);
/* Releases what lm_bind filled. */
void lm_unbind(const lm_field *fields, int count, void *object);

#endif
