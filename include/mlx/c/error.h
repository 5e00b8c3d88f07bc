/* What happens when a call fails: it returns 1 (or an empty handle, or 0), and before that hands
 * one line that says why to the error handler. Without a handler of the program's own the line is
 * printed and the program ends. */
#ifndef MLX_C_ERROR_H
#define MLX_C_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*mlx_error_handler_func)(const char *msg, void *data);

/* For all threads. NULL restores the default. `data` is passed to every call of the handler;
 * dtor(data) is called once the handler is replaced (dtor may be NULL). */
void mlx_set_error_handler(mlx_error_handler_func handler, void *data, void (*dtor)(void *));

/* Hands a message (printf's format) with its place in the source to the handler. */
void _mlx_error(const char *file, const int line, const char *fmt, ...);
#define mlx_error(...) _mlx_error(__FILE__, __LINE__, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
