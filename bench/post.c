/* Posts prepared requests over kept-open connections, in C so that the processors are left to those who are measured.

   post PORT CONNECTIONS REQUESTS ANSWERS [RATE]

   REQUESTS: raw HTTP requests, each after a line with its length in bytes. Each is sent once, in turn. Without RATE a
   connection sends its next one as soon as it is answered. With it, the n-th is due n / RATE seconds after the start and
   goes out on the first free connection, however slow the answers are (open loop: no coordinated omission).

   ANSWERS gets a line a request: when it was due, was sent and was answered (microseconds since 1970), the status, and
   the seconds of Retry-After (-1: no such header).
   Answers must state a Content-Length or come in chunks. Exit code 1: a connection broke, or nothing came for 30 seconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 30000 /* ms */
#define ROOM 65536     /* bytes of one answer */

struct request { const char *bytes; size_t length; int64_t due, sent, answered; int status, again; };
struct line { int socket; long at; size_t written, got; char answer[ROOM + 1]; };

static struct request *requests;
static long count, next_one, answered;
static int64_t start;
static double rate;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void fail(const char *what) {
  fprintf(stderr, "%s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  exit(1);
}

static void read_requests(const char *path) {
  int file = open(path, O_RDONLY);
  struct stat about;
  if (file < 0 || fstat(file, &about)) fail(path);
  const char *p = mmap(0, about.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0), *end = p + about.st_size;
  if (p == MAP_FAILED) fail(path);
  long room = 0;
  while (p < end) {
    char *rest;
    size_t length = strtoul(p, &rest, 10);
    if (*rest != '\n' || rest + 1 + length > end) fail("the file of requests is not what it should be");
    if (count == room) requests = realloc(requests, (room = room ? 2 * room : 1024) * sizeof *requests);
    if (!requests) fail("memory");
    requests[count++] = (struct request){.bytes = rest + 1, .length = length};
    p = rest + 1 + length;
  }
}

static void write_on(struct line *line) {
  struct request *r = &requests[line->at];
  while (line->written < r->length) {
    ssize_t n = write(line->socket, r->bytes + line->written, r->length - line->written);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) fail("a connection broke while sending");
    line->written += n;
  }
}

/* Send the next request, if one is due. */
static void begin(struct line *line) {
  line->at = -1;
  if (next_one == count) return;
  int64_t due = rate > 0 ? start + (int64_t)(next_one * 1e6 / rate) : now();
  if (rate > 0 && due > now()) return;
  line->at = next_one++;
  line->written = line->got = 0;
  requests[line->at].due = due;
  requests[line->at].sent = now();
  write_on(line);
}

/* Take what has come; whether the answer is whole. */
static int complete(struct line *line) {
  for (;;) {
    ssize_t n = read(line->socket, line->answer + line->got, ROOM - line->got);
    if (n < 0 && errno == EAGAIN) break;
    errno = n < 0 ? errno : 0;
    if (n <= 0) fail("a connection was closed before its answer was whole");
    line->got += n;
  }
  line->answer[line->got] = 0;
  char *blank = strstr(line->answer, "\r\n\r\n");
  if (!blank) return 0;
  char *length = strcasestr(line->answer, "\r\ncontent-length:");
  errno = 0;
  if (!length || length > blank) {
    char *chunked = strcasestr(line->answer, "\r\ntransfer-encoding: chunked");
    if (!chunked || chunked > blank) fail("an answer does not state its length");
    return line->got >= 5 && !memcmp(line->answer + line->got - 5, "0\r\n\r\n", 5);
  }
  return line->got >= (size_t)(blank + 4 - line->answer) + strtoul(length + 17, 0, 10);
}

int main(int argc, char **argv) {
  if (argc < 5) fail("post PORT CONNECTIONS REQUESTS ANSWERS [RATE]");
  long connections = atol(argv[2]);
  rate = argc > 5 ? atof(argv[5]) : 0;
  read_requests(argv[3]);
  FILE *out = fopen(argv[4], "w");
  struct line *lines = calloc(connections, sizeof *lines);
  int poll = epoll_create1(0);
  if (!out || !lines || poll < 0) fail(argv[4]);
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (long i = 0; i < connections; i++) {
    int yes = 1, s = lines[i].socket = socket(AF_INET, SOCK_STREAM, 0);
    if (s < 0 || connect(s, (struct sockaddr *)&there, sizeof there)) fail("nothing listens there");
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(s, F_SETFL, O_NONBLOCK);
    struct epoll_event both = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &lines[i]};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, s, &both)) fail("epoll");
    lines[i].at = -1;
  }
  start = now();
  for (long i = 0; i < connections; i++) begin(&lines[i]);
  int64_t heard = start;
  struct epoll_event ready[256];
  while (answered < count) {
    int n = epoll_wait(poll, ready, 256, rate > 0 ? 1 : 100);
    if (n < 0 && errno != EINTR) fail("epoll");
    for (int i = 0; i < n; i++) {
      struct line *line = ready[i].data.ptr;
      if (line->at < 0) continue;
      if (ready[i].events & EPOLLOUT) write_on(line);
      if ((ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && complete(line)) {
        requests[line->at].answered = heard = now();
        requests[line->at].status = atoi(line->answer + 9);
        char *again = strcasestr(line->answer, "\r\nretry-after:");
        requests[line->at].again = again && again < strstr(line->answer, "\r\n\r\n") ? atoi(again + 14) : -1;
        answered++;
        begin(line);
      }
    }
    if (rate > 0)
      for (long i = 0; i < connections && next_one < count; i++)
        if (lines[i].at < 0) begin(&lines[i]);
    errno = 0;
    if (now() - heard > PATIENCE * 1000LL) fail("no answer for 30 seconds");
  }
  for (long i = 0; i < count; i++)
    fprintf(out, "%ld %ld %ld %d %d\n", (long)requests[i].due, (long)requests[i].sent, (long)requests[i].answered,
            requests[i].status, requests[i].again);
  return fclose(out) ? 1 : 0;
}
