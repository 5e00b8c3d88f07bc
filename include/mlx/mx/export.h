/* Functions in files: MLX's .mlxfn format, in both directions, and drawings of graphs.
 *
 * A file holds one function for one or several signatures (numbers, shapes and dtypes of inputs);
 * a shapeless one fits any shapes of the same numbers of axes. What it computes is a graph: the
 * function's own code is not needed to run it. Files are readable by MLX 0.30.4, and the other way
 * round, as long as the operations are there. */
#ifndef MLX_MX_EXPORT_H
#define MLX_MX_EXPORT_H

#include "mlx/mx/io.h"
#include "mlx/mx/transforms.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Export ---- */

typedef struct mx_exporter mx_exporter;

/* An exporter of f to `path`. The file appears when the exporter is closed. NULL after mx_fail. */
MX_API mx_exporter *mx_exporter_new(const char *path, mx_fn f, bool shapeless);
/* Adds the function as it is for inputs like args[count] and, where keywords is not NULL, for named
 * ones; f is called with the named ones behind the others, in the order of their names. A signature
 * can be added once. 0, or -1 after mx_fail; then the exporter is as it was. */
MX_API int mx_exporter_add(mx_exporter *e, const mx *args, int count, const mx_array_map *keywords);
/* Writes the file and frees the exporter. 0, or -1 after mx_fail. */
MX_API int mx_exporter_close(mx_exporter *e);
/* Frees it without writing. NULL is fine. */
MX_API void mx_exporter_abandon(mx_exporter *e);
/* One signature: new, add, close. */
MX_API int mx_export_function(const char *path, mx_fn f, const mx *args, int count, bool shapeless);

/* ---- Import ---- */

typedef struct mx_imported mx_imported;

/* NULL after mx_fail. */
MX_API mx_imported *mx_import_function(const char *path);
MX_API void mx_imported_free(mx_imported *f);
/* Appends the results to `outputs`. keywords may be NULL. False after mx_fail: the message lists
 * the signatures that there are where none fits. */
MX_API bool mx_imported_apply(const mx_imported *f, const mx *args, int count,
                              const mx_array_map *keywords, mx_arrays *outputs);

/* ---- Drawings ---- */

/* The graph behind arrays[count] in Graphviz' language, appended to no file: the caller frees the
 * text. names[i], where not NULL, is the name of arrays[i]; others are A, B, ... */
MX_API char *mx_graph_to_dot(const mx *arrays, const char *const *names, int count);
/* The same into a file, whole or not at all. 0, or -1 after mx_fail. */
MX_API int mx_export_to_dot(const char *path, const mx *arrays, const char *const *names,
                            int count);
/* The graph as text, a line a primitive, as MLX's print_graph; the caller frees it. */
MX_API char *mx_graph_to_string(const mx *arrays, const char *const *names, int count);

#ifdef __cplusplus
}
#endif
#endif
