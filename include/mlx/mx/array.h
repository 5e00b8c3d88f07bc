/* Arrays, and the scopes that own them.
 *
 * An `mx` is a counted reference to an immutable, lazily evaluated array. What an expression
 * creates belongs to the innermost scope of its thread and goes when the scope is left, unless it
 * is passed out of it:
 *
 *     mx_scope scope = mx_scope_begin();
 *     mx y = mx_add(mx_matmul(x, mx_transpose(w)), b);
 *     return mx_scope_end(scope, y);        // y now belongs to the scope outside
 *
 * A failed operation records a message (mlx/mx/error.h) and returns NULL; every operation on a NULL
 * array returns NULL, so a whole formula is checked once, at its end.
 *
 * What a scope still holds can be neither donated nor freed early: build in a function with a scope
 * of its own, pass the result out, and evaluate outside. */
#ifndef MLX_MX_ARRAY_H
#define MLX_MX_ARRAY_H

#include "mlx/mx/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mx_array *mx;

/* A list of integers by value: a shape, axes, sizes. MX_INTS(2, -1) makes one in place. */
typedef struct mx_ints {
  const int *data;
  int size;
} mx_ints;

#define MX_INTS(...) \
  ((mx_ints){(const int[]){__VA_ARGS__}, (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int))})

/* ---- Scopes ---- */

typedef size_t mx_scope;

/* Opens a scope on this thread. Without one, arrays belong to the thread and go when it ends. */
MX_API mx_scope mx_scope_begin(void);
/* Leaves the scope (and any opened inside it): drops what it owns, except `keep` (may be NULL),
 * which passes to the scope outside, and is returned. */
MX_API mx mx_scope_end(mx_scope scope, mx keep);
/* The same with several arrays kept (NULLs among them are fine). */
MX_API void mx_scope_end_many(mx_scope scope, const mx *keep, int count);

/* A reference of the caller's own, beyond any scope; given up with mx_release. Both accept NULL. */
MX_API mx mx_retain(mx a);
MX_API void mx_release(mx a);
/* Hands a reference of the caller's own to the innermost scope; returns it. */
MX_API mx mx_scope_own(mx a);

/* ---- Making arrays from values ---- */

/* A copy of row-major data; `data` holds the product of shape's elements. */
MX_API mx mx_array_new(const void *data, mx_ints shape, mx_dtype dtype);
/* An array over the caller's row-major memory, not copied: release(payload) is called once when the
 * last reference goes (also where this fails; release may be NULL). */
MX_API mx mx_array_wrap(void *data, mx_ints shape, mx_dtype dtype, void (*release)(void *payload),
                        void *payload);
/* Scalars (shape []). */
MX_API mx mx_bool(bool value);
MX_API mx mx_int(int value);                       /* int32 */
MX_API mx mx_float(float value);                   /* float32 */
MX_API mx mx_complex(float re, float im);          /* complex64 */
MX_API mx mx_scalar(double value, mx_dtype dtype); /* value converted as by a C cast */
/* A scalar of another array's dtype: what a Python number beside `a` becomes, where it fits. */
MX_API mx mx_scalar_like(double value, mx a);

/* ---- Looking at arrays ---- these never evaluate; on NULL they give 0, NULL or MX_BOOL. */

MX_API int mx_ndim(mx a);
MX_API size_t mx_size(mx a);   /* elements */
MX_API size_t mx_nbytes(mx a); /* elements times their size */
MX_API size_t mx_itemsize(mx a);
MX_API mx_dtype mx_dtype_of(mx a);
MX_API const int *mx_shape(mx a); /* [ndim] */
/* One axis' length; negative axes count from the end; 0 after mx_fail where out of range. */
MX_API int mx_dim(mx a, int axis);
/* True once the data is there (or the evaluation has failed). */
MX_API bool mx_is_available(mx a);

/* ---- Reading data ---- these evaluate. */

/* The elements where they lie; mx_strides says how. NULL where evaluation fails. */
MX_API const void *mx_data(mx a);
/* [ndim], in elements; NULL where evaluation fails. */
MX_API const int64_t *mx_strides(mx a);
/* A size-1 array's value, converted; 0 after mx_fail where the size is not 1. */
MX_API double mx_item_double(mx a);
MX_API int64_t mx_item_int64(mx a);
MX_API bool mx_item_bool(mx a);
MX_API mx_complex64 mx_item_complex(mx a);
/* As MLX prints it: `array([1, 2, 3], dtype=int32)`. The caller frees the text; NULL where
 * evaluation fails. */
MX_API char *mx_to_string(mx a);

#ifdef __cplusplus
}
#endif
#endif
