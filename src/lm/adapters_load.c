/* Loading adapters as mlx_lm's trainer saves them: which layers carry one (adapter_config.json),
 * and their arrays (adapters.safetensors); or whole weights after full fine-tuning. */
#include "base/alloc.h"
#include "base/str.h"
#include "lm/adapter.h"
#include "lm/model.h"
#include "mlx_lm/parameters.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum { FULL, LORA, DORA } kind;

typedef struct {
  mlx_lm_model *model;
  const char *directory;
  lm_config *config; /* adapter_config.json */
  mx_array_map *arrays;
  kind kind;
  double scale;
  const json_t *keys; /* names of the layers; NULL: every matrix of a block */
  int first_block;    /* blocks from here on carry adapters */
  int applied;
  bool failed;
} loading;

static bool fail(loading *l) {
  l->failed = true;
  return false;
}

/* ---- The config ---- */

static bool read_kind(loading *l) {
  static const char *const names[] = {[FULL] = "full", [LORA] = "lora", [DORA] = "dora"};
  const char *name = lm_config_text(l->config, "fine_tune_type", "lora");
  for (int i = FULL; name && i <= DORA; i++)
    if (!strcmp(name, names[i])) {
      l->kind = (kind)i;
      return true;
    }
  if (name)
    mx_fail("%s: \"fine_tune_type\" is \"%s\", not lora, dora or full", l->config->path, name);
  return false;
}

static bool read_config(loading *l) {
  if (!read_kind(l)) return false;
  if (l->kind == FULL) return true;
  if (!json_object_get(l->config->root, "num_layers")) {
    mx_fail("%s: \"num_layers\" is missing", l->config->path);
    return false;
  }
  int count = lm_config_int(l->config, "num_layers", 0), blocks = mlx_lm_model_layers(l->model);
  l->first_block = count < 1 || count > blocks ? 0 : blocks - count; /* 0 and -1: all */
  const json_t *parameters = lm_config_object(l->config, "lora_parameters");
  if (l->config->failed) return false;
  if (!parameters) {
    mx_fail("%s: \"lora_parameters\" is missing", l->config->path);
    return false;
  }
  lm_field_float_required(l->config, parameters, "lora_parameters", "rank");
  l->scale = lm_field_float_required(l->config, parameters, "lora_parameters", "scale");
  l->keys = json_object_get(parameters, "keys");
  if (json_is_null(l->keys)) l->keys = NULL;
  if (l->keys && !json_is_array(l->keys)) {
    mx_fail("%s: \"lora_parameters.keys\" is not a list", l->config->path);
    return false;
  }
  return !l->config->failed;
}

static bool has_key(const loading *l, const char *path) {
  const json_t *key;
  size_t i;
  json_array_foreach(l->keys, i, key) {
    const char *name = json_string_value(key);
    if (name && !strcmp(name, path)) return true;
  }
  return false;
}

/* "model.layers.3.mlp.up_proj" into 3 and "mlp.up_proj"; NULL outside of the blocks. */
static const char *path_in_block(const loading *l, const char *path, int *block) {
  const char *blocks = l->model->family->blocks;
  size_t n = strlen(blocks);
  if (strncmp(path, blocks, n) || path[n] != '.') return NULL;
  char *end;
  *block = (int)strtol(path + n + 1, &end, 10);
  return *end == '.' ? end + 1 : NULL;
}

static bool carries_adapter(const loading *l, const lm_binding *b) {
  int block;
  const char *inner = path_in_block(l, b->path, &block);
  if (b->kind == LM_VECTOR || l->kind == FULL) return false;
  if (inner && block >= l->first_block && (!l->keys || has_key(l, inner))) return true;
  return has_key(l, b->path);
}

/* ---- The arrays ---- */

/* The array path.part, where there is one; false (failed) where it has another shape. A dimension
 * of -1 is taken from the array. */
static bool find(loading *l, const char *path, const char *part, int *shape, int ndim, mx *found) {
  mx_str name = {0};
  mx_str_printf(&name, "%s%s%s", path, *part ? "." : "", part);
  mx a = *found = mx_array_map_get(l->arrays, name.data);
  bool good = !a || mx_ndim(a) == ndim;
  for (int i = 0; a && good && i < ndim; i++) {
    good = shape[i] < 0 || mx_dim(a, i) == shape[i];
    shape[i] = mx_dim(a, i);
  }
  if (a && good && !mx_is_subdtype(mx_dtype_of(a), MX_KIND_FLOATING)) good = false;
  if (!good)
    mx_fail(
        "%s/adapters.safetensors: \"%s\" does not have the shape and dtype that the model needs",
        l->directory, name.data);
  if (a && good) l->applied++;
  mx_str_free(&name);
  return good || fail(l);
}

