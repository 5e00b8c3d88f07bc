/* Strings as handles, for results that are text. */
#ifndef MLX_C_STRING_H
#define MLX_C_STRING_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlx_string_ {
  void *ctx;
} mlx_string;

/* An empty handle, to be filled. */
mlx_string mlx_string_new(void);
/* A copy of NUL-terminated text. */
mlx_string mlx_string_new_data(const char *str);
/* *str becomes a copy of src. */
int mlx_string_set(mlx_string *str, const mlx_string src);
/* The text, which stands while the handle's content does. */
const char *mlx_string_data(mlx_string str);
int mlx_string_free(mlx_string str);

#ifdef __cplusplus
}
#endif
#endif
