/* Depthwise convolutions and their way back, with the ReLU or ReLU6 around them: see kernels.py, which calls them.
 *
 * Pictures lie channels last. Each thread takes a band of rows and goes down it in tiles of a few columns and channels.
 * The rows that the kernel covers are kept as float32 in a ring that fits in the first cache, so that each number is
 * read from memory, converted and masked once. Padding of any kind is zeros in the ring. For the way back the
 * rectifiers are kept as a bit for each number, so that it reads neither what came in nor what came out.
 *
 * oneDNN pads no picture at two sides only, and its own way back at a stride of 2 is slow: 96 channels, 3x3, 224x128 to
 * 112x64 in bfloat16 on one thread took 2.4 ms forward and 7.3 ms back with the padding and masks around it.
 */

#include "common.h"

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* Sums stay in registers where the loops over them are unrolled. Those over rows are not: else GCC keeps the rows in
 * registers as well, more of them than there are. */
#define UNROLLED _Pragma("GCC unroll 8")
#define ROLLED _Pragma("GCC unroll 1")
/* A vector of channels after the other. The last begins where it ends with them: some are calculated twice. */
#define EACH_CHANNEL(c, count)                                                                                         \
    for (Index c##_next = LANES, c = 0; c < count;                                                                     \
         c = c##_next < count && c##_next + LANES > count ? count - LANES : c##_next, c##_next += LANES)
#define ALIGNED __attribute__((aligned(64)))

enum {
    TILE = 8,    /* Columns that are summed up at a time. */
    BLOCK = 128, /* Channels that lie in the ring at a time, at most. */
    LEAST = 16,  /* So many, at least, in all. */
    LARGEST = 5, /* Side of a kernel. */
    STRIDES = 2,
};
typedef float Pixel[BLOCK];
/* Multiplications under which a second thread costs more than it saves. */
enum { WORTH_A_THREAD = 65536 };

/* Which values a rectifier lets through. A bound that is no number bounds nothing. */
typedef struct {
    float low, high;
} Bounds;
static const Bounds rectifiers[] = {{NAN, NAN}, {0, NAN}, {0, 6}}; /* none, ReLU, ReLU6 */

/* Sizes before (rows, columns) and behind it; side of the kernel, stride, zeros above and on the left; the rectifier
 * before it and that behind it. */
typedef struct {
    Index number, rows, columns, channels, to_rows, to_columns, size, stride, top, left, before, behind;
} Depthwise;

/* Where the channels end that lie in the ring together with the one at `start`: blocks of one size, and the rest. */
static inline Index end_of_block(Index start, Index channels) {
    Index blocks = (channels + BLOCK - 1) / BLOCK,
          size = ((channels + blocks - 1) / blocks + LEAST - 1) / LEAST * LEAST;
    return start + size < channels ? start + size : channels;
}

#define JOIN(name, kind, processor) name##_##kind##_##processor
#define JOINED(name, kind, processor) JOIN(name, kind, processor)

/* The newest version of x86-64 whose instructions are taken where the processor has them. */
static Index newest = 4;
API void depthwise_newest(Index version) { newest = version; } /* for tests */

/* In kernels.c glibc chooses among versions of a function that GCC makes (EACH_PROCESSOR). But GCC takes vectors apart
 * before it makes them; so here they are compiled one by one. */
#if defined(__x86_64__) && defined(__linux__) && __GNUC__ >= 12 && !defined(__clang__)
#include <immintrin.h>
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#define PROCESSOR v4
#include "depthwise_processor.h"
#undef PROCESSOR
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define PROCESSOR v3
#include "depthwise_processor.h"
#undef PROCESSOR
#pragma GCC pop_options
#define CHOSEN(name, kind)                                                                                             \
    (newest >= 4 && __builtin_cpu_supports("x86-64-v4")   ? name##_##kind##_v4                                         \
     : newest >= 3 && __builtin_cpu_supports("x86-64-v3") ? name##_##kind##_v3                                         \
                                                          : name##_##kind##_plain)
#else
#define CHOSEN(name, kind) name##_##kind##_plain
#endif
#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif
#define PROCESSOR plain
#include "depthwise_processor.h"
#undef PROCESSOR

/* So many bands of rows: one for each thread. The same numbers come out with any number. */
static Index bands_for(const Depthwise *d) {
#ifdef _OPENMP
    Index work = d->number * d->to_rows * d->to_columns * d->channels * d->size * d->size;
    if (work > WORTH_A_THREAD) return omp_get_max_threads();
#endif
    (void)d;
    return 1;
}

#define CHOOSE(way, kind)                                                                                              \
    (d->size == 3     ? d->stride == 1 ? CHOSEN(way##_3_1, kind) : CHOSEN(way##_3_2, kind)                             \
     : d->stride == 1 ? CHOSEN(way##_5_1, kind)                                                                        \
                      : CHOSEN(way##_5_2, kind))

#define DEPTHWISE_FUNCTIONS(TYPE, kind)                                                                                \
    /* at: input, weights (size * size, channels) and bias, float32, result; masks of the rectifiers before it and     \
     * behind it, of which nothing is written where there is no rectifier. n: a Depthwise. */                          \
    API void depthwise_##kind(void *const *at, const Index *n) {                                                       \
        const Depthwise *d = (const Depthwise *)n;                                                                     \
        const TYPE *from = at[0];                                                                                      \
        TYPE *to = at[3];                                                                                              \
        uint8_t *before = at[4], *behind = at[5];                                                                      \
        __typeof__(&forward_3_1_##kind##_plain) run = CHOOSE(forward, kind);                                           \
        Index bands = bands_for(d), source = d->rows * d->columns * d->channels;                                       \
        Index result = d->to_rows * d->to_columns * d->channels;                                                       \
        _Pragma("omp parallel for schedule(static) if (bands > 1)") for (Index i = 0; i < d->number * bands; i++) {    \
            Index input = i / bands * source, output = i / bands * result;                                             \
            run(from + input, at[1], at[2], to + output, d->before ? before + input / 8 : NULL,                        \
                d->behind ? behind + output / 8 : NULL, d, i % bands * d->to_rows / bands,                             \
                (i % bands + 1) * d->to_rows / bands);                                                                 \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* at: gradient behind it, weights, gradient before it, the masks. n: a Depthwise. */                              \
    API void depthwise_back_##kind(void *const *at, const Index *n) {                                                  \
        const Depthwise *d = (const Depthwise *)n;                                                                     \
        const TYPE *gradient = at[0];                                                                                  \
        TYPE *to = at[2];                                                                                              \
        const uint8_t *before = at[3], *behind = at[4];                                                                \
        __typeof__(&backward_3_1_##kind##_plain) run = CHOOSE(backward, kind);                                         \
        Index bands = bands_for(d), source = d->rows * d->columns * d->channels;                                       \
        Index result = d->to_rows * d->to_columns * d->channels, lines = (d->rows - 1 + d->top) / d->stride + 1;       \
        _Pragma("omp parallel for schedule(static) if (bands > 1)") for (Index i = 0; i < d->number * bands; i++) {    \
            Index input = i / bands * source, output = i / bands * result;                                             \
            run(gradient + output, at[1], to + input, d->before ? before + input / 8 : NULL,                           \
                d->behind ? behind + output / 8 : NULL, d, i % bands * lines / bands,                                  \
                (i % bands + 1) * lines / bands);                                                                      \
        }                                                                                                              \
    }

DEPTHWISE_FUNCTIONS(uint16_t, bfloat16)
DEPTHWISE_FUNCTIONS(float, float32)
