/* The parts of a step that neither torch nor OpenCV does in one pass over the memory: see kernels.py, which calls them
 * and says what each gives. Pictures and activations lie as (n, rows, columns, channels), channels last, without gaps.
 * Nothing here knows of Python: the library is opened with ctypes.
 */

#include <math.h>
#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__)
#error "GCC or Clang is needed"
#endif

#define API __attribute__((visibility("default")))

/* One file for all processors: glibc chooses among three versions of a function when the library is loaded. */
#if defined(__x86_64__) && defined(__linux__) && __GNUC__ >= 12 && !defined(__clang__)
#define EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EACH_PROCESSOR
#endif

typedef int64_t Index;

/* Channels at a time: what is summed up of them stays in registers. */
enum { CHUNK = 64 };
/* Elements under which a second thread costs more than it saves. */
enum { WORTH_A_THREAD = 16384 };

static inline float from_bfloat16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static inline uint16_t to_bfloat16(float value) { /* to the nearest, halves to even; what is no number stays none */
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
}

static inline float from_float32(float value) { return value; }
static inline float to_float32(float value) { return value; }

/* Whole numbers in the order of the floating-point numbers whose bits they have. What is no number is the largest, so
 * that it gets through poolings and ReLUs to where it is noticed. */
static inline int16_t order_bfloat16(uint16_t bits) {
    int16_t order = (int16_t)(bits ^ (uint16_t)((int16_t)bits >> 15 & 0x7fff));
    return (bits & 0x7fff) > 0x7f80 ? INT16_MAX : order;
}
static inline int32_t order_float32(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    int32_t order = bits ^ (bits >> 31 & 0x7fffffff);
    return (bits & 0x7fffffff) > 0x7f800000 ? INT32_MAX : order;
}
static inline uint16_t unorder_bfloat16(int16_t order) {
    return (uint16_t)order ^ (uint16_t)(order >> 15 & 0x7fff);
}
static inline float unorder_float32(int32_t order) {
    int32_t bits = order ^ (order >> 31 & 0x7fffffff);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A pooling: sizes before (rows, columns) and after it, its window and how that moves. */
typedef struct {
    Index number, rows, columns, channels, to_rows, to_columns;
    Index high, wide, down, across, top, left;
} Pooling;

/* Windows of a pooling that hold one pixel, at most. */
enum { MOST = 64 };
#define WINDOW(w)                                                                                                      \
    const uint8_t *place##w = place + at[w], here##w = here[w];                                               \
    const __typeof__(*gradient) *gradient##w = gradient + at[w];
#define GIVEN(w) (place##w[c] == here##w ? gradient##w[c] : 0)
/* No place of a window: where a ReLU gave zero, no gradient goes back. */
enum { NOWHERE = 255 };

#define DEFINE(TYPE, NAME, ORDER)                                                                                      \
    /* One row of pooled pixels, and at which place of its window, counted in rows, each maximum lies. */              \
    EACH_PROCESSOR static void pool_row_##NAME(const TYPE *restrict from, TYPE *restrict to,                           \
                                               uint8_t *restrict place, const Pooling *p, Index row, int rectified) {    \
        Index first = row * p->down - p->top;                                                                          \
        for (Index column = 0; column < p->to_columns; column++) {                                                     \
            Index start = column * p->across - p->left;                                                                \
            for (Index channel = 0; channel < p->channels; channel += CHUNK) {                                         \
                Index count = p->channels - channel < CHUNK ? p->channels - channel : CHUNK;                           \
                ORDER best[CHUNK], at[CHUNK];                                                                          \
                int seen = 0;                                                                                          \
                for (Index y = 0; y < p->high; y++) {                                                                  \
                    if (first + y < 0 || first + y >= p->rows) continue;                                               \
                    for (Index x = 0; x < p->wide; x++) {                                                              \
                        if (start + x < 0 || start + x >= p->columns) continue;                                        \
                        const TYPE *pixel = from + ((first + y) * p->columns + start + x) * p->channels + channel;     \
                        ORDER here = (ORDER)(y * p->wide + x);                                                         \
                        if (!seen) {                                                                                   \
                            for (Index c = 0; c < count; c++) best[c] = order_##NAME(pixel[c]), at[c] = here;          \
                        } else if (count == CHUNK) {                                                                   \
                            for (Index c = 0; c < CHUNK; c++) {                                                        \
                                ORDER value = order_##NAME(pixel[c]);                                                  \
                                at[c] = value > best[c] ? here : at[c];                                                \
                                best[c] = value > best[c] ? value : best[c];                                           \
                            }                                                                                          \
                        } else {                                                                                       \
                            for (Index c = 0; c < count; c++) {                                                        \
                                ORDER value = order_##NAME(pixel[c]);                                                  \
                                at[c] = value > best[c] ? here : at[c];                                                \
                                best[c] = value > best[c] ? value : best[c];                                           \
                            }                                                                                          \
                        }                                                                                              \
                        seen = 1;                                                                                      \
                    }                                                                                                  \
                }                                                                                                      \
                for (Index c = 0; c < count; c++) {                                                                    \
                    to[column * p->channels + channel + c] = unorder_##NAME(best[c]);                                  \
                    place[column * p->channels + channel + c] =                                                        \
                        (uint8_t)(rectified && best[c] <= 0 ? NOWHERE : at[c]);                                          \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    API void max_pool_##NAME(const TYPE *from, TYPE *to, uint8_t *place, const Pooling *p, int rectified) {              \
        Index width = p->to_columns * p->channels, rows = p->number * p->to_rows;                                      \
        _Pragma("omp parallel for schedule(static) if (rows * width > WORTH_A_THREAD)")                                \
        for (Index row = 0; row < rows; row++)                                                                         \
            pool_row_##NAME(from + row / p->to_rows * p->rows * p->columns * p->channels, to + row * width,            \
                            place + row * width, p, row % p->to_rows, rectified);                                      \
    }                                                                                                                  \
                                                                                                                       \
    /* One row of the gradient before a pooling: each pixel collects from the windows in which it was the maximum. */  \
    EACH_PROCESSOR static void unpool_row_##NAME(const TYPE *restrict gradient, const uint8_t *restrict place,           \
                                                 TYPE *restrict to, const Pooling *p, Index row) {                     \
        Index above = row + p->top - p->high + 1, last_row = (row + p->top) / p->down;                                 \
        Index first_row = above <= 0 ? 0 : (above + p->down - 1) / p->down;                                            \
        if (last_row >= p->to_rows) last_row = p->to_rows - 1;                                                         \
        for (Index column = 0; column < p->columns; column++) {                                                        \
            Index before = column + p->left - p->wide + 1, last = (column + p->left) / p->across;                      \
            Index first = before <= 0 ? 0 : (before + p->across - 1) / p->across;                                      \
            if (last >= p->to_columns) last = p->to_columns - 1;                                                       \
            /* The windows that hold this pixel: where their row of channels begins, and which place it has there. */  \
            Index at[MOST];                                                                                            \
            uint8_t here[MOST];                                                                                        \
            int windows = 0;                                                                                           \
            for (Index r = first_row; r <= last_row; r++)                                                              \
                for (Index k = first; k <= last; k++, windows++) {                                                     \
                    at[windows] = (r * p->to_columns + k) * p->channels;                                               \
                    here[windows] = (uint8_t)((row + p->top - r * p->down) * p->wide + column + p->left - k * p->across);\
                }                                                                                                      \
            TYPE *pixel = to + column * p->channels;                                                                   \
            /* The gradient of a window, and 0 where another pixel was its maximum. */                                 \
            if (windows == 1) {                                                                                        \
                WINDOW(0)                                                                                              \
                for (Index c = 0; c < p->channels; c++) pixel[c] = GIVEN(0);                                           \
            } else if (windows == 2) {                                                                                 \
                WINDOW(0) WINDOW(1)                                                                                    \
                for (Index c = 0; c < p->channels; c++) pixel[c] = to_##NAME(from_##NAME(GIVEN(0)) + from_##NAME(GIVEN(1)));\
            } else if (windows == 4) {                                                                                 \
                WINDOW(0) WINDOW(1) WINDOW(2) WINDOW(3)                                                               \
                for (Index c = 0; c < p->channels; c++)                                                                \
                    pixel[c] = to_##NAME((from_##NAME(GIVEN(0)) + from_##NAME(GIVEN(1))) +                             \
                                         (from_##NAME(GIVEN(2)) + from_##NAME(GIVEN(3))));                             \
            } else {                                                                                                   \
                for (Index c = 0; c < p->channels; c++) {                                                              \
                    float sum = 0;                                                                                     \
                    for (int w = 0; w < windows; w++)                                                                  \
                        sum += from_##NAME(place[at[w] + c] == here[w] ? gradient[at[w] + c] : 0);                     \
                    pixel[c] = to_##NAME(sum);                                                                         \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    API void max_unpool_##NAME(const TYPE *gradient, const uint8_t *place, TYPE *to, const Pooling *p) {                 \
        Index width = p->columns * p->channels, rows = p->number * p->rows;                                            \
        Index pooled = p->to_rows * p->to_columns * p->channels;                                                       \
        _Pragma("omp parallel for schedule(static) if (rows * width > WORTH_A_THREAD)")                                \
        for (Index row = 0; row < rows; row++)                                                                         \
            unpool_row_##NAME(gradient + row / p->rows * pooled, place + row / p->rows * pooled, to + row * width, p,  \
                              row % p->rows);                                                                          \
    }                                                                                                                  \
                                                                                                                       \
    EACH_PROCESSOR static void unrectify_part_##NAME(TYPE *restrict gradient, const TYPE *restrict output,             \
                                                     Index count) {                                                    \
        for (Index i = 0; i < count; i++) gradient[i] = order_##NAME(output[i]) > 0 ? gradient[i] : 0;                 \
    }                                                                                                                  \
                                                                                                                       \
    API void unrectify_##NAME(TYPE *gradient, const TYPE *output, Index count) {                                       \
        Index parts = count / WORTH_A_THREAD + 1, size = count / parts + 1;                                            \
        _Pragma("omp parallel for schedule(static) if (parts > 1)")                                                    \
        for (Index part = 0; part < parts; part++) {                                                                   \
            Index start = part * size, end = start + size < count ? start + size : count;                              \
            if (start < end) unrectify_part_##NAME(gradient + start, output + start, end - start);                     \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    EACH_PROCESSOR static void normalise_row_##NAME(const float *restrict from, TYPE *restrict to,                     \
                                                    const float *restrict mean, const float *restrict std,             \
                                                    Index count) {                                                     \
        for (Index i = 0; i < count; i++) to[i] = to_##NAME((from[i] - mean[i]) / std[i]);                             \
    }                                                                                                                  \
                                                                                                                       \
    /* mean, std: of a whole row, channel by channel as its pixels lie. */                                             \
    API void normalise_##NAME(const float *from, TYPE *to, const float *mean, const float *std, Index rows,            \
                              Index width) {                                                                           \
        _Pragma("omp parallel for schedule(static) if (rows * width > WORTH_A_THREAD)")                                \
        for (Index row = 0; row < rows; row++)                                                                         \
            normalise_row_##NAME(from + row * width, to + row * width, mean, std, width);                              \
    }                                                                                                                  \
                                                                                                                       \
    /* Lay blocks side by side: one row of a picture, `count` numbers, from one row of the pixels that the blocks are. */\
    EACH_PROCESSOR static void unblock_row_##NAME(const TYPE *restrict from, float *restrict to, Index pixels, Index stride,\
                                                  Index room, Index width, Index left, Index count) {                  \
        for (Index pixel = 0; pixel < pixels; pixel++) {                                                               \
            Index start = pixel * width - left;                                                                        \
            const TYPE *block = from + pixel * stride;                                                                 \
            if (start >= 0 && width <= 8 && start + 8 <= count && room >= 8) {                                         \
                /* A whole vector; the next block overwrites what is too much. */                                      \
                for (Index i = 0; i < 8; i++) to[start + i] = from_##NAME(block[i]);                                   \
            } else {                                                                                                   \
                for (Index i = start < 0 ? -start : 0; i < width && start + i < count; i++)                            \
                    to[start + i] = from_##NAME(block[i]);                                                             \
            }                                                                                                          \
        }                                                                                                              \
        Index end = pixels * width - left;                                                                             \
        for (Index i = end < 0 ? 0 : end; i < count; i++) to[i] = 0; /* no window reached so far: no gradient */       \
    }                                                                                                                  \
                                                                                                                       \
    API void unblock_##NAME(const TYPE *from, float *to, Index number, Index from_rows, Index from_columns, Index stride,\
                            Index rows, Index columns, Index channels, Index down, Index across, Index top, Index left) {\
        _Pragma("omp parallel for schedule(static) if (number * rows * columns * channels > WORTH_A_THREAD)")          \
        for (Index row = 0; row < number * rows; row++) {                                                              \
            Index picture = row / rows, y = row % rows + top, width = across * channels;                               \
            const TYPE *source = from + (picture * from_rows + y / down) * from_columns * stride + y % down * width;   \
            unblock_row_##NAME(source, to + row * columns * channels, y / down < from_rows ? from_columns : 0, stride, \
                               stride - y % down * width, width, left * channels, columns * channels);                 \
        }                                                                                                              \
    }

