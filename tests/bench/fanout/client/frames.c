/* What servers say: WebSocket frames, and in them mercadito.v1, engine.io, or messages as they are.
 *
 * Reading is cheap on purpose: texts are searched, not parsed, in the order of members that the servers write. */
#define _GNU_SOURCE
#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EPOCHS 64
#define EARLIEST_US 1000000000000000ULL /* a price above this is the moment of publishing */

static char epochs[MAX_EPOCHS][96];
static int epoch_count;

void forget_positions(struct client *c)
{
    for (int i = 0; i < MAX_CHANNELS; i++)
        c->at[i] = (struct position){0, -1};
    c->last_number = 0;
}

/* memmem prepares a table for each call, which for texts of 200 bytes takes longer than looking. */
static char *find(char *from, char *end, const char *what, size_t length)
{
    while (from + length <= end && (from = memchr(from, *what, (size_t)(end - from) - length + 1))) {
        if (!memcmp(from, what, length))
            return from;
        from++;
    }
    return NULL;
}
#define FIND(from, end, what) find(from, end, what, sizeof(what) - 1)

/* Take `name` and the number behind it if they come next; otherwise look for them. */
static uint64_t next_number(char **at, char *end, const char *name, size_t length)
{
    char *from = *at;
    if ((size_t)(end - from) <= length || memcmp(from, name, length))
        from = find(from, end, name, length);
    if (!from)
        return 0;
    uint64_t value = 0;
    for (from += length; from < end && *from >= '0' && *from <= '9'; from++)
        value = value * 10 + (uint64_t)(*from - '0');
    *at = from;
    return value;
}
#define NEXT(at, end, name) next_number(at, end, name, sizeof(name) - 1)

static uint64_t digits(const char *at, const char *end)
{
    uint64_t value = 0;
    while (at < end && *at >= '0' && *at <= '9')
        value = value * 10 + (uint64_t)(*at++ - '0');
    return value;
}

static uint64_t number_after(char *from, char *end, const char *name, size_t length, uint64_t otherwise)
{
    char *at = find(from, end, name, length);
    return at ? digits(at + length, end) : otherwise;
}
#define NUMBER(from, end, name, otherwise) number_after(from, end, name, sizeof(name) - 1, otherwise)

static int16_t epoch_of(const char *text, size_t length)
{
    for (int i = 0; i < epoch_count; i++)
        if (strlen(epochs[i]) == length && !memcmp(epochs[i], text, length))
            return (int16_t)i;
    if (epoch_count == MAX_EPOCHS || length >= sizeof epochs[0])
        return -1;
    memcpy(epochs[epoch_count], text, length);
    epochs[epoch_count][length] = 0;
    return (int16_t)epoch_count++;
}

static int channel_of(const char *name, const char *end)
{
    for (int i = 0; i < settings.channel_count; i++) {
        size_t length = strlen(settings.families[i]);
        if ((size_t)(end - name) >= length && !memcmp(name, settings.families[i], length))
            return i;
    }
    return -1;
}

/* What the publisher put into a message: when it was published, and which one it is. */
static void take_message(struct client *c, char *from, char *end, uint64_t now_us, bool has_number)
{
    uint64_t sent_us = NUMBER(from, end, "_cents\":", 0);
    if (sent_us > EARLIEST_US)
        record_latency(sent_us, now_us);
    uint64_t number = has_number ? NUMBER(from, end, "\"number\":", 0) : 0;
    if (number) {
        if (number <= c->last_number)
            counts.doubled++;
        else {
            if (c->last_number && number > c->last_number + 1)
                counts.lost += number - c->last_number - 1;
            c->last_number = number;
            counts.numbered++;
        }
    }
    counts.news++;
    if (!counts.first_news_us)
        counts.first_news_us = now_us;
    counts.last_news_us = now_us;
}

static bool is_order(const char *at, const char *end)
{
    static const char kind[] = ",\"k\":\"order\"";
    return (size_t)(end - at) >= sizeof kind - 1 && !memcmp(at, kind, sizeof kind - 1);
}

static void take_news(struct client *c, char *text, char *end, uint64_t now_us)
{
    char *next, *at = FIND(text, end, "{\"c\":\"");
    for (; at; at = next) {
        char *name = at + 6;
        next = FIND(name, end, "{\"c\":\"");
        char *until = next ? next : end;
        char *quote = memchr(name, '"', (size_t)(until - name));
        int channel = quote ? channel_of(name, quote) : -1;
        if (channel < 0) {
            counts.errors++;
            continue;
        }
        struct position *own = &c->at[channel];
        char *rest = quote + 1;
        uint64_t offset = NEXT(&rest, until, ",\"o\":"), previous = NEXT(&rest, until, ",\"p\":");
        if (!offset)
            continue; /* ephemeral: it has no place in the chain */
        if (previous > own->offset)
            counts.gaps++;
        if (offset > own->offset)
            own->offset = offset;
        take_message(c, rest, until, now_us, is_order(rest, until));
    }
}

static void subscribe(struct client *c)
{
    char text[1024], name[128];
    size_t used = (size_t)sprintf(text, "{\"sub\":[");
    for (int i = 0; i < settings.channel_count; i++) {
        snprintf(name, sizeof name, settings.channels[i], c->number);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s{\"c\":\"%s\"", i ? "," : "", name);
        if (c->at[i].epoch >= 0)
            used += (size_t)snprintf(text + used, sizeof text - used, ",\"pos\":{\"e\":\"%s\",\"o\":%llu}",
                                     epochs[c->at[i].epoch], (unsigned long long)c->at[i].offset);
        used += (size_t)snprintf(text + used, sizeof text - used, "}");
    }
    snprintf(text + used, sizeof text - used, "]}");
    say(c, text);
}

