#include "sha256.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>

#define BLOCK 64
#define LENGTH_AT 56

static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t BEGIN[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static void write_word(uint8_t *at, uint32_t word) {
    at[0] = word >> 24, at[1] = word >> 16, at[2] = word >> 8, at[3] = word;
}

/* Four rounds a step. `w` holds the last sixteen words of the schedule; from the fourth step on each step makes four more. */
__attribute__((target("sha,sse4.1"))) static void blocks_of(uint32_t state[8], const uint8_t *block, size_t blocks) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bULL, 0x0405060700010203ULL);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
    for (; blocks--; block += BLOCK) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
#pragma GCC unroll 16
        for (int step = 0; step < 16; step++) {
            if (step < 4) {
                w[step] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * step)), swap);
            } else {
                __m128i last = w[(step + 3) & 3], before = w[(step + 2) & 3];
                __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(w[step & 3], w[(step + 1) & 3]), _mm_alignr_epi8(last, before, 4));
                w[step & 3] = _mm_sha256msg2_epu32(next, last);
            }
            __m128i words = _mm_add_epi32(w[step & 3], _mm_loadu_si128((const __m128i *)(ROUND + 4 * step)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(words, 0x0e));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

int sha256_is_here(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3))
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1;
}
static void write_state(const uint32_t state[8], uint8_t digest[SHA256_BYTES]) {
    for (int i = 0; i < 8; i++)
        write_word(digest + 4 * i, state[i]);
}

/* Pads what is left, fewer than 64 bytes at the start of `last`, of a message of so many bytes. */
static void finish(uint32_t state[8], uint8_t last[2 * BLOCK], size_t left, uint64_t bytes) {
    size_t blocks = left < LENGTH_AT ? 1 : 2;
    last[left] = 0x80;
    memset(last + left + 1, 0, blocks * BLOCK - left - 1);
    write_word(last + blocks * BLOCK - 8, (uint32_t)(bytes >> 29));
    write_word(last + blocks * BLOCK - 4, (uint32_t)(bytes << 3));
    blocks_of(state, last, blocks);
}

void sha256_prefixed(uint8_t prefix, const uint8_t *message, size_t size, uint8_t digest[SHA256_BYTES]) {
    uint32_t state[8];
    uint8_t last[2 * BLOCK] = {prefix};
    uint64_t bytes = (uint64_t)size + 1;
    memcpy(state, BEGIN, sizeof state);
    if (size >= BLOCK - 1) {
        memcpy(last + 1, message, BLOCK - 1);
        blocks_of(state, last, 1);
        message += BLOCK - 1, size -= BLOCK - 1;
        blocks_of(state, message, size / BLOCK);
        message += size / BLOCK * BLOCK, size %= BLOCK;
        memcpy(last, message, size);
    } else {
        memcpy(last + 1, message, size);
        size++;
    }
    finish(state, last, size, bytes);
    write_state(state, digest);
}

void sha256_pair(uint8_t prefix, const uint8_t *left, const uint8_t *right, uint8_t digest[SHA256_BYTES]) {
    uint8_t both[2 * SHA256_BYTES];
    memcpy(both, left, SHA256_BYTES);
    memcpy(both + SHA256_BYTES, right, SHA256_BYTES);
    sha256_prefixed(prefix, both, sizeof both, digest);
}

#else /* another processor: nobody calls these */

int sha256_is_here(void) {
    return 0;
}

void sha256_prefixed(uint8_t prefix, const uint8_t *message, size_t size, uint8_t digest[SHA256_BYTES]) {
    (void)prefix, (void)message, (void)size, (void)digest;
}

void sha256_pair(uint8_t prefix, const uint8_t *left, const uint8_t *right, uint8_t digest[SHA256_BYTES]) {
    (void)prefix, (void)left, (void)right, (void)digest;
}

#endif
