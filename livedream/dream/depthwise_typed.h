/* What depthwise.c does with numbers of one type, TYPE, called KIND, on one processor: see there. IN(name) is the name of
 * a function for both.
 */

/* Bring a row of pixels of some channels into the ring, zeros where there is no picture. columns: from first on. */
INLINE void IN(fill)(const TYPE *row, float *ring, Index first, Index wide, const Depthwise *d, Index columns,
                     Index count, const TYPE *by, Bounds bounds) {
    Lanes low = SPREAD(bounds.low), high = SPREAD(bounds.high);
    for (Index j = 0; j < wide; j++) {
        float *to = ring + j * count;
        Index column = first + j;
        if (!row || column < 0 || column >= columns) {
            memset(to, 0, (size_t)count * sizeof(float));
            continue;
        }
        const TYPE *from = row + column * d->channels;
        if (by) {
            const TYPE *beside = by + column * d->channels;
            for (Index c = 0; c < count; c += LANES) {
                Index k = c + LANES <= count ? c : count - LANES;
                Lanes value = LOAD(from + k), other = LOAD(beside + k);
                STORE_float32(to + k, INSIDE(value, other, low, high));
            }
        } else {
            for (Index c = 0; c < count; c += LANES) {
                Index k = c + LANES <= count ? c : count - LANES;
                STORE_float32(to + k, LOAD(from + k));
            }
        }
    }
}

/* Rows first to last of what the convolution gives for a picture. */
INLINE void IN(forward)(const TYPE *from, const float *weight, const float *bias, TYPE *to, const Depthwise *d,
                        Bounds bounds, Index first, Index last, const int size, const int stride) {
    enum { WIDEST = (TILE - 1) * STRIDES + LARGEST };
    float ring[LARGEST][WIDEST * BLOCK] __attribute__((aligned(64)));
    Lanes low = SPREAD(bounds.low), high = SPREAD(bounds.high);
    const Index wide = (TILE - 1) * stride + size;
    for (Index start = 0, end; start < d->channels; start = end) {
        end = end_of_block(start, d->channels);
        Index begin = end - start < 16 ? end - 16 : start, count = end - begin;
        for (Index column = 0; column < d->to_columns; column += TILE) {
            Index tile = d->to_columns - column < TILE ? d->to_columns - column : TILE;
            Index filled = first * stride - d->top;
            for (Index row = first; row < last; row++) {
                Index above = row * stride - d->top;
                for (; filled < above + size; filled++) {
                    const TYPE *line = from + filled * d->columns * d->channels + begin;
                    IN(fill)(filled < 0 || filled >= d->rows ? NULL : line, ring[(filled + size) % size],
                             column * stride - d->left, wide, d, d->columns, count, NULL, bounds);
                }
                const float *lines[LARGEST];
                for (int y = 0; y < size; y++) lines[y] = ring[(above + y + size) % size];
                TYPE *target = to + (row * d->to_columns + column) * d->channels + begin;
                for (Index c = 0; c < count; c += LANES) {
                    Index k = c + LANES <= count ? c : count - LANES;
                    Lanes sum[TILE], start_sum = LOAD_float32(bias + begin + k);
                    CONSTANT_LOOP for (int t = 0; t < TILE; t++) sum[t] = start_sum;
                    for (int y = 0; y < size; y++) {
                        const float *line = lines[y] + k;
                        const float *taps = weight + y * size * d->channels + begin + k;
                        CONSTANT_LOOP for (int x = 0; x < size; x++) {
                            Lanes tap = LOAD_float32(taps + x * d->channels);
                            CONSTANT_LOOP for (int t = 0; t < TILE; t++) sum[t] =
                                MULTIPLY_ADD(tap, LOAD_float32(line + (t * stride + x) * count), sum[t]);
                        }
                    }
                    CONSTANT_LOOP for (int t = 0; t < TILE; t++) if (t < tile)
                        STORE(target + t * d->channels + k, CLIP(sum[t], low, high));
                }
            }
        }
    }
}

