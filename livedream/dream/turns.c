/* How long a turn on a processor is: see threads.py, which says why. */

#define _GNU_SOURCE
#include "common.h"

#ifdef __linux__

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The first version of struct sched_attr of the kernel, for which not every C library has a name. */
typedef struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t turn, deadline, period;
} Attributes;

static int64_t set_turn(uint64_t nanoseconds) {
    Attributes attributes = {.size = sizeof attributes};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0)) return 1;
    if (attributes.policy != SCHED_OTHER && attributes.policy != SCHED_BATCH) return 1;
    attributes.turn = nanoseconds;
    return syscall(SYS_sched_setattr, 0, &attributes, 0) != 0;
}

#endif

/* Ask for turns of so many nanoseconds, 0 for the usual ones, for this thread and its team of OpenMP. Not 0 where the
 * system has no such thing. */
API Index take_turns_of(Index nanoseconds, Index threads) {
    Index failed = 0;
#ifdef __linux__
#pragma omp parallel num_threads((int)threads) reduction(+ : failed)
    failed += set_turn((uint64_t)nanoseconds);
#else
    (void)nanoseconds, (void)threads;
    failed = 1;
#endif
    return failed;
}
