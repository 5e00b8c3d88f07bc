/* Files and the program's own streams: what is saved loads back, failures are told. */
#include "face.h"

#include <stdlib.h>
#include <unistd.h>

/* A stream in memory. */
typedef struct {
  char *data;
  size_t position, size, capacity;
  bool failed, closed;
  int freed;
} memory;

static bool is_open(void *d) { return !((memory *)d)->closed; }
static bool is_good(void *d) { return !((memory *)d)->failed; }
static size_t tell(void *d) { return ((memory *)d)->position; }
static const char *label(void *d) { return (void)d, "<memory>"; }
static void release(void *d) { ((memory *)d)->freed++; }

static void seek(void *d, int64_t off, int whence) {
  memory *m = d;
  m->position = (size_t)off + (whence == SEEK_CUR ? m->position : whence == SEEK_END ? m->size : 0);
}

static void read_at(void *d, char *data, size_t n, size_t off) {
  memory *m = d;
  if (off > m->size || n > m->size - off)
    m->failed = true;
  else
    memcpy(data, m->data + off, n);
}

static void read_on(void *d, char *data, size_t n) {
  memory *m = d;
  read_at(d, data, n, m->position);
  m->position += n;
}

static void write_on(void *d, const char *data, size_t n) {
  memory *m = d;
  if (n > m->capacity - m->position) {
    m->failed = true;
    return;
  }
  memcpy(m->data + m->position, data, n);
  m->size = m->position += n;
}

static const mlx_io_vtable table = {is_open, is_good,  tell,  seek,   read_on,
                                    read_at, write_on, label, release};

static void streams_carry_safetensors(void **state) {
  (void)state;
  memory m = {.data = malloc(4096), .capacity = 4096};
  mlx_map_string_to_array out = mlx_map_string_to_array_new(), in = mlx_map_string_to_array_new();
  mlx_map_string_to_string notes = mlx_map_string_to_string_new(),
                           read = mlx_map_string_to_string_new();
  mlx_array a = FLOATS(1, 2, 3), got = mlx_array_new();
  mlx_map_string_to_array_insert(out, "w", a);
  mlx_map_string_to_string_insert(notes, "format", "mlx");
  mlx_io_writer w = mlx_io_writer_new(&m, table);
  assert_int_equal(mlx_save_safetensors_writer(w, out, notes), 0);
  mlx_io_writer_free(w);
  assert_int_equal(m.freed, 1);

  mlx_io_reader r = mlx_io_reader_new(&m, table);
  void *descriptor;
  assert_int_equal(mlx_io_reader_descriptor(&descriptor, r), 0);
  assert_ptr_equal(descriptor, &m);
  assert_int_equal(mlx_load_safetensors_reader(&in, &read, r, (mlx_stream){NULL}), 0);
  assert_int_equal(mlx_map_string_to_array_get(&got, in, "w"), 0);
  assert_values(got, 1, 2, 3);
  const char *format;
  assert_int_equal(mlx_map_string_to_string_get(&format, read, "format"), 0);
  assert_string_equal(format, "mlx");
  m.size -= 4;
  assert_fails(mlx_load_safetensors_reader(&in, &read, r, (mlx_stream){NULL}), "<memory>");
  m.closed = true;
  assert_fails(mlx_load_safetensors_reader(&in, &read, r, (mlx_stream){NULL}),
               "[load_safetensors] Failed to open <memory>");
  assert_int_equal(mlx_map_string_to_array_get(&got, in, "w"), 0); /* what was loaded before */
  mlx_io_reader_free(r);
  assert_int_equal(m.freed, 2);
  mlx_map_string_to_array_free(out);
  mlx_map_string_to_array_free(in);
  mlx_map_string_to_string_free(notes);
  mlx_map_string_to_string_free(read);
  mlx_array_free(a);
  mlx_array_free(got);
  free(m.data);
}

static void streams_carry_npy(void **state) {
  (void)state;
  memory m = {.data = malloc(256), .capacity = 256};
  mlx_array a = FLOATS(1, 2, 3), got = mlx_array_new();
  mlx_io_writer w = mlx_io_writer_new(&m, table);
  assert_int_equal(mlx_save_writer(w, a), 0);
  assert_int_equal(m.size, 128 + 12);
  mlx_io_reader r = mlx_io_reader_new(&m, table);
  assert_int_equal(mlx_load_reader(&got, r, (mlx_stream){NULL}), 0);
  assert_values(got, 1, 2, 3);
  m.capacity = m.size + 10;
  assert_fails(mlx_save_writer(w, a), "[save] Failed to write <memory>");
  mlx_io_writer_free(w);
  mlx_io_reader_free(r);
  mlx_array_free(a);
  mlx_array_free(got);
  free(m.data);
}

static void files_load_back(void **state) {
  (void)state;
  char directory[] = "/tmp/mlx-test-XXXXXX", path[64];
  assert_non_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/a.npy", directory);
  mlx_array a = FLOATS(4, 5), got = mlx_array_new();
  assert_int_equal(mlx_save(path, a), 0);
  assert_int_equal(mlx_load(&got, path, (mlx_stream){NULL}), 0);
  assert_values(got, 4, 5);
  unlink(path);
  assert_fails(mlx_load(&got, path, (mlx_stream){NULL}), "[load] Failed to open");

  snprintf(path, sizeof path, "%s/a.safetensors", directory);
  mlx_map_string_to_array map = mlx_map_string_to_array_new();
  mlx_map_string_to_string notes = mlx_map_string_to_string_new();
  mlx_map_string_to_array_insert(map, "x", a);
  assert_int_equal(mlx_save_safetensors(path, map, notes), 0);
  assert_int_equal(mlx_load_safetensors(&map, &notes, path, (mlx_stream){NULL}), 0);
  assert_int_equal(mlx_map_string_to_array_get(&got, map, "x"), 0);
  assert_values(got, 4, 5);
  unlink(path);
  rmdir(directory);
  mlx_map_string_to_array_free(map);
  mlx_map_string_to_string_free(notes);
  mlx_array_free(a);
  mlx_array_free(got);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(streams_carry_safetensors),
      cmocka_unit_test(streams_carry_npy),
      cmocka_unit_test(files_load_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
