/* The root of a page: its leaves, and the tree over them, as events/record/pages.py and merkle.py say. */
#include "core.h"
#include "sha256.h"

#include <string.h>

#define LEAF 0
#define NODE 1
#define EVENTS_MOST 256

typedef uint8_t Digest[SHA256_BYTES];

/* So many bytes after `at` as a big-endian number. */
static uint64_t number_at(const uint8_t *at, int bytes) {
    uint64_t number = 0;
    while (bytes--)
        number = number << 8 | *at++;
    return number;
}

/* How many bytes of length follow a msgpack type byte from 0xc4 on, how many more stand before the content, and what the
   length counts: bytes, values, or pairs of them. */
enum { NOTHING, BYTES, VALUES, PAIRS };
static const struct { uint8_t counts, length, fixed; } SHAPES[] = {
    /* c4 */ {BYTES, 1, 0}, {BYTES, 2, 0}, {BYTES, 4, 0},
    /* c7 */ {BYTES, 1, 1}, {BYTES, 2, 1}, {BYTES, 4, 1},
    /* ca */ {NOTHING, 0, 4}, {NOTHING, 0, 8},
    /* cc */ {NOTHING, 0, 1}, {NOTHING, 0, 2}, {NOTHING, 0, 4}, {NOTHING, 0, 8},
    /* d0 */ {NOTHING, 0, 1}, {NOTHING, 0, 2}, {NOTHING, 0, 4}, {NOTHING, 0, 8},
    /* d4 */ {NOTHING, 0, 2}, {NOTHING, 0, 3}, {NOTHING, 0, 5}, {NOTHING, 0, 9}, {NOTHING, 0, 17},
    /* d9 */ {BYTES, 1, 0}, {BYTES, 2, 0}, {BYTES, 4, 0},
    /* dc */ {VALUES, 2, 0}, {VALUES, 4, 0},
    /* de */ {PAIRS, 2, 0}, {PAIRS, 4, 0},
};

/* The end of the msgpack value at `at`; NULL if it does not end before `stop`. */
static const uint8_t *after_value(const uint8_t *at, const uint8_t *stop) {
    for (uint64_t due = 1; due; due--) {
        uint64_t bytes = 0;
        if (at >= stop)
            return NULL;
        uint8_t kind = *at++;
        if (kind >= 0x80 && kind < 0x90) {
            due += 2 * (kind & 15);
        } else if (kind >= 0x90 && kind < 0xa0) {
            due += kind & 15;
        } else if (kind >= 0xa0 && kind < 0xc0) {
            bytes = kind & 31;
        } else if (kind >= 0xc4 && kind < 0xe0) {
            int length = SHAPES[kind - 0xc4].length;
            if (stop - at < length)
                return NULL;
            uint64_t told = number_at(at, length);
            at += length;
            bytes = SHAPES[kind - 0xc4].fixed;
            switch (SHAPES[kind - 0xc4].counts) {
            case BYTES: bytes += told; break;
            case VALUES: due += told; break;
            case PAIRS: due += 2 * told; break;
            }
        }
        if ((uint64_t)(stop - at) < bytes)
            return NULL;
        at += bytes;
    }
    return at;
}

/* Where the first item of a msgpack list stands; NULL if it is no list of so many. */
static const uint8_t *items_of(const uint8_t *at, const uint8_t *stop, Py_ssize_t items) {
    if (items < 16 && stop - at >= 1 && at[0] == (0x90 | items))
        return at + 1;
    if (stop - at >= 3 && at[0] == 0xdc && number_at(at + 1, 2) == (uint64_t)items)
        return at + 3;
    return NULL;
}

/* The root over so many digests, which are overwritten: paired level by level, an odd last one carried up. */
static void reduce(Digest *level, Py_ssize_t count) {
    while (count > 1) {
        Py_ssize_t half = count / 2;
        for (Py_ssize_t i = 0; i < half; i++)
            sha256_pair(NODE, level[2 * i], level[2 * i + 1], level[i]);
        if (count % 2)
            memcpy(level[half++], level[count - 1], SHA256_BYTES);
        count = half;
    }
}

/* The leaves of a page: an event each, but for runs of public ones. How many; 0 if the bytes are no list of so many. */
static int leaves_of(const uint8_t *at, const uint8_t *stop, const uint8_t *public, Py_ssize_t events, Digest *leaves) {
    int found = 0;
    at = items_of(at, stop, events);
    for (Py_ssize_t i = 0; at && i < events;) {
        const uint8_t *from = at;
        int joined = public[i];
        do {
            at = after_value(at, stop);
            i++;
        } while (at && joined && i < events && public[i]);
        if (at)
            sha256_prefixed(LEAF, from, at - from, leaves[found++]);
    }
    return at == stop ? found : 0;
}

/* page_root(page, public): None where the page is no bytes of a list of one to 256 values, one for each of `public`. */
PyObject *core_page_root(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {
    char *page, *public;
    Py_ssize_t size, events;
    Digest leaves[EVENTS_MOST];
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "page_root takes two byte strings");
        return NULL;
    }
    if (!PyBytes_Check(arguments[0]))
        Py_RETURN_NONE;
    if (PyBytes_AsStringAndSize(arguments[0], &page, &size) < 0 || PyBytes_AsStringAndSize(arguments[1], &public, &events) < 0)
        return NULL;
    if (events < 1 || events > EVENTS_MOST)
        Py_RETURN_NONE;
    int found = leaves_of((uint8_t *)page, (uint8_t *)page + size, (uint8_t *)public, events, leaves);
    if (!found)
        Py_RETURN_NONE;
    reduce(leaves, found);
    return PyBytes_FromStringAndSize((char *)leaves[0], SHA256_BYTES);
}

/* tree_root(leaves): the root over a list of digests. */
PyObject *core_tree_root(PyObject *Py_UNUSED(module), PyObject *leaves) {
    if (!PyList_Check(leaves) || !PyList_GET_SIZE(leaves)) {
        PyErr_SetString(PyExc_TypeError, "tree_root takes a list of one leaf or more");
        return NULL;
    }
    Py_ssize_t count = PyList_GET_SIZE(leaves);
    Digest *level = PyMem_Malloc(count * sizeof *level);
    if (!level)
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *leaf = PyList_GET_ITEM(leaves, i);
        if (!PyBytes_Check(leaf) || PyBytes_GET_SIZE(leaf) != SHA256_BYTES) {
            PyMem_Free(level);
            PyErr_SetString(PyExc_TypeError, "a leaf is 32 bytes");
            return NULL;
        }
        memcpy(level[i], PyBytes_AS_STRING(leaf), SHA256_BYTES);
    }
    reduce(level, count);
    PyObject *root = PyBytes_FromStringAndSize((char *)level[0], SHA256_BYTES);
    PyMem_Free(level);
    return root;
}
