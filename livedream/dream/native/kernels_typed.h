/* The kernels of kernels.c for one data type. That file includes this one for each type, with TYPE, the type of a
 * number, ORDER, the integer type of the same width, and FOR(name), the name of a function for this type.
 *
 * The exported functions are Kernels (common.h): they take the addresses of their tensors, and integers.
 */

/* Record `here` for the channels in which `pixel` is larger than the maximum so far. */
static inline void FOR(compare)(const TYPE *pixel, ORDER here, ORDER *best, ORDER *at, Index count) {
    for (Index c = 0; c < count; c++) {
        ORDER value = FOR(order)(pixel[c]);
        at[c] = value > best[c] ? here : at[c];
        best[c] = value > best[c] ? value : best[c];
    }
}

/* One row of pooled pixels, and the position of each maximum in its window, in row-major order. */
EACH_PROCESSOR static void FOR(pool_row)(const TYPE *restrict from, TYPE *restrict to, uint8_t *restrict place,
                                         const Pooling *p, Index row, int rectified) {
    Index first = row * p->down - p->top;
    for (Index column = 0; column < p->to_columns; column++) {
        Index start = column * p->across - p->left;
        for (Index channel = 0; channel < p->channels; channel += CHUNK) {
            Index count = p->channels - channel < CHUNK ? p->channels - channel : CHUNK;
            ORDER best[CHUNK], at[CHUNK];
            int seen = 0;
            for (Index y = 0; y < p->high; y++) {
                if (first + y < 0 || first + y >= p->rows) continue;
                for (Index x = 0; x < p->wide; x++) {
                    if (start + x < 0 || start + x >= p->columns) continue;
                    const TYPE *pixel = from + ((first + y) * p->columns + start + x) * p->channels + channel;
                    ORDER here = (ORDER)(y * p->wide + x);
                    if (!seen) {
                        for (Index c = 0; c < count; c++) best[c] = FOR(order)(pixel[c]), at[c] = here;
                    } else if (count == CHUNK) { /* a constant count: twice as fast */
                        FOR(compare)(pixel, here, best, at, CHUNK);
                    } else {
                        FOR(compare)(pixel, here, best, at, count);
                    }
                    seen = 1;
                }
            }
            for (Index c = 0; c < count; c++) {
                to[column * p->channels + channel + c] = FOR(unorder)(best[c]);
                place[column * p->channels + channel + c] = (uint8_t)(rectified && best[c] <= 0 ? NOWHERE : at[c]);
            }
        }
    }
}

/* at: input, pooled, positions. n: a Pooling; whether the input comes from a ReLU. */
API void FOR(max_pool)(void *const *at, const Index *n) {
    const TYPE *from = at[0];
    TYPE *to = at[1];
    uint8_t *place = at[2];
    const Pooling *p = (const Pooling *)n;
    int rectified = n[POOLING] != 0;
    Index width = p->to_columns * p->channels, rows = p->number * p->to_rows;
#pragma omp parallel for schedule(static) if (rows * width > WORTH_A_THREAD)
    for (Index row = 0; row < rows; row++)
        FOR(pool_row)(from + row / p->to_rows * p->rows * p->columns * p->channels, to + row * width,
                      place + row * width, p, row % p->to_rows, rectified);
}

/* Add the gradient of a window for the channels in which the pixel `here` was the maximum. */
static inline void FOR(collect)(const TYPE *given, const uint8_t *place, uint8_t here, float *sum, Index count) {
    for (Index c = 0; c < count; c++) sum[c] += FOR(from)(place[c] == here ? given[c] : 0);
}

