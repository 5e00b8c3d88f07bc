/* Compilation of functions: traced once per signature, simplified, and with chains of elementwise
 * operations fused into one pass over memory.
 *
 *     mx_fn fast = mx_compile(f);                    // same results as f
 *     mx_fn step = mx_compile(train, .inputs = &state, .outputs = &state);
 *
 * The first call with a signature (the inputs' shapes and dtypes and the thread's stream) runs f on
 * placeholders, which have no data; later ones only repeat what f recorded. So f must be pure: what
 * it prints, counts or reads from elsewhere happens once. Arrays that it uses without taking them
 * as inputs are constants. Called under another transform, a compiled function is f itself.
 * Compiled functions may be called from several threads. */
#ifndef MLX_MX_COMPILE_H
#define MLX_MX_COMPILE_H

#include "mlx/mx/transforms.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mx_compile_args {
  /* One recording serves all shapes of inputs with the same dtypes and numbers of axes. Output
   * shapes follow from the inputs', so every operation in f must have a rule for that. What f
   * itself computes from shapes stays as traced; so do axes of length 1, over which reductions do
   * nothing.
   */
  bool shapeless;
  /* State: arrays that f reads, and arrays that f replaces, other than by its arguments and
   * results. Either may be NULL, and both may be the same list. A list owns a reference to each of
   * its entries; whoever replaces one does it with mx_assign. f sees placeholders in the entries of
   * `inputs` while it is traced, and leaves new arrays in `outputs`; each call takes what `inputs`
   * holds at that moment, and then has put its results into `outputs` (which grows where f has made
   * it grow). The lists outlive the function; calls that share state must not overlap. */
  mx_arrays *inputs, *outputs;
} mx_compile_args;

/* A function with f's results. NULL after mx_fail. */
MX_API mx_fn mx_compile_with(mx_fn f, mx_compile_args args);
#define mx_compile(f, ...) mx_compile_with(f, (mx_compile_args){.shapeless = false, __VA_ARGS__})

/* Makes *place, a counted reference, one to `a`; gives up what was there. False where a is NULL
 * (then nothing changes). */
MX_API bool mx_assign(mx *place, mx a);

/* As mx_compile, with recordings kept process-wide under `id` and these constants: a function made
 * again under the same id finds those of the one before, unless the constants differ. For language
 * bindings, whose functions have identities of their own and scalar arguments. */
MX_API mx_fn mx_compile_id(mx_fn f, uintptr_t id, bool shapeless, const uint64_t *constants,
                           size_t count);
/* Forgets recordings: those of one id, or of all ids. */
MX_API void mx_compile_erase(uintptr_t id);
MX_API void mx_compile_clear_cache(void);

/* How much is done from here on, process-wide. At the start: everything, or nothing where the
 * environment has MLX_DISABLE_COMPILE. */
typedef enum mx_compile_mode {
  MX_COMPILE_DISABLED,    /* compiled functions just call theirs */
  MX_COMPILE_NO_SIMPLIFY, /* no common subexpressions are merged */
  MX_COMPILE_NO_FUSE,     /* no operations are fused */
  MX_COMPILE_ENABLED
} mx_compile_mode;
MX_API void mx_set_compile_mode(mx_compile_mode mode);
MX_API void mx_disable_compile(void);
MX_API void mx_enable_compile(void);

#ifdef __cplusplus
}
#endif
#endif
