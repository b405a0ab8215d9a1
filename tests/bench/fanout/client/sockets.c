/* A client's way to the server: connecting, the upgrade, reading, writing, leaving and coming back. */
#define _GNU_SOURCE
#include "crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACK_OFF_US 500000ULL /* as the browser module: full jitter, doubled with each try up to 20 s */
#define BACK_OFF_MAX_US 20000000ULL
#define CARRY_MAX 1048576

static char buffer[READ_BYTES + CARRY_MAX];

static uint64_t jitter(uint64_t within_us) { return within_us ? (uint64_t)random() % within_us : 0; }

static void end_socket(struct client *c)
{
    if (c->state == CONNECTING || c->state == UPGRADING || c->state == JOINING)
        shaking_count--;
    if (c->state == OPEN) {
        open_count--;
        stalled_open -= c->stalled;
    }
    if (c->fd >= 0)
        close(c->fd);
    free(c->carry);
    c->fd = -1;
    c->carry = NULL;
    c->carried = 0;
    c->stalled = false;
    c->state = ABSENT;
}

/* Be gone: with a close frame, or as a cable that was pulled. It stays away until it is told to come back. */
void leave(struct client *c, bool politely)
{
    if (c->fd >= 0 && politely)
        say_opcode(c, 8, "\x03\xe8", 2);
    else if (c->fd >= 0)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    end_socket(c);
}

void come_back(struct client *c, uint64_t within_us) { c->due_us = steady_us() + within_us; }

static void try_again(struct client *c)
{
    end_socket(c);
    if (settings.mode != OURS)
        return;
    if (!c->told_to_come_back) {
        uint64_t ceiling = BACK_OFF_US << (c->tries < 6 ? c->tries : 6);
        come_back(c, jitter(ceiling < BACK_OFF_MAX_US ? ceiling : BACK_OFF_MAX_US));
        c->tries++;
    }
    c->told_to_come_back = false;
    c->state = WAITING;
}

/* The server ended it; code 0: without a close frame. */
void lose(struct client *c, int code)
{
    if (code > 0 && code < MAX_CLOSE_CODES)
        counts.closed[code]++;
    else
        counts.cut++;
    try_again(c);
}

void became_open(struct client *c)
{
    shaking_count--;
    c->state = OPEN;
    c->tries = 0;
    if (counts.opened < MAX_CONNECTS)
        connected_at_ms[counts.opened] = (uint32_t)((steady_us() - began_us) / 1000);
    counts.opened++;
    if (++open_count == client_count)
        counts.all_open_us = wall_us();
}

void say_opcode(struct client *c, int opcode, const void *payload, size_t length)
{
    uint8_t frame[2048];
    size_t header = length < 126 ? 6 : 8;
    if (length + header > sizeof frame || c->fd < 0)
        return;
    frame[0] = (uint8_t)(0x80 | opcode);
    frame[1] = (uint8_t)(0x80 | (length < 126 ? length : 126));
    if (length >= 126) {
        frame[2] = (uint8_t)(length >> 8);
        frame[3] = (uint8_t)length;
    }
    memset(frame + header - 4, 0, 4); /* a mask of zeros is a mask */
    memcpy(frame + header, payload, length);
    if (send(c->fd, frame, header + length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EAGAIN)
        counts.errors++;
}

void say(struct client *c, const char *text) { say_opcode(c, 1, text, strlen(text)); }

static void watch(struct client *c, uint32_t events, int how)
{
    struct epoll_event wanted = {events, {.ptr = c}};
    epoll_ctl(epoll, how, c->fd, &wanted);
}

void listen_to(struct client *c, bool listens)
{
    if (c->state == OPEN && c->stalled == listens) {
        c->stalled = !listens;
        stalled_open += listens ? -1 : 1;
        int size = listens ? USUAL_RECEIVE_BYTES : STALLED_RECEIVE_BYTES;
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        watch(c, listens ? EPOLLIN : 0, EPOLL_CTL_MOD);
    }
}

static void start(struct client *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)settings.port)}, from = to;
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    from.sin_port = 0;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(c->number % SOURCES));
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        counts.failed++;
        try_again(c);
        return;
    }
    int one = 1;
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->answers = 0;
    c->state = CONNECTING;
    shaking_count++;
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) ||
        (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)) {
        counts.failed++;
        try_again(c);
        return;
    }
    watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

void connect_due(void)
{
    uint64_t now = steady_us();
    static int from; /* in turn, so that nobody waits for ever behind the first ones */
    for (int i = 0; i < client_count && shaking_count < settings.in_flight; i++) {
        struct client *c = &clients[(from + i) % client_count];
        if (c->state == WAITING && c->due_us <= now) {
            start(c);
            if (shaking_count >= settings.in_flight)
                from = (from + i + 1) % client_count;
        }
    }
}

static void ask_for_upgrade(struct client *c)
{
    char head[512];
    int length = snprintf(head, sizeof head,
                          "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                          settings.path, settings.host,
                          settings.mode == OURS ? "Sec-WebSocket-Protocol: mercadito.v1\r\n" : "");
    c->state = UPGRADING;
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
    if (send(c->fd, head, (size_t)length, MSG_NOSIGNAL) != length) {
        counts.failed++;
        try_again(c);
    }
}

/* Take the answer to the upgrade; return its length, 0 when it is not whole, -1 when the client is gone. */
static long take_upgrade(struct client *c, char *data, size_t length)
{
    char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    int status = length > 12 ? atoi(data + 9) : 0;
    if (status != 101) {
        counts.refused[status > 0 && status < MAX_STATUS ? status : 0]++;
        try_again(c);
        return -1;
    }
    c->state = JOINING;
    if (settings.mode == PLAIN)
        became_open(c);
    if (settings.mode == OURS) {
        char text[1600];
        snprintf(text, sizeof text, "{\"auth\":\"%s\"}", settings.tickets[c->number % settings.ticket_count]);
        say(c, text);
    }
    return end + 4 - data;
}

static void take(struct client *c, char *data, size_t length)
{
    size_t taken = 0;
    if (c->state == UPGRADING) {
        long head = take_upgrade(c, data, length);
        if (head < 0)
            return;
        taken = (size_t)head;
    }
    if (c->state >= JOINING)
        taken += read_frames(c, data + taken, length - taken, wall_us());
    if (c->fd < 0)
        return;
    char *rest = NULL;
    if (taken < length && length - taken < CARRY_MAX) {
        rest = malloc(length - taken);
        memcpy(rest, data + taken, length - taken);
    }
    free(c->carry);
    c->carry = rest;
    c->carried = rest ? (uint32_t)(length - taken) : 0;
}

void on_event(struct client *c, uint32_t events)
{
    if (c->fd < 0)
        return;
    if (c->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            counts.failed++;
            try_again(c);
        } else
            ask_for_upgrade(c);
        return;
    }
    if (c->stalled && !(events & (EPOLLHUP | EPOLLERR)))
        return;
    if (c->carried)
        memcpy(buffer, c->carry, c->carried);
    ssize_t got = recv(c->fd, buffer + c->carried, READ_BYTES, 0);
    if (got > 0)
        take(c, buffer, c->carried + (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        lose(c, 0);
}