/* One row of the gradient of a pooling's input: each pixel collects from the windows in which it was the maximum. */
EACH_PROCESSOR static void FOR(unpool_row)(const TYPE *restrict gradient, const uint8_t *restrict place,
                                           TYPE *restrict to, const Pooling *p, Index row) {
    Index above = row + p->top - p->high + 1, last_row = (row + p->top) / p->down;
    Index first_row = above <= 0 ? 0 : (above + p->down - 1) / p->down;
    if (last_row >= p->to_rows) last_row = p->to_rows - 1;
    for (Index column = 0; column < p->columns; column++) {
        Index before = column + p->left - p->wide + 1, last = (column + p->left) / p->across;
        Index first = before <= 0 ? 0 : (before + p->across - 1) / p->across;
        if (last >= p->to_columns) last = p->to_columns - 1;
        /* The windows that contain this pixel: the offset of their channels, and the pixel's position in them. */
        Index at[MOST];
        uint8_t here[MOST];
        int windows = 0;
        for (Index r = first_row; r <= last_row; r++)
            for (Index k = first; k <= last; k++, windows++) {
                at[windows] = (r * p->to_columns + k) * p->channels;
                here[windows] = (uint8_t)((row + p->top - r * p->down) * p->wide + column + p->left - k * p->across);
            }
        TYPE *pixel = to + column * p->channels;
        /* The gradient of a window, or 0 where another pixel was its maximum. */
        if (windows == 1) {
            WINDOW(0)
            for (Index c = 0; c < p->channels; c++) pixel[c] = GIVEN(0);
        } else if (windows == 2) {
            WINDOW(0)
            WINDOW(1)
            for (Index c = 0; c < p->channels; c++) pixel[c] = FOR(to)(FOR(from)(GIVEN(0)) + FOR(from)(GIVEN(1)));
        } else if (windows == 4) {
            WINDOW(0)
            WINDOW(1)
            WINDOW(2)
            WINDOW(3)
            for (Index c = 0; c < p->channels; c++) {
                float first = FOR(from)(GIVEN(0)) + FOR(from)(GIVEN(1));
                float second = FOR(from)(GIVEN(2)) + FOR(from)(GIVEN(3));
                pixel[c] = FOR(to)(first + second);
            }
        } else {
            for (Index channel = 0; channel < p->channels; channel += CHUNK) {
                Index count = p->channels - channel < CHUNK ? p->channels - channel : CHUNK;
                float sum[CHUNK] = {0};
                for (int w = 0; w < windows; w++) {
                    const TYPE *given = gradient + at[w] + channel;
                    if (count == CHUNK)
                        FOR(collect)(given, place + at[w] + channel, here[w], sum, CHUNK);
                    else
                        FOR(collect)(given, place + at[w] + channel, here[w], sum, count);
                }
                for (Index c = 0; c < count; c++) pixel[channel + c] = FOR(to)(sum[c]);
            }
        }
    }
}

/* at: gradient of the output, positions, gradient of the input. n: a Pooling. */
API void FOR(max_unpool)(void *const *at, const Index *n) {
    const TYPE *gradient = at[0];
    const uint8_t *place = at[1];
    TYPE *to = at[2];
    const Pooling *p = (const Pooling *)n;
    Index width = p->columns * p->channels, pooled = p->to_rows * p->to_columns * p->channels;
#pragma omp parallel for schedule(static) if (p->number * p->rows * width > WORTH_A_THREAD)
    for (Index row = 0; row < p->number * p->rows; row++)
        FOR(unpool_row)(gradient + row / p->rows * pooled, place + row / p->rows * pooled, to + row * width, p,
                        row % p->rows);
}

/* Apply `part` to two arrays of `count` numbers. at: the array that it overwrites, and the one that it only reads. */
static void FOR(in_parts)(void (*part)(TYPE *, const TYPE *, Index), void *const *at, Index count) {
    TYPE *to = at[0];
    const TYPE *from = at[1];
#pragma omp parallel for schedule(static) if (count > WORTH_A_THREAD)
    for (Index start = 0; start < count; start += PART)
        part(to + start, from + start, count - start < PART ? count - start : PART);
}

EACH_PROCESSOR static void FOR(rectify_part)(TYPE *restrict to, const TYPE *restrict from, Index count) {
    for (Index i = 0; i < count; i++) to[i] = FOR(order)(from[i]) > 0 ? from[i] : 0;
}

EACH_PROCESSOR static void FOR(accumulate_part)(TYPE *restrict sum, const TYPE *restrict more, Index count) {
    for (Index i = 0; i < count; i++) sum[i] = FOR(to)(FOR(from)(sum[i]) + FOR(from)(more[i]));
}

