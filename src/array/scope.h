/* Scopes: which arrays the thread's open scopes own. The public part is in mlx/mx/array.h. */
#ifndef ARRAY_SCOPE_H
#define ARRAY_SCOPE_H

#include "array/array.h"

/* Drops a reference to a node; the last frees it and what it holds. */
void mx_node_release(mx_node *node);

#endif
