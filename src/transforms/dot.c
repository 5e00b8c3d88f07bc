/* Drawings of graphs: in Graphviz' language, and as text. */
#include "base/file.h"
#include "base/ptr_map.h"
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

static mx array_of(const drawing *d, int value) { return d->graph.values.data[value].array; }

static bool begin(drawing *d, const mx *arrays, const char *const *names, int count) {
  *d = (drawing){0};
  for (int i = 0; i < count; i++) {
    if (!arrays[i]) {
      if (!mx_error()) mx_fail("[export_to_dot] Array %d is the null array.", i);
      return false;
    }
    if (!names || !names[i]) continue;
    mx_vec_push(&d->list, mx_xstrdup(names[i]));
    *mx_ptr_put(&d->names, key_of(arrays[i])) = (uint32_t)d->list.size;
  }
  tr_graph_record(&d->graph, NULL, NULL, 0, arrays, count);
  for (size_t i = 0; i < d->graph.steps.size; i++) {
    const tr_step *s = &d->graph.steps.data[i];
    for (int k = 0; k < s->node->input_count; k++)
      mx_ptr_put(&d->consumed, key_of(array_of(d, s->in[k])));
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

static void draw_step(drawing *d, const tr_step *s, int number) {
  const mx_node *node = s->node;
  mx_str_printf(&d->out, "{ %d [label =\"%s", number, node->primitive->name);
  if (node->primitive->print) {
    mx_str_puts(&d->out, " ");
    node->primitive->print(node, &d->out);
  }
  mx_str_puts(&d->out, "\", shape=rectangle]; }\n");
  for (int i = 0; i < node->input_count; i++)
    mx_str_printf(&d->out, "\"%s\" -> %d\n", name_of(d, key_of(array_of(d, s->in[i]))), number);
  for (int o = 0; o < node->output_count; o++) {
    const void *key = key_of(array_of(d, s->out[o]));
    const char *name = name_of(d, key);
    bool sink = !mx_ptr_find(&d->consumed, key);
    mx_str_printf(&d->out, "{ %s\"%s\"; }\n%d -> \"%s\"\n", sink ? "rank=sink; " : "", name, number,
                  name);
  }
}

char *mx_graph_to_dot(const mx *arrays, const char *const *names, int count) {
  drawing d;
  bool good = begin(&d, arrays, names, count);
  mx_str_puts(&d.out, "digraph {\n");
  for (int v = 0, number = 0; v < (int)d.graph.values.size; v++) {
    int step = d.graph.values.data[v].step;
    if (!tr_graph_is_first(&d.graph, v)) continue;
    number++;
    if (step >= 0)
      draw_step(&d, &d.graph.steps.data[step], number);
    else
      mx_str_printf(&d.out, "{ rank=source; \"%s\"; }\n", name_of(&d, key_of(array_of(&d, v))));
  }
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

static void list_one(drawing *d, int value, bool first) {
  mx a = array_of(d, value);
  mx_str_printf(&d->out, "%s%s [%s, %s]", first ? "" : ", ", name_of(d, key_of(a)),
                mx_shape_text(mx_shape_of(a), a->ndim), mx_dtype_name(a->dtype));
}

static void list(drawing *d, const int *values, int count) {
  for (int i = 0; i < count; i++) list_one(d, values[i], !i);
}

char *mx_graph_to_string(const mx *arrays, const char *const *names, int count) {
  drawing d;
  bool good = begin(&d, arrays, names, count), first = true;
  const tr_graph *g = &d.graph;
  mx_str_puts(&d.out, "Inputs: ");
  for (int v = 0; v < (int)g->values.size; v++) {
    if (g->values.data[v].step >= 0) continue;
    list_one(&d, v, first);
    first = false;
  }
  mx_str_puts(&d.out, "\nOutputs: ");
  list(&d, g->outputs, g->output_count);
  mx_str_puts(&d.out, "\n");
  for (size_t i = 0; i < g->steps.size; i++) {
    const tr_step *s = &g->steps.data[i];
    mx_str_printf(&d.out, "%s ", s->node->primitive->name);
    list(&d, s->in, s->node->input_count);
    mx_str_puts(&d.out, " -> ");
    list(&d, s->out, s->node->output_count);
    mx_str_puts(&d.out, "\n");
  }
  char *text = finish(&d);
  if (good) return text;
  free(text);
  return NULL;
}
