/* Drawings of graphs: in Graphviz' language, and as text. */
#include "base/file.h"
#include "transforms/mlxfn.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  tr_graph graph;
  mx_ptr_map names; /* array (or node + output) -> place in list + 1 */
  MX_VEC(char *) list;
  mx_ptr_map consumed; /* arrays that some node takes */
  mx_str out;
} drawing;

/* An output is known by its node, so that one that is gone can be named, too. */
static const void *key_of(mx a) {
  return a->node ? (const char *)a->node + a->output : (const char *)a;
}

/* A, B, ..., Z, AA, AB, ... */
static char *letters(size_t number) {
  char text[16];
  size_t at = sizeof text - 1;
  text[at] = 0;
  for (; number; number = (number - 1) / 26) text[--at] = (char)('A' + (number - 1) % 26);
  return mx_xstrdup(text + at);
}

static const char *name_of(drawing *d, const void *key) {
  uint32_t *at = mx_ptr_put(&d->names, key);
  if (!*at) {
    mx_vec_push(&d->list, letters(d->names.size));
    *at = (uint32_t)d->list.size;
  }
  return d->list.data[*at - 1];
}

static bool begin(drawing *d, const mx *arrays, const char *const *names, int count) {
  *d = (drawing){0};
  for (int i = 0; i < count; i++) {
    if (!arrays[i]) {
      if (!mx_error()) mx_fail("[export_to_dot] Array %d is the null array.", i);
      return false;
    }
    mx_vec_push(&d->graph.outputs, mx_retain(arrays[i]));
    if (!names || !names[i]) continue;
    mx_vec_push(&d->list, mx_xstrdup(names[i]));
    *mx_ptr_put(&d->names, key_of(arrays[i])) = (uint32_t)d->list.size;
  }
  tr_graph_order(&d->graph);
  for (size_t i = 0; i < d->graph.tape.size; i++) {
    mx_node *node = d->graph.tape.data[i]->node;
    for (int k = 0; node && k < node->input_count; k++)
      mx_ptr_put(&d->consumed, key_of(node->inputs[k]));
  }
  return true;
}

static char *finish(drawing *d) {
  tr_graph_free(&d->graph);
  mx_ptr_free(&d->names);
  mx_ptr_free(&d->consumed);
  for (size_t i = 0; i < d->list.size; i++) free(d->list.data[i]);
  mx_vec_free(&d->list);
  return mx_str_take(&d->out);
}

static void draw(drawing *d, mx a, size_t step) {
  if (!a->node) {
    mx_str_printf(&d->out, "{ rank=source; \"%s\"; }\n", name_of(d, key_of(a)));
    return;
  }
  mx_node *node = a->node;
  mx_str_printf(&d->out, "{ %zu [label =\"%s", step, node->primitive->name);
  if (node->primitive->print) {
    mx_str_puts(&d->out, " ");
    node->primitive->print(node, &d->out);
  }
  mx_str_puts(&d->out, "\", shape=rectangle]; }\n");
  for (int i = 0; i < node->input_count; i++)
    mx_str_printf(&d->out, "\"%s\" -> %zu\n", name_of(d, key_of(node->inputs[i])), step);
  for (int o = 0; o < node->output_count; o++) {
    const void *key = (const char *)node + o;
    const char *name = name_of(d, key);
    bool sink = !mx_ptr_find(&d->consumed, key);
    mx_str_printf(&d->out, "{ %s\"%s\"; }\n%zu -> \"%s\"\n", sink ? "rank=sink; " : "", name, step,
                  name);
  }
}

char *mx_graph_to_dot(const mx *arrays, const char *const *names, int count) {
  drawing d;
  bool good = begin(&d, arrays, names, count);
  mx_str_puts(&d.out, "digraph {\n");
  for (size_t i = 0; i < d.graph.tape.size; i++) draw(&d, d.graph.tape.data[i], i + 1);
  mx_str_puts(&d.out, "}");
  char *text = finish(&d);
  if (good) return text;
  free(text);
  return NULL;
}

int mx_export_to_dot(const char *path, const mx *arrays, const char *const *names, int count) {
  char *text = mx_graph_to_dot(arrays, names, count);
  bool good = text && mx_file_save(path, text, strlen(text));
  free(text);
  return good ? 0 : -1;
}

/* ---- As text ---- */

static void list_one(drawing *d, const void *key, mx_dtype dtype, const int *shape, int ndim,
                     bool first) {
  mx_str_printf(&d->out, "%s%s [%s, %s]", first ? "" : ", ", name_of(d, key),
                mx_shape_text(shape, ndim), mx_dtype_name(dtype));
}

static void list(drawing *d, const mx *arrays, size_t count) {
  for (size_t i = 0; i < count; i++)
    list_one(d, key_of(arrays[i]), arrays[i]->dtype, mx_shape_of(arrays[i]), arrays[i]->ndim, !i);
}

static void list_outputs(drawing *d, mx a) {
  mx_node *node = a->node;
  if (!node->specs) list(d, &a, 1);
  for (int o = 0; node->specs && o < node->output_count; o++)
    list_one(d, (const char *)node + o, node->specs[o].dtype, node->specs[o].shape,
             node->specs[o].ndim, !o);
}

char *mx_graph_to_string(const mx *arrays, const char *const *names, int count) {
  drawing d;
  bool good = begin(&d, arrays, names, count), first = true;
  mx_str_puts(&d.out, "Inputs: ");
  for (size_t i = 0; i < d.graph.tape.size; i++) {
    mx a = d.graph.tape.data[i];
    if (a->node) continue;
    list_one(&d, key_of(a), a->dtype, mx_shape_of(a), a->ndim, first);
    first = false;
  }
  mx_str_puts(&d.out, "\nOutputs: ");
  list(&d, d.graph.outputs.data, d.graph.outputs.size);
  mx_str_puts(&d.out, "\n");
  for (size_t i = 0; i < d.graph.tape.size; i++) {
    mx a = d.graph.tape.data[i];
    if (!a->node) continue;
    mx_str_printf(&d.out, "%s ", a->node->primitive->name);
    list(&d, a->node->inputs, (size_t)a->node->input_count);
    mx_str_puts(&d.out, " -> ");
    list_outputs(&d, a);
    mx_str_puts(&d.out, "\n");
  }
  char *text = finish(&d);
  if (good) return text;
  free(text);
  return NULL;
}
