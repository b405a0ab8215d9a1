/* A crowd of WebSocket clients in one process: what its parts share. */
#ifndef CROWD_H
#define CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_CHANNELS 4
#define MAX_CLOSE_CODES 5000
#define MAX_STATUS 600
#define MAX_CONNECTS 400000 /* moments of opened sockets that are kept for the peak */
#define READ_BYTES 262144
#define STALLED_RECEIVE_BYTES 4096 /* of a client that stalls: the kernel must not read for it */
#define USUAL_RECEIVE_BYTES 131072
#define SOURCES 16               /* addresses that clients come from, so that ports last */
#define MICRO 1000000ULL

enum mode { OURS, PLAIN, ENGINE_IO };
enum state { ABSENT, WAITING, CONNECTING, UPGRADING, JOINING, OPEN };

struct position {
    uint64_t offset;
    int16_t epoch; /* index into the epochs seen; -1: none known yet */
};

struct client {
    int fd;
    int number;
    uint8_t state;
    uint8_t answers; /* subscriptions answered on this socket */
    uint8_t tries;
    bool stalled;
    bool told_to_come_back;
    char *carry; /* the beginning of a frame whose end has not come yet */
    uint32_t carried;
    uint64_t due_us; /* monotonic: when it connects (again) */
    uint64_t last_number; /* of the numbered news: the publisher counts from 1 */
    struct position at[MAX_CHANNELS];
};

struct counts {
    uint64_t frames, news, numbered, bytes;
    uint64_t gaps, doubled, lost, unrecovered, recovered, answered;
    uint64_t opened, refused[MAX_STATUS], failed, errors;
    uint64_t closed[MAX_CLOSE_CODES], cut; /* by code; without one */
    uint64_t first_news_us, last_news_us, all_open_us; /* wall clock */
};

struct settings {
    enum mode mode;
    const char *host, *path;
    int port;
    char **tickets;
    int ticket_count;
    int channel_count;
    char *channels[MAX_CHANNELS]; /* "%d" stands for the client's number */
    char *families[MAX_CHANNELS]; /* up to and with the colon */
    int in_flight;                /* handshakes at once */
};

extern struct settings settings;
extern struct counts counts;
extern struct client *clients;
extern int client_count, open_count, shaking_count, stalled_open, epoll;
extern uint32_t connected_at_ms[MAX_CONNECTS];
extern uint64_t began_us;

/* time.c */
uint64_t wall_us(void);
uint64_t steady_us(void);
void record_latency(uint64_t sent_us, uint64_t now_us);
void reset_latencies(void);
double latency_ms(double share);
uint64_t latency_count(void);

/* sockets.c */
void connect_due(void);
void on_event(struct client *c, uint32_t events);
void say(struct client *c, const char *text);
void say_opcode(struct client *c, int opcode, const void *payload, size_t length);
void leave(struct client *c, bool politely);
void lose(struct client *c, int code);
void come_back(struct client *c, uint64_t within_us);
void became_open(struct client *c);
void listen_to(struct client *c, bool listens);

/* frames.c */
size_t read_frames(struct client *c, char *data, size_t length, uint64_t now_us);
void forget_positions(struct client *c);

#endif
