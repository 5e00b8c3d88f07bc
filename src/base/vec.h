/* Growable arrays of any type, as macros over {data, size, capacity}. A zeroed vector is empty. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/alloc.h"

#include <stdlib.h>

#define MX_VEC(type)       \
  struct {                 \
    type *data;            \
    size_t size, capacity; \
  }

#define mx_vec_reserve(v, n)                                                 \
  do {                                                                       \
    size_t need_ = (n);                                                      \
    if (need_ > (v)->capacity) {                                             \
      size_t grown_ = (v)->capacity ? (v)->capacity * 2 : 8;                 \
      (v)->capacity = grown_ > need_ ? grown_ : need_;                       \
      (v)->data = mx_xrealloc((v)->data, (v)->capacity * sizeof *(v)->data); \
    }                                                                        \
  } while (0)

#define mx_vec_push(v, ...)                 \
  do {                                      \
    mx_vec_reserve(v, (v)->size + 1);       \
    (v)->data[(v)->size++] = (__VA_ARGS__); \
  } while (0)

#define mx_vec_pop(v) ((v)->data[--(v)->size])
#define mx_vec_last(v) ((v)->data[(v)->size - 1])

#define mx_vec_free(v)             \
  do {                             \
    free((v)->data);               \
    (v)->data = NULL;              \
    (v)->size = (v)->capacity = 0; \
  } while (0)

#endif
