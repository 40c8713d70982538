/* A drive that is sick below a folder, for programs that are started with this library preloaded (Linux).

   SICK_BELOW: the folder. SICK_MODE: a file outside of it, whose first letter says how the drive is at the moment:
   'w'ell, 'f'ails (EIO), is fu'l'l (ENOSPC) or 'h'angs until that changes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char mode(void) {
    const char *path = getenv("SICK_MODE");
    char letter = 'w';
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0) : -1;
    if (fd < 0) return 'w';
    if (syscall(SYS_read, fd, &letter, 1) != 1) letter = 'w';
    syscall(SYS_close, fd);
    return letter;
}

static int sickness(const char *path, int is_writing) {
    const char *below = getenv("SICK_BELOW");
    if (!below || !path || strncmp(path, below, strlen(below))) return 0;
    char now = mode();
    while (now == 'h') {
        usleep(10000);
        now = mode();
    }
    return now == 'f' ? EIO : now == 'l' && is_writing ? ENOSPC : 0;
}

static int sickness_fd(int fd, int is_writing) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return sickness(path, is_writing);
}

#define CALL(name, type, sick, ...) \
    typedef type; \
    static real_t real; \
    if (!real) real = (real_t)dlsym(RTLD_NEXT, name); \
    int error = sick; \
    if (error) { errno = error; return -1; } \
    return real(__VA_ARGS__)

#define OPEN(f) int f(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
    CALL(#f, int (*real_t)(const char *, int, int), sickness(path, flags & O_CREAT), path, flags, mode); }
#define OPENAT(f) int f(int at, const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
    CALL(#f, int (*real_t)(int, const char *, int, int), sickness(path, flags & O_CREAT), at, path, flags, mode); }
#define STAT(f) int f(const char *path, struct stat *found) { \
    CALL(#f, int (*real_t)(const char *, struct stat *), sickness(path, 0), path, found); }
#define PREAD(f) ssize_t f(int fd, void *bytes, size_t n, off_t at) { \
    CALL(#f, ssize_t (*real_t)(int, void *, size_t, off_t), sickness_fd(fd, 0), fd, bytes, n, at); }

OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64) STAT(stat) STAT(lstat) PREAD(pread)

int fstatat(int at, const char *path, struct stat *found, int flags) {
    CALL("fstatat", int (*real_t)(int, const char *, struct stat *, int), sickness(path, 0), at, path, found, flags);
}
ssize_t read(int fd, void *bytes, size_t n) {
    CALL("read", ssize_t (*real_t)(int, void *, size_t), sickness_fd(fd, 0), fd, bytes, n);
}
ssize_t write(int fd, const void *bytes, size_t n) {
    CALL("write", ssize_t (*real_t)(int, const void *, size_t), sickness_fd(fd, 1), fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
    CALL("pwrite", ssize_t (*real_t)(int, const void *, size_t, off_t), sickness_fd(fd, 1), fd, bytes, n, at);
}

/* The same under the names that programs with 64-bit offsets call them by. */
int stat64(const char *path, struct stat64 *found) { return stat(path, (struct stat *)found); }
int lstat64(const char *path, struct stat64 *found) { return lstat(path, (struct stat *)found); }
int fstatat64(int at, const char *path, struct stat64 *found, int flags) {
    return fstatat(at, path, (struct stat *)found, flags);
}
ssize_t pread64(int fd, void *bytes, size_t n, off64_t at) { return pread(fd, bytes, n, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) { return pwrite(fd, bytes, n, at); }
