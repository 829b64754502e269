/* Vectors of float32 for the target processor, and operations on them, as macros. Include it once for each processor,
 * with PROCESSOR, the suffix of its functions.
 *
 * INSIDE gives a mask with one bit for each number, set if the number lies between two bounds or is NaN, which CLIP
 * passes too. A bound that is NaN does not apply. A byte of a stored mask holds eight channels. STORE_bfloat16 rounds
 * to nearest, ties to even; a NaN must come from bfloat16, so that its lower sixteen bits are zero and rounding leaves
 * the others alone.
 */

#undef LANES
#undef Lanes
#undef SPREAD
#undef MULTIPLY_ADD
#undef CLIP
#undef INSIDE
#undef MASKED
#undef STORE_MASK
#undef LOAD_MASK
#undef LOAD_float32
#undef STORE_float32
#undef LOAD_bfloat16
#undef STORE_bfloat16

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)

#define LANES 16
#define Lanes __m512
#define SPREAD(x) _mm512_set1_ps(x)
#define MULTIPLY_ADD(a, b, sum) _mm512_fmadd_ps(a, b, sum)
/* If either operand is NaN, the result is the second. */
#define CLIP(value, low, high) _mm512_min_ps(high, _mm512_max_ps(low, value))
#define INSIDE(value, low, high)                                                                                       \
    _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(value, low, _CMP_NLE_UQ), value, high, _CMP_NGE_UQ)
#define MASKED(value, mask) _mm512_maskz_mov_ps(mask, value)
#define STORE_MASK(to, channel, bits) JOINED(store, mask, PROCESSOR)((to) + ((size_t)(channel) / 8), bits)
#define LOAD_MASK(from, channel) JOINED(load, mask, PROCESSOR)((from) + ((size_t)(channel) / 8))
#define LOAD_float32(from) _mm512_loadu_ps(from)
#define STORE_float32(to, value) _mm512_storeu_ps(to, value)
#define LOAD_bfloat16(from)                                                                                            \
    _mm512_castsi512_ps(                                                                                               \
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(from))), 16))
#define STORE_bfloat16(to, value) JOINED(store, bfloat16, PROCESSOR)(to, value)

INLINE void JOINED(store, mask, PROCESSOR)(uint8_t *to, __mmask16 mask) {
    uint16_t bits = (uint16_t)mask;
    memcpy(to, &bits, sizeof bits);
}

INLINE __mmask16 JOINED(load, mask, PROCESSOR)(const uint8_t *from) {
    uint16_t bits;
    memcpy(&bits, from, sizeof bits);
    return bits;
}

INLINE void JOINED(store, bfloat16, PROCESSOR)(uint16_t *to, __m512 value) {
    __m512i bits = _mm512_castps_si512(value);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    rounded = _mm512_srli_epi32(rounded, 16);
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtepi32_epi16(rounded));
}

#elif defined(__AVX2__) && defined(__FMA__)

#define LANES 8
#define Lanes __m256
#define SPREAD(x) _mm256_set1_ps(x)
#define MULTIPLY_ADD(a, b, sum) _mm256_fmadd_ps(a, b, sum)
#define CLIP(value, low, high) _mm256_min_ps(high, _mm256_max_ps(low, value))
#define INSIDE(value, low, high)                                                                                       \
    _mm256_movemask_ps(_mm256_and_ps(_mm256_cmp_ps(value, low, _CMP_NLE_UQ), _mm256_cmp_ps(value, high, _CMP_NGE_UQ)))
#define MASKED(value, mask) JOINED(masked, eight, PROCESSOR)(value, mask)
#define STORE_MASK(to, channel, bits) ((to)[((size_t)(channel) / 8)] = (uint8_t)(bits))
#define LOAD_MASK(from, channel) ((from)[((size_t)(channel) / 8)])
#define LOAD_float32(from) _mm256_loadu_ps(from)
#define STORE_float32(to, value) _mm256_storeu_ps(to, value)
#define LOAD_bfloat16(from)                                                                                            \
    _mm256_castsi256_ps(                                                                                               \
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(from))), 16))
#define STORE_bfloat16(to, value) JOINED(store, bfloat16, PROCESSOR)(to, value)

INLINE __m256 JOINED(masked, eight, PROCESSOR)(__m256 value, int mask) {
    __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i let = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(mask), bits), bits);
    return _mm256_and_ps(value, _mm256_castsi256_ps(let));
}

INLINE void JOINED(store, bfloat16, PROCESSOR)(uint16_t *to, __m256 value) {
    __m256i bits = _mm256_castps_si256(value);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    rounded = _mm256_srli_epi32(rounded, 16);
    __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
    _mm_storeu_si128((__m128i *)(void *)to, packed);
}

#else

#define LANES 4
#define Lanes Four
#define SPREAD(x) ((Four){x, x, x, x})
#define MULTIPLY_ADD(a, b, sum) ((a) * (b) + (sum))
#define CLIP(value, low, high) JOINED(clip, four, PROCESSOR)(value, low, high)
#define INSIDE(value, low, high) JOINED(inside, four, PROCESSOR)(value, low, high)
#define MASKED(value, mask) JOINED(masked, four, PROCESSOR)(value, mask)
/* Half a byte: the first half clears the second. */
#define STORE_MASK(to, channel, bits)                                                                                  \
    ((to)[((size_t)(channel) / 8)] =                                                                                   \
         (uint8_t)(((size_t)(channel) % 8) ? (to)[((size_t)(channel) / 8)] | (bits) << 4 : (bits)))
#define LOAD_MASK(from, channel) ((from)[((size_t)(channel) / 8)] >> ((size_t)(channel) % 8) & 15)
#define LOAD_float32(from) JOINED(load, float32, PROCESSOR)(from)
#define STORE_float32(to, value) JOINED(store, float32, PROCESSOR)(to, value)
#define LOAD_bfloat16(from) JOINED(load, bfloat16, PROCESSOR)(from)
#define STORE_bfloat16(to, value) JOINED(store, bfloat16, PROCESSOR)(to, value)

typedef float Four __attribute__((vector_size(16)));
typedef int32_t Four_bits __attribute__((vector_size(16)));

INLINE Four JOINED(clip, four, PROCESSOR)(Four value, Four low, Four high) {
    Four_bits below = value<low, above = value> high, bits = (Four_bits)value;
    return (Four)((below & (Four_bits)low) | (above & (Four_bits)high) | (~below & ~above & bits));
}

INLINE int JOINED(inside, four, PROCESSOR)(Four value, Four low, Four high) {
    Four_bits let = ~(value <= low) & ~(value >= high) & (Four_bits){1, 2, 4, 8};
    return let[0] | let[1] | let[2] | let[3];
}

INLINE Four JOINED(masked, four, PROCESSOR)(Four value, int mask) {
    Four_bits bits = {1, 2, 4, 8};
    return (Four)((Four_bits)value & (((Four_bits){mask, mask, mask, mask} & bits) == bits));
}

INLINE Four JOINED(load, float32, PROCESSOR)(const float *from) {
    Four value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE void JOINED(store, float32, PROCESSOR)(float *to, Four value) { memcpy(to, &value, sizeof value); }

INLINE Four JOINED(load, bfloat16, PROCESSOR)(const uint16_t *from) {
    return (Four)((Four_bits){from[0], from[1], from[2], from[3]} << 16);
}

INLINE void JOINED(store, bfloat16, PROCESSOR)(uint16_t *to, Four value) {
    Four_bits bits = (Four_bits)value, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    for (int i = 0; i < 4; i++) to[i] = (uint16_t)rounded[i];
}

#endif