DEFINE(uint16_t, bfloat16, int16_t)
DEFINE(float, float32, int32_t)

API void roll(const float *from, float *to, Index number, Index rows, Index columns, Index channels, Index down,
              Index right) {
    size_t pixel = (size_t)channels * sizeof(float);
    for (Index row = 0; row < number * rows; row++) {
        const float *source = from + row * columns * channels;
        float *target = to + (row / rows * rows + (row % rows + down) % rows) * columns * channels;
        memcpy(target + right * channels, source, (size_t)(columns - right) * pixel);
        memcpy(target, source + (columns - right) * channels, (size_t)right * pixel);
    }
}

EACH_PROCESSOR static double absolute_part(const float *restrict values, Index count) {
    /* Sixteen sums, for the order of additions must be the same with any vectors. */
    float sums[16] = {0};
    Index whole = count - count % 16;
    for (Index i = 0; i < whole; i += 16)
        for (int k = 0; k < 16; k++) sums[k] += fabsf(values[i + k]);
    double total = 0;
    for (int k = 0; k < 16; k++) total += sums[k];
    for (Index i = whole; i < count; i++) total += fabsf(values[i]);
    return total;
}

/* Parts of one length whatever the threads: the same sum on each. */
enum { PART = 4096 };

API double absolute_mean(const float *values, Index count) {
    double total = 0;
    for (Index start = 0; start < count; start += PART)
        total += absolute_part(values + start, count - start < PART ? count - start : PART);
    return total / (double)count;
}

