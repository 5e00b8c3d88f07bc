/* Sticky errors: what went wrong on this thread, told once. */
#ifndef MLX_MX_ERROR_H
#define MLX_MX_ERROR_H

#if defined(__GNUC__)
#define MX_API __attribute__((visibility("default")))
#define MX_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define MX_API
#define MX_PRINTF(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The message of the first failure on this thread since the last mx_error_clear, or NULL. The text
 * is the library's and stands until the thread clears it. */
MX_API const char *mx_error(void);

/* Forgets the thread's message. Whoever handles an error calls this. */
MX_API void mx_error_clear(void);

/* Records a failure for this thread; while one stands, later ones are dropped, since they are
 * usually its consequences. The format is printf's. Returns NULL, so that a function that yields a
 * pointer can `return mx_fail(...)`. */
MX_API void *mx_fail(const char *format, ...) MX_PRINTF(1, 2);

#ifdef __cplusplus
}
#endif
#endif
