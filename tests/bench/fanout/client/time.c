/* Clocks, and latencies as a histogram: 64 steps per doubling, so a percentile is right within 1.6 %. */
#include "crowd.h"

#include <string.h>
#include <time.h>

#define STEPS 64
#define DOUBLINGS 40

static uint64_t histogram[DOUBLINGS * STEPS];
static uint64_t recorded;

static uint64_t read_clock(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * MICRO + (uint64_t)now.tv_nsec / 1000;
}

uint64_t wall_us(void) { return read_clock(CLOCK_REALTIME); }
uint64_t steady_us(void) { return read_clock(CLOCK_MONOTONIC); }

static size_t place_of(uint64_t us)
{
    if (us < STEPS)
        return us;
    int doubling = 63 - __builtin_clzll(us) - 5; /* 64..127 is doubling 1 */
    return (size_t)doubling * STEPS + (us >> (doubling - 1)) - STEPS;
}

static uint64_t value_at(size_t place)
{
    if (place < STEPS)
        return place;
    size_t doubling = place / STEPS;
    return (place % STEPS + STEPS) << (doubling - 1);
}

void record_latency(uint64_t sent_us, uint64_t now_us)
{
    size_t place = place_of(now_us > sent_us ? now_us - sent_us : 0);
    if (place < DOUBLINGS * STEPS) {
        histogram[place]++;
        recorded++;
    }
}

void reset_latencies(void)
{
    memset(histogram, 0, sizeof histogram);
    recorded = 0;
}

uint64_t latency_count(void) { return recorded; }

double latency_ms(double share)
{
    uint64_t wanted = (uint64_t)(share * (double)recorded), seen = 0;
    for (size_t place = 0; place < DOUBLINGS * STEPS; place++) {
        seen += histogram[place];
        if (seen > wanted || (seen == recorded && seen))
            return (double)value_at(place) / 1000.0;
    }
    return 0.0;
}