API EACH_PROCESSOR void add_scaled(const float *restrict from, const float *restrict change, float *restrict to,
                                   float scale, Index count) {
    for (Index i = 0; i < count; i++) to[i] = from[i] + change[i] * scale;
}

/* What is kept of a stream from frame to frame are pictures of three channels, float32. Each pixel is read together
 * with the first channel of the next: four numbers make a vector. */
typedef float Four __attribute__((vector_size(16)));

static inline Four load(const float *from) {
    Four values;
    memcpy(&values, from, sizeof values);
    return values;
}

/* Where a pixel was: the four pixels around it, by their first channel, and what each counts for. */
typedef struct {
    int at[4];
    float weight[4];
} Corner;

static inline int clamped(int value, int most) { return value < 0 ? 0 : value > most ? most : value; }

static inline Corner corner_of(float x, float y, int rows, int columns) {
    Corner corner;
    /* Far outside, or no number: the edge. */
    x = x > -1 ? x < (float)columns ? x : (float)columns : -1;
    y = y > -1 ? y < (float)rows ? y : (float)rows : -1;
    int left = (int)(x + 1) - 1, above = (int)(y + 1) - 1;
    float right = x - (float)left, below = y - (float)above;
    int x0 = 3 * clamped(left, columns - 1), x1 = 3 * clamped(left + 1, columns - 1);
    int y0 = 3 * columns * clamped(above, rows - 1), y1 = 3 * columns * clamped(above + 1, rows - 1);
    corner.at[0] = y0 + x0, corner.at[1] = y0 + x1, corner.at[2] = y1 + x0, corner.at[3] = y1 + x1;
    corner.weight[3] = right * below, corner.weight[2] = below - corner.weight[3];
    corner.weight[1] = right - corner.weight[3], corner.weight[0] = 1 - right - corner.weight[2];
    return corner;
}

