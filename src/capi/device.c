/* Device handles (ctx is a copy of the native struct), what is known of a device, and which GPU
 * frameworks there are. */
#include "base/alloc.h"
#include "base/str.h"
#include "capi/capi.h"
#include "mlx/c/cuda.h"
#include "mlx/c/device.h"
#include "mlx/c/metal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* *handle becomes a copy of the value. */
#define SET(handle, type, ...)                                    \
  do {                                                            \
    if (!(handle)->ctx) (handle)->ctx = mx_xmalloc(sizeof(type)); \
    *(type *)(handle)->ctx = (__VA_ARGS__);                       \
  } while (0)

#define NEED(handle, kind) \
  if (!(handle).ctx) return capi_fail(kind)

static const char *device_name(mx_device_type type) { return type == MX_GPU ? "gpu" : "cpu"; }

mlx_device mlx_device_new(void) { return (mlx_device){NULL}; }

mlx_device mlx_device_new_type(mlx_device_type type, int index) {
  mlx_device made = {NULL};
  SET(&made, mx_device, (mx_device){(mx_device_type)type, index});
  return made;
}

int mlx_device_free(mlx_device dev) {
  free(dev.ctx);
  return 0;
}

int mlx_device_set(mlx_device *dev, const mlx_device src) {
  NEED(src, "mlx_device");
  SET(dev, mx_device, *(const mx_device *)src.ctx);
  return 0;
}

int mlx_device_tostring(mlx_string *str, mlx_device dev) {
  NEED(dev, "mlx_device");
  const mx_device *d = dev.ctx;
  char text[64];
  snprintf(text, sizeof text, "Device(%s, %d)", device_name(d->type), d->index);
  capi_set_string(str, text);
  return 0;
}

static bool same_device(const mx_device *a, const mx_device *b) {
  return a->type == b->type && a->index == b->index;
}

bool mlx_device_equal(mlx_device lhs, mlx_device rhs) {
  return lhs.ctx && rhs.ctx ? same_device(lhs.ctx, rhs.ctx) : lhs.ctx == rhs.ctx;
}

int mlx_device_get_index(int *index, mlx_device dev) {
  NEED(dev, "mlx_device");
  *index = ((const mx_device *)dev.ctx)->index;
  return 0;
}

int mlx_device_get_type(mlx_device_type *type, mlx_device dev) {
  NEED(dev, "mlx_device");
  *type = (mlx_device_type)((const mx_device *)dev.ctx)->type;
  return 0;
}

int mlx_get_default_device(mlx_device *dev) {
  SET(dev, mx_device, mx_default_device());
  return 0;
}

int mlx_set_default_device(mlx_device dev) {
  NEED(dev, "mlx_device");
  return mx_set_default_device(*(const mx_device *)dev.ctx) ? capi_fail("mlx_device") : 0;
}

int mlx_device_is_available(bool *avail, mlx_device dev) {
  NEED(dev, "mlx_device");
  *avail = mx_is_device_available(*(const mx_device *)dev.ctx);
  return 0;
}

int mlx_device_count(int *count, mlx_device_type type) {
  *count = mx_device_count((mx_device_type)type);
  return 0;
}

/* ---- What is known of a device ---- */

typedef struct {
  const char *key;
  char *text; /* NULL: the fact is a size */
  size_t size;
} fact;

typedef MX_VEC(fact) facts;

static char *architecture(void) {
  struct utsname system;
  return mx_xstrdup(uname(&system) ? "unknown" : system.machine);
}

/* The processor's name as Linux tells it, else the architecture. */
static char *processor(void) {
  FILE *file = fopen("/proc/cpuinfo", "r");
  char line[512], *name = NULL;
  while (file && !name && fgets(line, sizeof line, file)) {
    char *value = strncmp(line, "model name", 10) ? NULL : strstr(line, ": ");
    if (value) name = mx_xstrndup(value + 2, strcspn(value + 2, "\n"));
  }
  if (file) fclose(file);
  return name ? name : architecture();
}

static void free_facts(facts *all) {
  for (size_t i = 0; all && i < all->size; i++) free(all->data[i].text);
  if (all) mx_vec_free(all);
  free(all);
}

mlx_device_info mlx_device_info_new(void) { return (mlx_device_info){NULL}; }

int mlx_device_info_free(mlx_device_info info) {
  free_facts(info.ctx);
  return 0;
}

int mlx_device_info_get(mlx_device_info *info, mlx_device dev) {
  NEED(dev, "mlx_device");
  facts *all = mx_xcalloc(1, sizeof *all);
  if (mx_is_device_available(*(const mx_device *)dev.ctx)) {
    mx_vec_push(all, (fact){"device_name", processor(), 0});
    mx_vec_push(all, (fact){"architecture", architecture(), 0});
  }
  free_facts(info->ctx);
  info->ctx = all;
  return 0;
}

static const fact *find(mlx_device_info info, const char *key) {
  const facts *all = info.ctx;
  for (size_t i = 0; i < all->size; i++)
    if (!strcmp(all->data[i].key, key)) return &all->data[i];
  return NULL;
}

/* What an absent key returns: no error. */
enum { ABSENT = 2 };

int mlx_device_info_has_key(bool *exists, mlx_device_info info, const char *key) {
  NEED(info, "mlx_device_info");
  *exists = find(info, key) != NULL;
  return 0;
}

int mlx_device_info_is_string(bool *is_string, mlx_device_info info, const char *key) {
  NEED(info, "mlx_device_info");
  const fact *f = find(info, key);
  if (!f) return ABSENT;
  *is_string = f->text != NULL;
  return 0;
}

int mlx_device_info_get_string(const char **value, mlx_device_info info, const char *key) {
  NEED(info, "mlx_device_info");
  const fact *f = find(info, key);
  if (!f || !f->text) return ABSENT;
  *value = f->text;
  return 0;
}

int mlx_device_info_get_size(size_t *value, mlx_device_info info, const char *key) {
  NEED(info, "mlx_device_info");
  const fact *f = find(info, key);
  if (!f || f->text) return ABSENT;
  *value = f->size;
  return 0;
}

int mlx_device_info_get_keys(mlx_vector_string *keys, mlx_device_info info) {
  NEED(info, "mlx_device_info");
  const facts *all = info.ctx;
  mlx_vector_string fresh = mlx_vector_string_new();
  for (size_t i = 0; i < all->size; i++) mlx_vector_string_append_value(fresh, all->data[i].key);
  mlx_vector_string_free(*keys);
  *keys = fresh;
  return 0;
}

/* ---- Other frameworks ---- */

int mlx_metal_is_available(bool *res) {
  *res = false;
  return 0;
}

int mlx_metal_start_capture(const char *path) {
  (void)path;
  return 0;
}

int mlx_metal_stop_capture(void) { return 0; }

int mlx_cuda_is_available(bool *res) {
  *res = false;
  return 0;
}