/* DoRA's gain: computed once, where the reference computes it in each forward pass. Evaluated at
 * once, so that one opened matrix is in memory at a time. */
static bool set_gain(const lm_matrix *m, lm_adapter *a, bool embedding) {
  mx w = lm_matrix_open(m);
  if (!a->magnitude) a->magnitude = mx_retain(lm_row_norms(mx_astype(w, MX_FLOAT32)));
  mx change = embedding ? mx_matmul(mx_multiply(a->a, mx_scalar_like(a->scale, a->a)), a->b)
                        : mx_matmul(mx_multiply(mx_transpose(a->b), mx_scalar_like(a->scale, a->b)),
                                    mx_transpose(a->a));
  a->gain = mx_retain(mx_divide(a->magnitude, lm_row_norms(mx_add(w, change))));
  return a->gain && mx_eval(a->gain, a->magnitude) == 0;
}

static bool attach(loading *l, const lm_binding *b) {
  bool embedding = b->kind == LM_EMBEDDING;
  lm_matrix *m = embedding ? &((lm_embedding *)b->place)->matrix : &((lm_linear *)b->place)->matrix;
  int inputs = embedding ? b->out : b->in, outputs = embedding ? b->in : b->out;
  int of_a[] = {inputs, -1}, of_b[] = {-1, outputs}, of_m[] = {b->out};
  mx down, up, magnitude = NULL;
  if (!find(l, b->path, "lora_a", of_a, 2, &down)) return false;
  if (down) of_b[0] = of_a[1];
  if (!find(l, b->path, "lora_b", of_b, 2, &up)) return false;
  if (l->kind == DORA && !find(l, b->path, "m", of_m, 1, &magnitude)) return false;
  if (embedding && l->kind == DORA && m->bits) {
    mx_fail("%s: DoRA on \"%s\": a quantised embedding is not supported", l->config->path, b->path);
    return fail(l);
  }
  if (!up && !magnitude) return true; /* a fresh lora_b is zero: nothing changes */
  if (!down || !up) {
    mx_fail("%s/adapters.safetensors: \"%s.%s\" is missing", l->directory, b->path,
            down ? "lora_b" : "lora_a");
    return fail(l);
  }
  lm_adapter_free(m->adapter);
  m->adapter = mx_xcalloc(1, sizeof *m->adapter);
  *m->adapter = (lm_adapter){mx_retain(down), mx_retain(up), l->scale, mx_retain(magnitude), NULL};
  return l->kind == LORA || set_gain(m, m->adapter, embedding) || fail(l);
}

/* Weights as they are, by their names: all of them after full fine-tuning. */
static bool replace_weights(loading *l) {
  for (int i = 0; i < mlx_lm_parameter_count(l->model); i++) {
    mx a = mx_array_map_get(l->arrays, mlx_lm_parameter_name(l->model, i));
    if (!a) continue;
    if (mlx_lm_set_parameter(l->model, i, a)) return fail(l);
    l->applied++;
  }
  return true;
}

/* ---- The whole ---- */

static bool load_arrays(loading *l) {
  mx_str path = {0};
  mx_str_printf(&path, "%s/adapters.safetensors", l->directory);
  bool good = mx_load_safetensors(path.data, l->arrays, NULL) == 0;
  mx_str_free(&path);
  return good;
}

static bool apply(loading *l) {
  lm_bindings *all = &l->model->bindings;
  for (size_t i = 0; i < all->size && !l->failed; i++) {
    if (!carries_adapter(l, &all->data[i])) continue;
    mx_scope scope = mx_scope_begin();
    attach(l, &all->data[i]);
    mx_scope_end(scope, NULL);
  }
  if (!l->failed && replace_weights(l) && !l->applied) {
    mx_fail("%s/adapters.safetensors: none of its arrays belongs to a layer of this model",
            l->directory);
    l->failed = true;
  }
  return !l->failed;
}

int mlx_lm_load_adapters(mlx_lm_model *model, const char *directory) {
  if (access(directory, F_OK) != 0) {
    mx_fail("The adapter path does not exist: %s", directory);
    return -1;
  }
  loading l = {.model = model,
               .directory = directory,
               .config = lm_config_read(directory, "adapter_config.json"),
               .arrays = mx_array_map_new()};
  bool good = l.config && read_config(&l) && load_arrays(&l) && apply(&l);
  for (size_t i = 0; good && i < mx_array_map_size(l.arrays); i++)
    model->nbytes += mx_nbytes(mx_array_map_at(l.arrays, i));
  mx_array_map_free(l.arrays);
  lm_config_free(l.config);
  return good ? 0 : -1;
}