/* The pixel at `corner`. count: of numbers that `from` has. */
static inline Four moved(const float *from, const Corner *corner, int count) {
    if (corner->at[3] + 4 > count) {
        Four sum = {0, 0, 0, 0};
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < 3; c++) sum[c] += from[corner->at[k] + c] * corner->weight[k];
        return sum;
    }
    return load(from + corner->at[0]) * corner->weight[0] + load(from + corner->at[1]) * corner->weight[1] +
           load(from + corner->at[2]) * corner->weight[2] + load(from + corner->at[3]) * corner->weight[3];
}

typedef struct {
    Index rows, columns;
    float right, down; /* pixels of the pictures that make one of the flow's */
    float keep;        /* share of the residual that lives on */
    float leak;        /* share of the residual's mean that is taken off */
} Travel;

EACH_PROCESSOR static void travel_row(const float *residual, const float *withheld, const float *flow,
                                      const float *confidence, float *to, float *withheld_to, double *sums,
                                      const Travel *t, Index row) {
    int count = (int)(3 * t->rows * t->columns);
    Index first = row * t->columns;
    Four line = {0, 0, 0, 0};
    for (Index column = 0; column < t->columns; column++) {
        Index pixel = first + column;
        Corner corner = corner_of((float)column + flow[2 * pixel] * t->right, (float)row + flow[2 * pixel + 1] * t->down,
                                  (int)t->rows, (int)t->columns);
        Four value = moved(residual, &corner, count) * (confidence[pixel] * t->keep);
        line += value;
        memcpy(to + 3 * pixel, &value, 3 * sizeof(float));
        if (withheld) {
            value = moved(withheld, &corner, count) * confidence[pixel];
            memcpy(withheld_to + 3 * pixel, &value, 3 * sizeof(float));
        }
    }
    for (int c = 0; c < 3; c++) sums[c] = line[c];
}

