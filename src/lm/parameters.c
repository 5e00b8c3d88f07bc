/* The weights of a model as a list, over what was bound where. A binding has up to four arrays. */
#include "mlx_lm/parameters.h"
#include "base/alloc.h"
#include "base/str.h"
#include "lm/model.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS = 4 };

/* The place of a binding's part; NULL where the kind has none of it. */
static mx *place_of(const lm_binding *b, int part, const char **suffix) {
  static const char *const suffixes[PARTS] = {"weight", "scales", "biases", "bias"};
  *suffix = suffixes[part];
  if (b->kind == LM_VECTOR) return part ? NULL : (mx *)b->place;
  lm_matrix *m =
      b->kind == LM_LINEAR ? &((lm_linear *)b->place)->matrix : &((lm_embedding *)b->place)->matrix;
  switch (part) {
  case 0: return &m->weight;
  case 1: return &m->scales;
  case 2: return &m->biases;
  default: return b->kind == LM_LINEAR ? &((lm_linear *)b->place)->bias : NULL;
  }
}

static bool is_float(mx a) { return mx_is_subdtype(mx_dtype_of(a), MX_KIND_FLOATING); }

void lm_list_parameters(mlx_lm_model *m) {
  for (size_t i = 0; i < m->bindings.size; i++)
    for (int part = 0; part < PARTS; part++) {
      const char *suffix;
      mx *place = place_of(&m->bindings.data[i], part, &suffix);
      bool packed = part == 1 || part == 2;
      if (!place || !*place) continue;
      mx_str name = {0};
      mx_str_printf(&name, "%s.%s", m->bindings.data[i].path, suffix);
      mx_vec_push(&m->parameters,
                  (lm_parameter){mx_str_take(&name), place, is_float(*place) && !packed});
    }
}

void lm_parameters_free(lm_parameters *list) {
  for (size_t i = 0; i < list->size; i++) free(list->data[i].name);
  mx_vec_free(list);
}

static const lm_parameter *parameter_at(const mlx_lm_model *m, int i) {
  if (i >= 0 && i < (int)m->parameters.size) return &m->parameters.data[i];
  return mx_fail("[parameters] There is no parameter %d; the model has %zu.", i,
                 m->parameters.size);
}

int mlx_lm_parameter_count(const mlx_lm_model *m) { return (int)m->parameters.size; }

const char *mlx_lm_parameter_name(const mlx_lm_model *m, int i) {
  return i >= 0 && i < (int)m->parameters.size ? m->parameters.data[i].name : NULL;
}

mx mlx_lm_parameter(const mlx_lm_model *m, int i) {
  const lm_parameter *p = parameter_at(m, i);
  return p ? mx_scope_own(mx_retain(*p->place)) : NULL;
}

/* ---- Replacing ---- */

static void put_shape(mx_str *s, mx a) {
  mx_str_putc(s, '[');
  for (int i = 0; i < mx_ndim(a); i++) mx_str_printf(s, i ? ", %d" : "%d", mx_shape(a)[i]);
  mx_str_printf(s, "] of %s", mx_dtype_name(mx_dtype_of(a)));
}

static bool fits(const lm_parameter *p, mx a) {
  mx old = *p->place;
  if (!a) return false;
  if (mx_ndim(a) == mx_ndim(old) &&
      !memcmp(mx_shape(a), mx_shape(old), (size_t)mx_ndim(a) * sizeof(int)) &&
      (is_float(old) ? is_float(a) : mx_dtype_of(a) == mx_dtype_of(old)))
    return true;
  mx_str given = {0}, wanted = {0};
  put_shape(&given, a);
  put_shape(&wanted, old);
  mx_fail("[parameters] \"%s\" is %s; %s was given.", p->name, wanted.data, given.data);
  mx_str_free(&given);
  mx_str_free(&wanted);
  return false;
}

static void put(const lm_parameter *p, mx a) {
  mx old = *p->place;
  *p->place = mx_retain(a);
  mx_release(old);
}

int mlx_lm_set_parameter(mlx_lm_model *m, int i, mx a) {
  const lm_parameter *p = parameter_at(m, i);
  if (!p || !fits(p, a)) return -1;
  put(p, a);
  return 0;
}

int mlx_lm_swap_parameters(mlx_lm_model *m, mx *parameters) {
  int count = mlx_lm_parameter_count(m);
  for (int i = 0; i < count; i++)
    if (!fits(&m->parameters.data[i], parameters[i])) return -1;
  for (int i = 0; i < count; i++) {
    mx old = mlx_lm_parameter(m, i);
    put(&m->parameters.data[i], parameters[i]);
    parameters[i] = old;
  }
  return 0;
}

/* ---- Functions of the parameters ---- */

bool mlx_lm_is_trainable(const mlx_lm_model *m, int i) {
  const lm_parameter *p = parameter_at(m, i);
  return p && p->trainable;
}

typedef struct {
  mlx_lm_model *model;
  mx_fn f;
} with_parameters;

static bool call_with(void *payload, const mx *in, int count, mx_arrays *out) {
  const with_parameters *w = payload;
  int own = mlx_lm_parameter_count(w->model);
  if (count < own) {
    mx_fail("[parameters] The model has %d parameters; %d arrays were given.", own, count);
    return false;
  }
  mx *parameters = mx_xmalloc(((size_t)own + 1) * sizeof *parameters);
  memcpy(parameters, in, (size_t)own * sizeof *parameters);
  bool good = mlx_lm_swap_parameters(w->model, parameters) == 0;
  if (good) {
    good = mx_fn_apply(w->f, in + own, count - own, out);
    for (int i = 0; i < own; i++) put(&w->model->parameters.data[i], parameters[i]);
  }
  free(parameters);
  return good;
}

static void release_with(void *payload) {
  mx_fn_release(((with_parameters *)payload)->f);
  free(payload);
}

mx_fn mlx_lm_function_of_parameters(mlx_lm_model *m, mx_fn f) {
  if (!f) return NULL;
  with_parameters *w = mx_xmalloc(sizeof *w);
  *w = (with_parameters){m, mx_fn_retain(f)};
  return mx_fn_new(call_with, w, release_with);
}

mx_fn mlx_lm_value_and_grad(mlx_lm_model *m, mx_fn f) {
  int count = 0, *argnums = mx_xmalloc((m->parameters.size + 1) * sizeof *argnums);
  for (int i = 0; i < mlx_lm_parameter_count(m); i++)
    if (mlx_lm_is_trainable(m, i)) argnums[count++] = i;
  mx_fn all = mlx_lm_function_of_parameters(m, f);
  mx_fn gradient = mx_value_and_grad(all, (mx_ints){argnums, count});
  mx_fn_release(all);
  free(argnums);
  return gradient;
}

/* ---- Saving ---- */

int mlx_lm_save_parameters(const char *path, const mlx_lm_model *m) {
  mx_array_map *arrays = mx_array_map_new();
  mx_string_map *metadata = mx_string_map_new();
  mx_string_map_put(metadata, "format", "mlx");
  for (size_t i = 0; i < m->parameters.size; i++)
    mx_array_map_put(arrays, m->parameters.data[i].name, *m->parameters.data[i].place);
  int status = mx_save_safetensors(path, arrays, metadata);
  mx_string_map_free(metadata);
  mx_array_map_free(arrays);
  return status;
}
