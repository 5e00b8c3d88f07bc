/* Models as the library hands them out: a family's table and its struct. */
#include "lm/model.h"
#include "base/alloc.h"
#include "lm/models/families.h"
#include "mlx_lm/utils.h"

#include <stdlib.h>
#include <string.h>

static const lm_family *find_family(const char *model_type) {
  for (size_t i = 0; lm_families[i]; i++)
    for (const char *const *t = lm_families[i]->model_types; *t; t++)
      if (!strcmp(*t, model_type)) return lm_families[i];
  return NULL;
}

const char *mlx_lm_model_type_at(int i) {
  for (size_t f = 0; lm_families[f]; f++)
    for (const char *const *t = lm_families[f]->model_types; *t; t++)
      if (i-- == 0) return *t;
  return NULL;
}

const lm_family *lm_family_of(lm_config *config) {
  const char *type = lm_config_text(config, "model_type", NULL);
  const lm_family *family = type ? find_family(type) : NULL;
  if (!type)
    mx_fail("%s: \"model_type\" is missing", config->path);
  else if (!family)
    mx_fail("%s: Model type %s not supported.", config->path, type);
  return family;
}

static bool load_state(mlx_lm_model *m, const char *directory) {
  lm_weights *weights = lm_weights_load(directory, m->config);
  if (!weights) return false;
  for (size_t i = 0; i < mx_array_map_size(weights->arrays); i++)
    m->nbytes += mx_nbytes(mx_array_map_at(weights->arrays, i));
  bool good = m->family->load(m->state, m->config, weights) && lm_weights_check_all_used(weights);
  m->bindings = weights->bindings;
  weights->bindings = (lm_bindings){0};
  lm_list_parameters(m);
  lm_weights_free(weights);
  return good;
}

mlx_lm_model *mlx_lm_load_model(const char *directory) {
  lm_config *config = lm_config_load(directory);
  const lm_family *family = config ? lm_family_of(config) : NULL;
  if (!family) {
    lm_config_free(config);
    return NULL;
  }
  mlx_lm_model *m = mx_xcalloc(1, sizeof *m);
  *m = (mlx_lm_model){.family = family, .config = config, .state = mx_xcalloc(1, family->size)};
  mx_scope scope = mx_scope_begin();
  bool good = load_state(m, directory);
  mx_scope_end(scope, NULL);
  if (good) return m;
  mlx_lm_model_free(m);
  return NULL;
}

void mlx_lm_model_free(mlx_lm_model *m) {
  if (!m) return;
  m->family->release(m->state);
  free(m->state);
  lm_bindings_free(&m->bindings);
  lm_parameters_free(&m->parameters);
  lm_config_free(m->config);
  free(m);
}

mx mlx_lm_model_forward(mlx_lm_model *m, mx tokens, mlx_lm_prompt_cache *cache) {
  if (!tokens) return NULL;
  if (mx_ndim(tokens) != 2)
    return mx_fail("[model] tokens must be [batch, length]; these have %d dimensions",
                   mx_ndim(tokens));
  if (cache && cache->count != mlx_lm_model_layers(m))
    return mx_fail("[model] the prompt cache has %d layers, the model %d", cache->count,
                   mlx_lm_model_layers(m));
  mx_scope scope = mx_scope_begin();
  return mx_scope_end(scope, m->family->forward(m->state, tokens, cache ? cache->layers : NULL));
}

const char *mlx_lm_model_type(const mlx_lm_model *m) {
  return json_string_value(json_object_get(m->config->root, "model_type"));
}

int mlx_lm_model_vocab_size(const mlx_lm_model *m) { return m->family->vocab_size(m->state); }
int mlx_lm_model_layers(const mlx_lm_model *m) { return m->family->layers(m->state); }
size_t mlx_lm_model_nbytes(const mlx_lm_model *m) { return m->nbytes; }
char *mlx_lm_model_config(const mlx_lm_model *m) {
  return json_dumps(m->config->root, JSON_INDENT(4));
}

mlx_lm_prompt_cache *mlx_lm_make_prompt_cache(const mlx_lm_model *m, int max_kv_size) {
  mlx_lm_prompt_cache *cache = lm_prompt_cache_new(mlx_lm_model_layers(m));
  if (m->family->make_cache) m->family->make_cache(m->state, cache->layers);
  for (int i = 0; i < cache->count && max_kv_size > 0; i++)
    if (cache->layers[i].kind == LM_KV_CACHE)
      cache->layers[i] =
          (lm_kv_cache){.kind = LM_ROTATING_CACHE, .max_size = max_kv_size, .keep = 4};
  return cache;
}