static void take_answer(struct client *c, char *text, char *end)
{
    char *name = FIND(text, end, "\"c\":\""), *epoch = FIND(text, end, "\"e\":\"");
    char *quote = epoch ? memchr(epoch + 5, '"', (size_t)(end - epoch - 5)) : NULL;
    int channel = name ? channel_of(name + 5, end) : -1;
    if (channel < 0 || !quote) {
        counts.errors++;
        return;
    }
    bool came_back = c->at[channel].epoch >= 0;
    if (FIND(text, end, "\"recovered\":true"))
        counts.recovered += came_back;
    else {
        counts.unrecovered++;
        c->last_number = 0; /* the page would fetch its state; what was missed is counted as unrecovered */
    }
    c->at[channel].epoch = epoch_of(epoch + 5, (size_t)(quote - epoch - 5));
    c->at[channel].offset = NUMBER(quote, end, "\"o\":", 0);
    counts.answered++;
    if (c->state == JOINING && ++c->answers == settings.channel_count)
        became_open(c);
}

/* Everything up to these offsets, one an epoch, was told to this socket: later it can ask from there. */
static void take_seen(struct client *c, char *text, char *end)
{
    char *at = FIND(text, end, "\"seen\":{");
    if (!at)
        return;
    for (at += 8; (at = memchr(at, '"', (size_t)(end - at)));) {
        char *epoch = at + 1, *quote = memchr(epoch, '"', (size_t)(end - epoch));
        if (!quote)
            return;
        at = quote + 1;
        int16_t of = epoch_of(epoch, (size_t)(quote - epoch));
        uint64_t offset = digits(quote + 2, end);
        for (int i = 0; i < settings.channel_count; i++)
            if (c->at[i].epoch == of && of >= 0 && offset > c->at[i].offset)
                c->at[i].offset = offset;
    }
}

static void take_ours(struct client *c, char *text, char *end, uint64_t now_us)
{
    size_t length = (size_t)(end - text);
    char answer[64];
    if (length > 6 && !memcmp(text, "{\"b\":[", 6))
        take_news(c, text + 5, end, now_us);
    else if (length > 7 && !memcmp(text, "{\"sub\":", 7))
        take_answer(c, text, end);
    else if (length > 8 && !memcmp(text, "{\"ping\":", 8)) {
        snprintf(answer, sizeof answer, "{\"pong\":%llu}", (unsigned long long)digits(text + 8, end));
        say(c, answer);
        if (c->state == OPEN)
            take_seen(c, text, end);
    } else if (length > 11 && !memcmp(text, "{\"welcome\":", 11))
        subscribe(c);
    else if (length > 9 && !memcmp(text, "{\"drain\":", 9)) {
        come_back(c, NUMBER(text, end, "\"retry_ms\":", 0) * 1000);
        c->told_to_come_back = true;
    } else {
        if (!counts.errors++)
            fprintf(stderr, "client %d was told %.*s\n", c->number, (int)length, text);
    }
}

static void take_engine_io(struct client *c, char *text, char *end, uint64_t now_us)
{
    switch (*text) {
    case '0':
        say(c, "40");
        break;
    case '2':
        say(c, "3");
        break;
    case '4':
        if (end - text > 1 && text[1] == '0' && c->state == JOINING)
            became_open(c);
        else if (end - text > 1 && text[1] == '2')
            take_message(c, text, end, now_us, true);
        break;
    default:
        counts.errors++;
    }
}

static void take_text(struct client *c, char *text, char *end, uint64_t now_us)
{
    counts.frames++;
    counts.bytes += (uint64_t)(end - text);
    if (text == end)
        counts.errors++;
    else if (settings.mode == OURS)
        take_ours(c, text, end, now_us);
    else if (settings.mode == ENGINE_IO)
        take_engine_io(c, text, end, now_us);
    else
        take_message(c, text, end, now_us, true);
}

static bool take_frame(struct client *c, int opcode, char *payload, size_t length, uint64_t now_us)
{
    if (opcode == 8) {
        int code = length >= 2 ? (uint8_t)payload[0] << 8 | (uint8_t)payload[1] : 1005;
        say_opcode(c, 8, payload, length >= 2 ? 2 : 0);
        lose(c, code);
        return false;
    }
    if (opcode == 9)
        say_opcode(c, 10, payload, length);
    else if (opcode == 1 || opcode == 2)
        take_text(c, payload, payload + length, now_us);
    return c->fd >= 0;
}

/* Take all whole frames; return how many bytes they had. */
size_t read_frames(struct client *c, char *data, size_t length, uint64_t now_us)
{
    size_t taken = 0;
    while (length - taken >= 2) {
        uint8_t *head = (uint8_t *)data + taken;
        size_t size = head[1] & 127, header = 2;
        if (size == 126)
            header = 4;
        else if (size == 127)
            header = 10;
        if (length - taken < header)
            break;
        if (header > 2) {
            size = 0;
            for (size_t i = 2; i < header; i++)
                size = size << 8 | head[i];
        }
        if (length - taken < header + size)
            break;
        taken += header + size;
        if (!take_frame(c, head[0] & 15, (char *)head + header, size, now_us))
            return length;
    }
    return taken;
}
