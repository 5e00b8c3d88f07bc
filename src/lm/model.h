/* What a model family provides: one constant table a family, in models/. */
#ifndef LM_MODEL_H
#define LM_MODEL_H

#include "lm/attention.h"
#include "lm/config.h"
#include "lm/rope.h"
#include "lm/weights.h"

typedef struct lm_family {
  const char *const *model_types; /* config.json's names for it, NULL-terminated */
  const char *blocks;             /* the path of the list of blocks: "model.layers" */
  size_t size;                    /* of the model's struct; zeroed before load */
  /* Reads the config and binds the weights. False after mx_fail. */
  bool (*load)(void *model, lm_config *config, lm_weights *weights);
  void (*release)(void *model);
  /* tokens [batch, length] -> logits [batch, length, vocabulary]; cache is [layers], or NULL. */
  mx (*forward)(const void *model, mx tokens, lm_kv_cache *cache);
  /* Sets up the layers' empty caches (zeroed, plain); NULL: they are all plain. */
  void (*make_cache)(const void *model, lm_kv_cache *cache);
  int (*layers)(const void *model);
  int (*vocab_size)(const void *model);
} lm_family;

/* An array of the model under its checkpoint's name. */
typedef struct lm_parameter {
  char *name;
  mx *place; /* in the family's struct */
  bool trainable;
} lm_parameter;

typedef MX_VEC(lm_parameter) lm_parameters;

struct mlx_lm_model {
  const lm_family *family;
  void *state;
  lm_config *config;
  lm_bindings bindings; /* into state */
  lm_parameters parameters;
  size_t nbytes;
};

/* The family of the config's model_type; NULL after mx_fail. */
const lm_family *lm_family_of(lm_config *config);

/* Lists what was bound, as the model's parameters. */
void lm_list_parameters(mlx_lm_model *m);
void lm_parameters_free(lm_parameters *list);

#endif
