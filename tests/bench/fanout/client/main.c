/* Holds thousands of WebSockets and does what it is told on standard input, a line each; answers with JSON lines.
 *
 * usage: crowd MODE PORT HOST PATH TICKETS IN_FLIGHT CHANNEL...   MODE: ours, plain, engine.io; TICKETS: a file or -
 *
 * connect N RATE      N more clients, RATE a second
 * drop N | close N    N lose their cable | leave politely; they stay away
 * reconnect WITHIN_MS those away come back, each at some moment of that time, from their own positions
 * churn N WITHIN_MS   N at random leave, every second one politely, and come back within that time
 * stall N | resume    the first N open ones stop reading | all read again
 * forget N            the last N leave for good
 * number N            from here on news are expected to be numbered from N + 1
 * rest US             look at sockets so seldom: several messages of each are then read at once
 * reset | report | quit
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_CLIENTS 100000
#define EVENTS 1024
#define PACE_MS 5 /* how often it is looked who is due to connect */
#define LINE 1024
#define REST_US 500 /* between looks: who reads at once has the sender pay for waking it up, message by message */
#define REST_MAX_US 100000

struct settings settings;
struct counts counts;
struct client *clients;
int client_count, open_count, shaking_count, stalled_open, epoll;
uint32_t connected_at_ms[MAX_CONNECTS];
uint64_t began_us;
static int rest_us = REST_US;
static int waiting_hint; /* whether anybody may be waiting to connect */

static uint64_t peak_per_second(void)
{
    uint64_t kept = counts.opened < MAX_CONNECTS ? counts.opened : MAX_CONNECTS, peak = 0, first = 0;
    for (uint64_t last = 0; last < kept; last++) {
        while (connected_at_ms[last] - connected_at_ms[first] >= 1000)
            first++;
        if (last - first + 1 > peak)
            peak = last - first + 1;
    }
    return peak;
}

static void print_counted(const char *name, const uint64_t *values, int size)
{
    const char *comma = "";
    printf("\"%s\":{", name);
    for (int i = 0; i < size; i++)
        if (values[i]) {
            printf("%s\"%d\":%llu", comma, i, (unsigned long long)values[i]);
            comma = ",";
        }
    printf("},");
}

static void print_number(const char *name, uint64_t value) { printf("\"%s\":%llu,", name, (unsigned long long)value); }

