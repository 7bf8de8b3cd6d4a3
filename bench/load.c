/* Posts one event again and again over kept-open connections, each time under an id of its own, for some seconds.
 *
 *     load PORT CONNECTIONS SECONDS BODY_FILE ID_IN_BODY PREFIX AUTHORIZATION
 *
 * A connection sends again as soon as it is answered (a closed loop). The last line is
 *
 *     FIGURES fine unavailable failed seconds p50 p99
 *
 * answers of 200, of 503, all others and broken connections; times in milliseconds, from the first byte sent to the
 * last received. One thread, no library: it leaves the processors to those who are measured.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DIGITS = 9, LONGEST_ANSWER = 16384, MOST = 4096 };

struct line {
    int socket;
    double since;
    char *request;
    size_t sent, received;
    int stuffed; /* whether the socket took only a part of the request */
    char answer[LONGEST_ANSWER + 1];
};

static struct sockaddr_in address = {.sin_family = AF_INET};
static char *template;
static size_t length, digits_at; /* of the template, and where in it the number of the event stands */
static unsigned long count, fine, unavailable, failed;
static double *times;
static size_t measured, room;
static int epoll;

static void give_up(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
    exit(1);
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void *memory(void *old, size_t size) {
    void *new = realloc(old, size);
    if (!new) give_up("memory");
    return new;
}

static char *contents_of(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) give_up(path);
    long size = ftell(file);
    char *text = memory(NULL, size + 1);
    rewind(file);
    if (fread(text, 1, size, file) != (size_t)size) give_up(path);
    text[size] = 0;
    fclose(file);
    return text;
}

/* The request with room for the digits of a number: only these differ from one event to the next. */
static void make_template(const char *body, const char *id, const char *prefix, const char *authorization) {
    const char *found = strstr(body, id);
    if (!found) give_up("the id is not in the body");
    const char *tail = found + strlen(id);
    size_t body_length = (found - body) + strlen(prefix) + DIGITS + strlen(tail);
    template = memory(NULL, body_length + strlen(authorization) + 512);
    length = sprintf(template,
                     "POST /webhooks/chargebee HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                     "Authorization: %s\r\nContent-Length: %zu\r\n\r\n%.*s%s",
                     authorization, body_length, (int)(found - body), body, prefix);
    digits_at = length;
    length += sprintf(template + length, "%0*d%s", DIGITS, 0, tail);
}

static void watch(struct line *line, int change, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = line};
    if (epoll_ctl(epoll, change, line->socket, &event)) give_up("epoll_ctl");
}

static void go_on_sending(struct line *line) {
    while (line->sent < length) {
        int how = MSG_NOSIGNAL | MSG_DONTWAIT;
        ssize_t part = send(line->socket, line->request + line->sent, length - line->sent, how);
        if (part < 0) break; /* full, or broken: then reading says so */
        line->sent += part;
    }
    int stuffed = line->sent < length;
    if (stuffed != line->stuffed) watch(line, EPOLL_CTL_MOD, stuffed ? EPOLLIN | EPOLLOUT : EPOLLIN);
    line->stuffed = stuffed;
}

static void send_next(struct line *line) {
    char digits[DIGITS + 1];
    snprintf(digits, sizeof digits, "%0*lu", DIGITS, ++count);
    memcpy(line->request + digits_at, digits, DIGITS);
    line->sent = line->received = 0;
    line->since = now();
    go_on_sending(line);
}

static void connect_line(struct line *line) {
    int yes = 1;
    line->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (line->socket < 0 || connect(line->socket, (struct sockaddr *)&address, sizeof address)) give_up("connect");
    setsockopt(line->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    watch(line, EPOLL_CTL_ADD, EPOLLIN);
    line->stuffed = 0;
}

/* Whether the answer is whole: its head, and as many bytes as that says. */
static int is_whole(struct line *line) {
    line->answer[line->received] = 0;
    char *body = strstr(line->answer, "\r\n\r\n");
    if (!body) return 0;
    char *stated = strcasestr(line->answer, "\r\ncontent-length:");
    size_t wanted = stated && stated < body ? strtoul(stated + 17, NULL, 10) : 0;
    return line->received >= (size_t)(body + 4 - line->answer) + wanted;
}

static void note(struct line *line) {
    int status = 0;
    sscanf(line->answer, "HTTP/1.1 %d", &status);
    *(status == 200 ? &fine : status == 503 ? &unavailable : &failed) += 1;
    if (measured == room) times = memory(times, (room = room ? 2 * room : 65536) * sizeof *times);
    times[measured++] = 1000 * (now() - line->since);
}

static void go_on_receiving(struct line *line) {
    ssize_t part = recv(line->socket, line->answer + line->received, LONGEST_ANSWER - line->received, MSG_DONTWAIT);
    if (part < 0 && errno == EAGAIN) return;
    if (part <= 0) { /* broken, or more than we take */
        failed++;
        close(line->socket);
        connect_line(line);
        send_next(line);
        return;
    }
    line->received += part;
    if (is_whole(line)) {
        note(line);
        send_next(line);
    }
}

static int ascending(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

int main(int arguments, char **argument) {
    if (arguments != 8) give_up("PORT CONNECTIONS SECONDS BODY_FILE ID_IN_BODY PREFIX AUTHORIZATION");
    int connections = atoi(argument[2]);
    double seconds = atof(argument[3]);
    if (connections < 1 || connections > MOST) give_up("1 to 4096 connections");
    address.sin_port = htons(atoi(argument[1]));
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    make_template(contents_of(argument[4]), argument[5], argument[6], argument[7]);
    epoll = epoll_create1(0);
    double start = now();
    for (int each = 0; each < connections; each++) {
        struct line *line = memory(NULL, sizeof *line);
        line->request = memcpy(memory(NULL, length), template, length);
        connect_line(line);
        send_next(line);
    }
    while (now() < start + seconds) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, 100);
        for (int each = 0; each < ready; each++) {
            struct line *line = events[each].data.ptr;
            if (events[each].events & EPOLLOUT) go_on_sending(line);
            if (events[each].events & ~EPOLLOUT) go_on_receiving(line);
        }
    }
    double lasted = now() - start;
    qsort(times, measured, sizeof *times, ascending);
    double p50 = measured ? times[measured / 2] : 0, p99 = measured ? times[(size_t)(0.99 * (measured - 1))] : 0;
    printf("FIGURES %lu %lu %lu %f %f %f\n", fine, unavailable, failed, lasted, p50, p99);
    return 0;
}
