/* Whole files, read at once and written atomically. */
#include "base/file.h"
#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool mx_file_read(const char *path, mx_str *out) {
  mx_str_clear(out);
  FILE *file = fopen(path, "rb");
  if (!file) {
    mx_fail("%s: %s", path, strerror(errno));
    return false;
  }
  char block[65536];
  size_t count;
  while ((count = fread(block, 1, sizeof block, file)) > 0) mx_str_append(out, block, count);
  bool whole = !ferror(file);
  if (!whole) mx_fail("%s: %s", path, strerror(errno));
  fclose(file);
  return whole;
}

bool mx_file_begin(mx_file_writer *w, const char *path) {
  mx_str temporary = {0};
  mx_str_printf(&temporary, "%s.XXXXXX", path);
  *w = (mx_file_writer){NULL, mx_xstrdup(path), mx_str_take(&temporary)};
  int fd = mkstemp(w->temporary);
  if (fd >= 0) {
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    w->file = fdopen(fd, "wb");
  }
  if (w->file) return true;
  mx_fail("%s: %s", path, strerror(errno));
  mx_file_abort(w);
  return false;
}

bool mx_file_write(mx_file_writer *w, const void *bytes, size_t count) {
  return fwrite(bytes, 1, count, w->file) == count;
}

void mx_file_abort(mx_file_writer *w) {
  if (w->file) {
    fclose(w->file);
    unlink(w->temporary);
  }
  free(w->path);
  free(w->temporary);
  *w = (mx_file_writer){0};
}

/* The rename itself is on disk once its folder is. */
static void sync_folder(const char *path) {
  char *copy = mx_xstrdup(path);
  int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  free(copy);
}

bool mx_file_commit(mx_file_writer *w) {
  bool written = !ferror(w->file) && fflush(w->file) == 0 && fsync(fileno(w->file)) == 0;
  if (!written || rename(w->temporary, w->path)) {
    mx_fail("%s: %s", w->path, strerror(errno));
    mx_file_abort(w);
    return false;
  }
  fclose(w->file);
  w->file = NULL;
  sync_folder(w->path);
  mx_file_abort(w);
  return true;
}

bool mx_file_save(const char *path, const void *bytes, size_t count) {
  mx_file_writer w;
  if (!mx_file_begin(&w, path)) return false;
  mx_file_write(&w, bytes, count);
  return mx_file_commit(&w);
}
