/* OpenMP on the threads of torch's own runtime, for the libraries in the wheels and for Clang on macOS.
 *
 * Clang turns `#pragma omp parallel for` into calls of LLVM's runtime, the functions named __kmpc_* below. Linking that
 * runtime would bring a second pool of threads into the process, beside torch's, which does not know how many threads
 * torch may use. This file defines the functions instead and passes the work on to the runtime that torch has loaded,
 * GNU's (libgomp) or LLVM's and Intel's (libomp, libiomp5md): loader.py finds it and hands its functions to use_openmp.
 * Until then all loops run on the calling thread.
 *
 * Only what the kernels need: `parallel for schedule(static)` with an `if` clause, not nested.
 */

#include "common.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

/* Functions of torch's OpenMP runtime, in the order in which loader.py looks them up. One of the first two is NULL. */
typedef struct {
    void (*fork_llvm)(const void *location, int32_t count, void *function, ...);
    void (*fork_gnu)(void (*function)(void *), void *data, unsigned threads, unsigned flags);
    int (*thread_number)(void);
    int (*thread_count)(void);
    int (*max_threads)(void);
} OpenMP;
static OpenMP runtime;

/* Returns the size of the table, so that a caller notices when it belongs to another version. */
API Index use_openmp(const OpenMP *functions) {
    runtime = *functions;
    return (Index)sizeof runtime;
}

/* A thread's number in its team and the size of the team, in one integer: the "global thread number" that Clang's code
 * receives and hands on. Outside a parallel region: thread 0 of 1. */
enum { TEAM_SHIFT = 16, ALONE = 1 << TEAM_SHIFT };

/* A parallel region: the function that Clang made of its body, and the variables that it uses. */
enum { MOST_VARIABLES = 20 };
typedef struct {
    void *body;
    int32_t count;
    void *variables[MOST_VARIABLES];
} Region;

static void run_body(const Region *region, int32_t identity) {
    int32_t zero = 0;
    void *const *v = region->variables;
#define P1 void *
#define P2 P1, void *
#define P3 P2, void *
#define P4 P3, void *
#define P5 P4, void *
#define P6 P5, void *
#define P7 P6, void *
#define P8 P7, void *
#define P9 P8, void *
#define P10 P9, void *
#define P11 P10, void *
#define P12 P11, void *
#define P13 P12, void *
#define P14 P13, void *
#define P15 P14, void *
#define P16 P15, void *
#define P17 P16, void *
#define P18 P17, void *
#define P19 P18, void *
#define P20 P19, void *
#define V1 v[0]
#define V2 V1, v[1]
#define V3 V2, v[2]
#define V4 V3, v[3]
#define V5 V4, v[4]
#define V6 V5, v[5]
#define V7 V6, v[6]
#define V8 V7, v[7]
#define V9 V8, v[8]
#define V10 V9, v[9]
#define V11 V10, v[10]
#define V12 V11, v[11]
#define V13 V12, v[12]
#define V14 V13, v[13]
#define V15 V14, v[14]
#define V16 V15, v[15]
#define V17 V16, v[16]
#define V18 V17, v[17]
#define V19 V18, v[18]
#define V20 V19, v[19]
#define CASE(n)                                                                                                        \
    case n: ((void (*)(int32_t *, int32_t *, P##n))region->body)(&identity, &zero, V##n); break
    switch (region->count) {
    case 0:
        ((void (*)(int32_t *, int32_t *))region->body)(&identity, &zero);
        break;
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
        CASE(7);
        CASE(8);
        CASE(9);
        CASE(10);
        CASE(11);
        CASE(12);
        CASE(13);
        CASE(14);
        CASE(15);
        CASE(16);
        CASE(17);
        CASE(18);
        CASE(19);
        CASE(20);
    default: abort(); /* a new loop uses more variables: raise MOST_VARIABLES */
    }
}

static void run_in_team(void *region) {
    run_body(region, runtime.thread_number() | runtime.thread_count() << TEAM_SHIFT);
}

static void run_in_llvm_team(int32_t *global, int32_t *bound, void *region) {
    (void)global, (void)bound;
    run_in_team(region);
}

/* The source location that LLVM's runtime expects; the flag means that the call follows its interface (KMP_IDENT_KMPC).
 */
static const struct {
    int32_t reserved, flags, reserved_2, reserved_3;
    const char *source;
} location = {0, 2, 0, 0, ";livedream;kernels;0;0;;"};

/* From here on: called by Clang's code. Source: openmp/runtime/src/kmp_csupport.cpp and kmp_sched.cpp of LLVM. */

void __kmpc_fork_call(const void *place, int32_t count, void *body, ...) {
    (void)place;
    Region region = {body, count, {NULL}};
    if (count > MOST_VARIABLES) abort();
    va_list variables;
    va_start(variables, body);
    for (int32_t i = 0; i < count; i++) region.variables[i] = va_arg(variables, void *);
    va_end(variables);
    if (!runtime.thread_number || runtime.max_threads() == 1)
        run_body(&region, ALONE);
    else if (runtime.fork_llvm)
        runtime.fork_llvm(&location, 1, (void *)run_in_llvm_team, &region);
    else
        runtime.fork_gnu(run_in_team, &region, 0, 0);
}

/* A region whose `if` clause is false: Clang's code calls the body itself. */
void __kmpc_serialized_parallel(const void *place, int32_t identity) { (void)place, (void)identity; }
void __kmpc_end_serialized_parallel(const void *place, int32_t identity) { (void)place, (void)identity; }

int32_t __kmpc_global_thread_num(const void *place) {
    (void)place;
    return ALONE;
}

/* Narrow `lower` to `upper`, both included, to the iterations of one thread: equal shares, in order, and the first
 * threads take one of the remainder each, as in GNU's runtime. */
void __kmpc_for_static_init_8(const void *place, int32_t identity, int32_t schedule, int32_t *is_last, Index *lower,
                              Index *upper, Index *stride, Index increment, Index chunk) {
    (void)place, (void)schedule, (void)increment, (void)chunk;
    Index number = identity & ((1 << TEAM_SHIFT) - 1), threads = identity >> TEAM_SHIFT;
    Index count = *upper - *lower + 1, share = count / threads, rest = count % threads;
    Index first = *lower + number * share + (number < rest ? number : rest);
    *stride = count;
    *is_last = number == threads - 1;
    *upper = first + share + (number < rest) - 1; /* under `lower` where nothing is left for this thread */
    *lower = first;
}

void __kmpc_for_static_init_8u(const void *place, int32_t identity, int32_t schedule, int32_t *is_last, uint64_t *lower,
                               uint64_t *upper, Index *stride, Index increment, Index chunk) {
    __kmpc_for_static_init_8(place, identity, schedule, is_last, (Index *)lower, (Index *)upper, stride, increment,
                             chunk);
}

void __kmpc_for_static_fini(const void *place, int32_t identity) { (void)place, (void)identity; }

int omp_get_max_threads(void) { return runtime.max_threads ? runtime.max_threads() : 1; }