EACH_PROCESSOR static void add_travelled(const float *restrict picture, float *restrict to, const float *restrict mean,
                                         Index columns) {
    for (Index column = 0; column < columns; column++)
        for (int c = 0; c < 3; c++) to[3 * column + c] += picture[3 * column + c] - mean[c];
}

/* Let the residual, and what is withheld of it, travel along a flow (x, y), and add the first to a picture.
 * sums: 3 numbers a row, for its own use. */
API void travel(const float *residual, const float *withheld, const float *flow, const float *confidence,
                const float *picture, float *to, float *withheld_to, double *sums, const Travel *t) {
    _Pragma("omp parallel for schedule(static)")
    for (Index row = 0; row < t->rows; row++)
        travel_row(residual, withheld, flow, confidence, to, withheld_to, sums + 3 * row, t, row);
    float mean[3];
    for (int c = 0; c < 3; c++) {
        double total = 0; /* row after row: the same sum with any number of threads */
        for (Index row = 0; row < t->rows; row++) total += sums[3 * row + c];
        mean[c] = (float)(total / (double)(t->rows * t->columns)) * t->leak;
    }
    _Pragma("omp parallel for schedule(static)")
    for (Index row = 0; row < t->rows; row++)
        add_travelled(picture + 3 * row * t->columns, to + 3 * row * t->columns, mean, t->columns);
}

/* What a frame leaves behind: the residual, what of its change is withheld for now, and the rest of it, to be shown. */
API EACH_PROCESSOR void settle(const float *restrict dream, const float *restrict before, const float *restrict picture,
                               float *restrict residual, float *restrict withheld, int16_t *restrict shown, float share,
                               Index count) {
    for (Index i = 0; i < count; i++) {
        float value = dream[i] < 0 ? 0 : dream[i] > 255 ? 255 : dream[i];
        residual[i] = value - picture[i];
        withheld[i] = (value - before[i] + withheld[i]) * share;
        shown[i] = (int16_t)rintf(residual[i] - withheld[i]);
    }
}

/* `pixels` with `residual` added, within 0..255. */
API EACH_PROCESSOR void add_pixels(const uint8_t *restrict pixels, const int16_t *restrict residual, uint8_t *restrict to,
                                   Index count) {
    for (Index i = 0; i < count; i++) {
        /* A sum over 2^15 does not come about: a residual is within 255 times the strength, which is 4 at most. */
        int16_t sum = (int16_t)(pixels[i] + residual[i]);
        to[i] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}
