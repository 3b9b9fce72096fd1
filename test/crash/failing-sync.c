/* Loaded before libc: the next fsync or fdatasync of a file whose path contains what the file $FAIL_SYNC holds fails with
   EIO, once, as Linux reports a failed write-back. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int fd) {
  const char *trigger = getenv("FAIL_SYNC");
  char wanted[512], link[64], path[4096];
  if (!trigger) return 0;
  int file = open(trigger, O_RDONLY);
  if (file < 0) return 0;
  ssize_t length = read(file, wanted, sizeof wanted - 1);
  close(file);
  if (length <= 0) return 0;
  wanted[length] = 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  if (!strstr(path, wanted)) return 0;
  unlink(trigger);
  return 1;
}

typedef int (*sync_call)(int);

static int forward(const char *name, int fd) {
  if (fails(fd)) {
    errno = EIO;
    return -1;
  }
  return ((sync_call)dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return forward("fsync", fd); }
int fdatasync(int fd) { return forward("fdatasync", fd); }