static void print_own_cost(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("\"cpu_s\":%.3f,", (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                                  (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

static void report(void)
{
    uint64_t lowest = UINT64_MAX, highest = 0;
    for (int i = 0; i < client_count; i++) {
        if (clients[i].stalled)
            continue;
        lowest = clients[i].last_number < lowest ? clients[i].last_number : lowest;
        highest = clients[i].last_number > highest ? clients[i].last_number : highest;
    }
    putchar('{');
    print_number("clients", (uint64_t)client_count);
    print_number("open", (uint64_t)open_count);
    print_number("stalled", (uint64_t)stalled_open);
    print_number("opened", counts.opened);
    print_number("peak_per_s", peak_per_second());
    print_number("failed", counts.failed);
    print_number("errors", counts.errors);
    print_number("frames", counts.frames);
    print_number("bytes", counts.bytes);
    print_number("news", counts.news);
    print_number("numbered", counts.numbered);
    print_number("gaps", counts.gaps);
    print_number("doubled", counts.doubled);
    print_number("lost", counts.lost);
    print_number("answered", counts.answered);
    print_number("recovered", counts.recovered);
    print_number("unrecovered", counts.unrecovered);
    print_number("cut", counts.cut);
    print_number("lowest", client_count ? lowest : 0);
    print_number("highest", highest);
    print_number("first_news_us", counts.first_news_us);
    print_number("last_news_us", counts.last_news_us);
    print_number("all_open_us", counts.all_open_us);
    print_number("now_us", wall_us());
    print_counted("closed", counts.closed, MAX_CLOSE_CODES);
    print_counted("refused", counts.refused, MAX_STATUS);
    print_own_cost();
    printf("\"latencies\":%llu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
           (unsigned long long)latency_count(), latency_ms(0.5), latency_ms(0.99), latency_ms(1.0));
    fflush(stdout);
}

static void reset(void)
{
    uint64_t all_open_us = counts.all_open_us;
    memset(&counts, 0, sizeof counts);
    counts.all_open_us = all_open_us;
    reset_latencies();
}

static void add(int count, int rate)
{
    uint64_t now = steady_us();
    for (int i = 0; i < count && client_count < MAX_CLIENTS; i++) {
        struct client *c = &clients[client_count];
        memset(c, 0, sizeof *c);
        c->fd = -1;
        c->number = client_count++;
        forget_positions(c);
        c->state = WAITING;
        c->due_us = now + (uint64_t)i * MICRO / (uint64_t)(rate > 0 ? rate : 1);
    }
}

static void each_open(int count, void (*does)(struct client *))
{
    for (int i = 0; i < client_count && count > 0; i++)
        if (clients[i].state == OPEN) {
            does(&clients[i]);
            count--;
        }
}

static void drop(struct client *c) { leave(c, false); }
static void go(struct client *c) { leave(c, true); }
static void stall(struct client *c) { listen_to(c, false); }
static void resume(struct client *c) { listen_to(c, true); }

static void wait_within(struct client *c, int within_ms)
{
    c->state = WAITING;
    come_back(c, within_ms > 0 ? (uint64_t)random() % ((uint64_t)within_ms * 1000) : 0);
}

static void call_back(int within_ms)
{
    for (int i = 0; i < client_count; i++)
        if (clients[i].state == ABSENT)
            wait_within(&clients[i], within_ms);
}

static void churn(int count, int within_ms)
{
    for (int i = 0; i < count && client_count; i++) {
        struct client *c = &clients[random() % client_count];
        if (c->state != OPEN)
            continue;
        leave(c, i % 2);
        wait_within(c, within_ms);
    }
}

static void forget(int count)
{
    for (int i = 0; i < count && client_count; i++) {
        client_count--;
        leave(&clients[client_count], false);
    }
}

static bool is(const char *word, const char *wanted) { return !strcmp(word, wanted); }

static bool obey(char *line)
{
    char word[32] = "";
    int a = 0, b = 0;
    sscanf(line, "%31s %d %d", word, &a, &b);
    if (is(word, "quit"))
        return false;
    if (is(word, "connect"))
        add(a, b);
    else if (is(word, "drop"))
        each_open(a, drop);
    else if (is(word, "close"))
        each_open(a, go);
    else if (is(word, "reconnect"))
        call_back(a);
    else if (is(word, "churn"))
        churn(a, b);
    else if (is(word, "stall"))
        each_open(a, stall);
    else if (is(word, "resume"))
        each_open(client_count, resume);
    else if (is(word, "forget"))
        forget(a);
    else if (is(word, "number"))
        for (int i = 0; i < client_count; i++)
            clients[i].last_number = (uint64_t)a;
    else if (is(word, "rest"))
        rest_us = a < 0 ? 0 : a > REST_MAX_US ? REST_MAX_US : a;
    else if (is(word, "reset"))
        reset();
    else if (is(word, "report"))
        report();
    waiting_hint = 1;
    return true;
}

static bool read_commands(void)
{
    static char line[LINE];
    static size_t used;
    ssize_t got = read(STDIN_FILENO, line + used, sizeof line - 1 - used);
    if (got == 0)
        return false;
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    used += (size_t)got;
    line[used] = 0;
    char *end, *at = line;
    for (; (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        if (!obey(at))
            return false;
    }
    used = strlen(at);
    memmove(line, at, used + 1);
    return used < sizeof line - 1;
}

static void read_tickets(const char *file)
{
    char line[1600];
    FILE *in = strcmp(file, "-") ? fopen(file, "r") : NULL;
    settings.tickets = calloc(MAX_CLIENTS, sizeof *settings.tickets);
    while (in && settings.ticket_count < MAX_CLIENTS && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = 0;
        settings.tickets[settings.ticket_count++] = strdup(line);
    }
    if (in)
        fclose(in);
    if (!settings.ticket_count)
        settings.tickets[settings.ticket_count++] = "";
}

static bool read_arguments(int count, char **given)
{
    if (count < 7 || count > 7 + MAX_CHANNELS)
        return false;
    settings.mode = is(given[1], "ours") ? OURS : is(given[1], "plain") ? PLAIN : ENGINE_IO;
    settings.port = atoi(given[2]);
    settings.host = given[3];
    settings.path = given[4];
    read_tickets(given[5]);
    settings.in_flight = atoi(given[6]);
    for (int i = 7; i < count; i++) {
        char *colon = strchr(given[i], ':');
        settings.channels[settings.channel_count] = given[i];
        settings.families[settings.channel_count++] =
            strndup(given[i], colon ? (size_t)(colon - given[i] + 1) : strlen(given[i]));
    }
    return true;
}

static bool anybody_waits(void)
{
    for (int i = 0; i < client_count; i++)
        if (clients[i].state == WAITING)
            return true;
    return false;
}

int main(int count, char **given)
{
    static struct epoll_event events[EVENTS];
    if (!read_arguments(count, given)) {
        fprintf(stderr, "usage: crowd MODE PORT HOST PATH TICKETS IN_FLIGHT CHANNEL...\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    srandom(1);
    began_us = steady_us();
    clients = calloc(MAX_CLIENTS, sizeof *clients);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    struct epoll_event commands = {EPOLLIN, {.ptr = NULL}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &commands);
    uint64_t looked_us = 0;
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, waiting_hint ? PACE_MS : 100);
        for (int i = 0; i < ready; i++) {
            if (!events[i].data.ptr) {
                if (!read_commands())
                    return 0;
            } else
                on_event(events[i].data.ptr, events[i].events);
        }
        if (ready > 0 && ready < EVENTS)
            usleep((useconds_t)rest_us);
        uint64_t now = steady_us();
        if (now - looked_us >= PACE_MS * 1000) {
            looked_us = now;
            waiting_hint = anybody_waits();
            if (waiting_hint)
                connect_due();
        }
    }
}