/* Rows of the gradient before the convolution: those that lie `stride` times first to last below the top. */
INLINE void IN(backward)(const TYPE *gradient, const TYPE *output, const float *weight, const TYPE *input, TYPE *to,
                         const Depthwise *d, Bounds behind, Bounds before, Index first, Index last, const int size,
                         const int stride) {
    enum { WIDEST = TILE + LARGEST - 1 };
    float ring[LARGEST][WIDEST * BLOCK] __attribute__((aligned(64)));
    Lanes low = SPREAD(before.low), high = SPREAD(before.high);
    const int reach = (size - 1) / stride;
    const Index wide = TILE + reach, tiles = (d->columns - 1 + d->left) / stride + 1;
    for (Index start = 0, end; start < d->channels; start = end) {
        end = end_of_block(start, d->channels);
        Index begin = end - start < 16 ? end - 16 : start, count = end - begin;
        for (Index column = 0; column < tiles; column += TILE) {
            Index filled = first - reach;
            for (Index row = first; row < last; row++) {
                for (; filled <= row; filled++) {
                    Index line = filled * d->to_columns * d->channels + begin;
                    IN(fill)(filled < 0 || filled >= d->to_rows ? NULL : gradient + line,
                             ring[(filled + reach + 1) % (reach + 1)], column - reach, wide, d, d->to_columns, count,
                             output ? output + line : NULL, behind);
                }
                CONSTANT_LOOP for (int down = 0; down < stride; down++) {
                    Index y = row * stride + down - d->top;
                    if (y < 0 || y >= d->rows) continue;
                    CONSTANT_LOOP for (int across = 0; across < stride; across++) {
                        Index left = column * stride + across - d->left;
                        for (Index c = 0; c < count; c += LANES) {
                            Index k = c + LANES <= count ? c : count - LANES;
                            Lanes sum[TILE];
                            CONSTANT_LOOP for (int t = 0; t < TILE; t++) sum[t] = SPREAD(0);
                            for (int i = down; i < size; i += stride) {
                                const float *line = ring[(row - i / stride + reach + 1) % (reach + 1)] + k;
                                const float *taps = weight + i * size * d->channels + begin + k;
                                CONSTANT_LOOP for (int j = across; j < size; j += stride) {
                                    Lanes tap = LOAD_float32(taps + j * d->channels);
                                    CONSTANT_LOOP for (int t = 0; t < TILE; t++) sum[t] = MULTIPLY_ADD(
                                        tap, LOAD_float32(line + (t + reach - j / stride) * count), sum[t]);
                                }
                            }
                            CONSTANT_LOOP for (int t = 0; t < TILE; t++) {
                                Index x = left + t * stride;
                                if (x < 0 || x >= d->columns) continue;
                                Index at = (y * d->columns + x) * d->channels + begin + k;
                                if (input) {
                                    Lanes by = LOAD(input + at);
                                    sum[t] = INSIDE(sum[t], by, low, high);
                                }
                                STORE(to + at, sum[t]);
                            }
                        }
                    }
                }
            }
        }
    }
}

#define FORWARD(size, stride)                                                                                          \
    static void IN(forward_##size##_##stride)(const TYPE *from, const float *weight, const float *bias, TYPE *to,      \
                                              const Depthwise *d, Bounds bounds, Index first, Index last) {            \
        IN(forward)(from, weight, bias, to, d, bounds, first, last, size, stride);                                     \
    }
#define BACKWARD(size, stride)                                                                                         \
    static void IN(backward_##size##_##stride)(const TYPE *gradient, const TYPE *output, const float *weight,          \
                                               const TYPE *input, TYPE *to, const Depthwise *d, Bounds behind,         \
                                               Bounds before, Index first, Index last) {                               \
        IN(backward)(gradient, output, weight, input, to, d, behind, before, first, last, size, stride);               \
    }
FORWARD(3, 1)
FORWARD(3, 2)
FORWARD(5, 1)
FORWARD(5, 2)
BACKWARD(3, 1)
BACKWARD(3, 2)
BACKWARD(5, 1)
BACKWARD(5, 2)
#undef FORWARD
#undef BACKWARD