EACH_PROCESSOR static void FOR(unrectify_part)(TYPE *restrict gradient, const TYPE *restrict output, Index count) {
    for (Index i = 0; i < count; i++) gradient[i] = FOR(order)(output[i]) > 0 ? gradient[i] : 0;
}

EACH_PROCESSOR static void FOR(unclip_part)(TYPE *restrict gradient, const TYPE *restrict output, Index count) {
    for (Index i = 0; i < count; i++) {
        float value = FOR(from)(output[i]);
        gradient[i] = value <= 0 || value >= 6 ? 0 : gradient[i];
    }
}

/* at: result, input. n: their length. */
API void FOR(rectify)(void *const *at, const Index *n) { FOR(in_parts)(FOR(rectify_part), at, n[0]); }

/* at: a sum, which is overwritten, and what is added to it. n: their length. */
API void FOR(accumulate)(void *const *at, const Index *n) { FOR(in_parts)(FOR(accumulate_part), at, n[0]); }

/* at: a gradient, which is overwritten, and the output of a ReLU6. n: their length. */
API void FOR(unclip)(void *const *at, const Index *n) { FOR(in_parts)(FOR(unclip_part), at, n[0]); }

/* at: a gradient, which is overwritten, and the output of a ReLU. n: their length. */
API void FOR(unrectify)(void *const *at, const Index *n) { FOR(in_parts)(FOR(unrectify_part), at, n[0]); }

EACH_PROCESSOR static void FOR(sum_part)(const TYPE *restrict left, const TYPE *restrict right, TYPE *restrict to,
                                         Index count) {
    for (Index i = 0; i < count; i++) to[i] = FOR(to)(FOR(from)(left[i]) + FOR(from)(right[i]));
}

/* at: two summands, result. n: their length. */
API void FOR(sum)(void *const *at, const Index *n) {
    const TYPE *left = at[0], *right = at[1];
    TYPE *to = at[2];
    Index count = n[0];
#pragma omp parallel for schedule(static) if (count > WORTH_A_THREAD)
    for (Index start = 0; start < count; start += PART)
        FOR(sum_part)(left + start, right + start, to + start, count - start < PART ? count - start : PART);
}

/* at: images, the same padded with zeros. n: number of images, rows, numbers in a row; rows of zeros above and below,
 * numbers before and after each row. */
API void FOR(border)(void *const *at, const Index *n) {
    const TYPE *from = at[0];
    TYPE *to = at[1];
    Index number = n[0], rows = n[1], width = n[2], above = n[3], below = n[4], before = n[5], after = n[6];
    Index to_rows = above + rows + below, to_width = before + width + after;
#pragma omp parallel for schedule(static) if (number * to_rows * to_width > WORTH_A_THREAD)
    for (Index row = 0; row < number * to_rows; row++) {
        Index y = row % to_rows - above;
        TYPE *target = to + row * to_width;
        int inside = y >= 0 && y < rows;
        Index first = inside ? before : to_width;
        memset(target, 0, (size_t)first * sizeof(TYPE));
        if (!inside) continue;
        memcpy(target + before, from + (row / to_rows * rows + y) * width, (size_t)width * sizeof(TYPE));
        memset(target + before + width, 0, (size_t)after * sizeof(TYPE));
    }
}

/* at: a tensor, and another that is partly overwritten. n: number of pixels; channels of the first tensor, and the
 * first that is copied; the same for the second tensor; number of channels copied. */
API void FOR(copy_channels)(void *const *at, const Index *n) {
    Index pixels = n[0], from_channels = n[1], to_channels = n[3];
    const TYPE *from = (const TYPE *)at[0] + n[2];
    TYPE *to = (TYPE *)at[1] + n[4];
    size_t bytes = (size_t)n[5] * sizeof(TYPE);
#pragma omp parallel for schedule(static) if (pixels * n[5] > WORTH_A_THREAD)
    for (Index i = 0; i < pixels; i++) memcpy(to + i * to_channels, from + i * from_channels, bytes);
}

EACH_PROCESSOR static void FOR(normalise_row)(const float *restrict from, TYPE *restrict to, const float *restrict mean,
                                              const float *restrict std, Index count) {
    for (Index i = 0; i < count; i++) to[i] = FOR(to)((from[i] - mean[i]) / std[i]);
}

