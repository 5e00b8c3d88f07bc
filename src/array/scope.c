/* Scopes: a stack of owned arrays for each thread. */
#include "array/scope.h"
#include "base/vec.h"

#include <pthread.h>

typedef MX_VEC(mx) array_stack;

static _Thread_local array_stack owned;
static _Thread_local bool registered;
static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release_all(void *unused) {
  (void)unused;
  mx_scope_end(0, NULL);
  mx_vec_free(&owned);
}

static void make_key(void) { pthread_key_create(&at_exit, release_all); }

mx mx_scope_own(mx a) {
  if (!a) return NULL;
  if (!registered) {
    pthread_once(&once, make_key);
    pthread_setspecific(at_exit, &owned);
    registered = true;
  }
  mx_vec_push(&owned, a);
  return a;
}

mx_scope mx_scope_begin(void) { return owned.size; }

/* Kept arrays are retained before the scope's references go, then given to the scope outside. */
void mx_scope_end_many(mx_scope scope, const mx *keep, int count) {
  for (int i = 0; i < count; i++) mx_retain(keep[i]);
  while (owned.size > scope) mx_release(mx_vec_pop(&owned));
  for (int i = 0; i < count; i++) mx_scope_own(keep[i]);
}

mx mx_scope_end(mx_scope scope, mx keep) {
  mx_scope_end_many(scope, &keep, keep ? 1 : 0);
  return keep;
}
