/* Draws: each a hash of what it is for, BLAKE2b (RFC 7693) with the seed as its key, as handlers/draws.py says. */
#include "core.h"

#include <string.h>

#define BLOCK 128
#define WORDS 8
#define ROUNDS 12
#define KEY_BYTES 16
#define BITS_BYTES 8
#define NORMAL_BYTES 48
#define NORMAL_MEAN (6 * ((1LL << 32) - 1))

static const uint64_t BEGIN[WORDS] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static const uint8_t ORDER[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint64_t turned(uint64_t word, int bits) {
    return word >> bits | word << (64 - bits);
}

static void mix(uint64_t v[16], int a, int b, int c, int d, uint64_t x, uint64_t y) {
    v[a] += v[b] + x;
    v[d] = turned(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = turned(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = turned(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = turned(v[b] ^ v[c], 63);
}

/* Take one block into the state, after which so many bytes have been taken in. */
static void compress(uint64_t state[WORDS], const uint64_t block[16], uint64_t taken, int is_last) {
    uint64_t v[16];
    memcpy(v, state, WORDS * sizeof *v);
    memcpy(v + WORDS, BEGIN, WORDS * sizeof *v);
    v[12] ^= taken;
    v[14] ^= is_last ? ~0ULL : 0;
    for (int round = 0; round < ROUNDS; round++) {
        const uint8_t *s = ORDER[round % 10];
        for (int i = 0; i < 4; i++)
            mix(v, i, i + 4, i + 8, i + 12, block[s[2 * i]], block[s[2 * i + 1]]);
        for (int i = 0; i < 4; i++)
            mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, block[s[8 + 2 * i]], block[s[9 + 2 * i]]);
    }
    for (int i = 0; i < WORDS; i++)
        state[i] ^= v[i] ^ v[i + WORDS];
}

/* The state that a key leaves, made anew where another one was asked for last. */
static const uint64_t *keyed(long long seed, int bytes) {
    static struct { int known; long long seed; uint64_t state[WORDS]; } last[2];
    int place = bytes == NORMAL_BYTES;
    if (!last[place].known || last[place].seed != seed) {
        const uint64_t key[16] = {(uint64_t)seed, seed < 0 ? ~0ULL : 0};
        memcpy(last[place].state, BEGIN, sizeof BEGIN);
        last[place].state[0] ^= 0x01010000 ^ KEY_BYTES << 8 ^ bytes;
        compress(last[place].state, key, BLOCK, 0);
        last[place].known = 1, last[place].seed = seed;
    }
    return last[place].state;
}

/* Hash (seed, account, purpose, n) to so many bytes: 1; 0 where a number has more than 64 bits, or a purpose is too long. */
static int drawn(PyObject *const *arguments, Py_ssize_t count, int bytes, uint64_t state[WORDS]) {
    long long numbers[4];
    Py_ssize_t size;
    uint64_t block[16] = {0};
    if (count != 4) {
        PyErr_SetString(PyExc_TypeError, "a draw takes seed, account, purpose and n");
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int beyond = 0;
        if (i != 2 && (numbers[i] = PyLong_AsLongLongAndOverflow(arguments[i], &beyond)) == -1 && PyErr_Occurred())
            return -1;
        if (beyond)
            return 0;
    }
    const char *purpose = PyUnicode_AsUTF8AndSize(arguments[2], &size);
    if (!purpose)
        return -1;
    if (size > BLOCK - 16)
        return 0;
    block[0] = (uint64_t)numbers[1], block[1] = (uint64_t)numbers[3];
    for (Py_ssize_t i = 0; i < size; i++)
        block[2 + i / 8] |= (uint64_t)(uint8_t)purpose[i] << 8 * (i % 8);
    memcpy(state, keyed(numbers[0], bytes), WORDS * sizeof *state);
    compress(state, block, BLOCK + 16 + (uint64_t)size, 1);
    return 1;
}

/* draw_bits(seed, account, purpose, n): 64 random bits, or None. */
PyObject *core_draw_bits(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {
    uint64_t state[WORDS];
    int found = drawn(arguments, count, BITS_BYTES, state);
    if (found < 0)
        return NULL;
    return found ? PyLong_FromUnsignedLongLong(state[0]) : Py_NewRef(Py_None);
}

/* draw_normal(seed, account, purpose, n): twelve even numbers of 32 bits, summed, less their mean; or None. */
PyObject *core_draw_normal(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {
    uint64_t state[WORDS];
    long long sum = -NORMAL_MEAN;
    int found = drawn(arguments, count, NORMAL_BYTES, state);
    if (found < 0)
        return NULL;
    for (int i = 0; found && i < NORMAL_BYTES / 8; i++)
        sum += (long long)(state[i] >> 32) + (long long)(state[i] & 0xffffffff);
    return found ? PyLong_FromLongLong(sum) : Py_NewRef(Py_None);
}