/* at: image, result; mean and standard deviation for each number of a row. n: rows, numbers in a row. */
API void FOR(normalise)(void *const *at, const Index *n) {
    const float *from = at[0], *mean = at[2], *std = at[3];
    TYPE *to = at[1];
    Index rows = n[0], width = n[1];
#pragma omp parallel for schedule(static) if (rows * width > WORTH_A_THREAD)
    for (Index row = 0; row < rows; row++) FOR(normalise_row)(from + row * width, to + row * width, mean, std, width);
}

/* Lay blocks side by side: one row of an image, `count` numbers, from one row of pixels that hold a block each. */
EACH_PROCESSOR static void FOR(unblock_row)(const TYPE *restrict from, float *restrict to, Index pixels, Index stride,
                                            Index room, Index width, Index left, Index count) {
    for (Index pixel = 0; pixel < pixels; pixel++) {
        Index start = pixel * width - left;
        const TYPE *block = from + pixel * stride;
        if (start >= 0 && width <= 8 && start + 8 <= count && room >= 8) {
            /* A whole vector; the next block overwrites the excess. */
            for (Index i = 0; i < 8; i++) to[start + i] = FOR(from)(block[i]);
        } else {
            for (Index i = start < 0 ? -start : 0; i < width && start + i < count; i++)
                to[start + i] = FOR(from)(block[i]);
        }
    }
    Index end = pixels * width - left;
    for (Index i = end < 0 ? 0 : end; i < count; i++) to[i] = 0; /* no window reaches this far: no gradient */
}

/* at: blocks, images. n: number of images; rows, columns and channels of the blocks; rows, columns and channels of an
 * image; rows and columns of a block; rows and columns of the first block that are left out. */
API void FOR(unblock)(void *const *at, const Index *n) {
    const TYPE *from = at[0];
    float *to = at[1];
    Index number = n[0], from_rows = n[1], from_columns = n[2], stride = n[3], rows = n[4], columns = n[5];
    Index channels = n[6], down = n[7], across = n[8], top = n[9], left = n[10];
#pragma omp parallel for schedule(static) if (number * rows * columns * channels > WORTH_A_THREAD)
    for (Index row = 0; row < number * rows; row++) {
        Index picture = row / rows, y = row % rows + top, width = across * channels;
        const TYPE *source = from + (picture * from_rows + y / down) * from_columns * stride + y % down * width;
        FOR(unblock_row)(source, to + row * columns * channels, y / down < from_rows ? from_columns : 0, stride,
                         stride - y % down * width, width, left * channels, columns * channels);
    }
}

/* at: blocks, images. n: number of images; rows and columns of the blocks; rows, columns and channels of an image; rows
 * and columns of a block that are stored, and of a whole block; rows and columns of the first that are left out. */
API void FOR(interleave)(void *const *at, const Index *n) {
    const TYPE *from = at[0];
    TYPE *to = at[1];
    Index number = n[0], from_rows = n[1], from_columns = n[2], rows = n[3], columns = n[4], channels = n[5];
    Index high = n[6], wide = n[7], down = n[8], across = n[9], top = n[10], left = n[11];
    size_t pixel = (size_t)channels * sizeof(TYPE);
#pragma omp parallel for schedule(static) if (number * rows * columns * channels > WORTH_A_THREAD)
    for (Index row = 0; row < number * rows; row++) {
        Index y = row % rows + top, line = y / down, inner = y % down;
        TYPE *target = to + row * columns * channels;
        if (line >= from_rows || inner >= high) {
            memset(target, 0, (size_t)columns * pixel);
            continue;
        }
        const TYPE *source = from + ((row / rows * from_rows + line) * from_columns * high + inner) * wide * channels;
        for (Index column = 0; column < columns; column++) {
            Index x = column + left, block = x / across, beside = x % across;
            TYPE *here = target + column * channels;
            if (block < from_columns && beside < wide)
                memcpy(here, source + (block * high * wide + beside) * channels, pixel);
            else
                memset(here, 0, pixel);
        }
    }
}
