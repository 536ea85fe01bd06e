/* Whole numbers of up to 122 bits, exact. What would be larger sets `*fits` to 0, and its value then means nothing. */
#ifndef DELEVERAGE_INTEGERS_H
#define DELEVERAGE_INTEGERS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

typedef __int128 wide;
typedef unsigned __int128 unsigned_wide;

#define WIDE_BITS 122

static inline wide magnitude(wide number) {
    return number < 0 ? -number : number;
}

static inline int bits_of(wide number) {
    unsigned_wide size = (unsigned_wide)magnitude(number);
    uint64_t high = (uint64_t)(size >> 64), low = (uint64_t)size;
    return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
}

static inline wide plus(wide one, wide other, int *fits) {
    wide sum = one + other; /* neither has more than 123 bits */
    if (bits_of(sum) > WIDE_BITS)
        *fits = 0;
    return *fits ? sum : 0;
}

static inline wide times(wide one, wide other, int *fits) {
    if (bits_of(one) + bits_of(other) > WIDE_BITS)
        *fits = 0;
    return *fits ? one * other : 0;
}

/* Rounded down; up. Not by zero. */
static inline wide floor_of(wide number, wide by) {
    wide quotient = number / by;
    return number % by && (number < 0) != (by < 0) ? quotient - 1 : quotient;
}

static inline wide ceiling_of(wide number, wide by) {
    return -floor_of(-number, by);
}

/* A Python int, if it is one and fits; leaves no exception behind. */
static inline wide read_wide(PyObject *number, int *fits) {
    int beyond;
    if (!number || !PyLong_CheckExact(number)) {
        *fits = 0;
        return 0;
    }
    long long small = PyLong_AsLongLongAndOverflow(number, &beyond);
    if (!beyond)
        return small;
    static PyObject *half;
    if (!half)
        half = PyLong_FromLong(64);
    PyObject *top = half ? PyNumber_Rshift(number, half) : NULL;
    long long high = top ? PyLong_AsLongLongAndOverflow(top, &beyond) : 0;
    unsigned long long low = PyLong_AsUnsignedLongLongMask(number);
    Py_XDECREF(top);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        beyond = 1;
    }
    wide whole = beyond ? 0 : (wide)high * ((wide)1 << 64) + (wide)low;
    if (beyond || bits_of(whole) > WIDE_BITS)
        *fits = 0;
    return *fits ? whole : 0;
}

static inline PyObject *wide_object(wide number) {
    if (number >= INT64_MIN && number <= INT64_MAX)
        return PyLong_FromLongLong((long long)number);
    PyObject *high = PyLong_FromLongLong((long long)(number >> 64)), *low = PyLong_FromUnsignedLongLong((uint64_t)number);
    PyObject *half = PyLong_FromLong(64), *top = NULL, *whole = NULL;
    if (high && low && half)
        top = PyNumber_Lshift(high, half);
    if (top)
        whole = PyNumber_Or(top, low);
    Py_XDECREF(high), Py_XDECREF(low), Py_XDECREF(half), Py_XDECREF(top);
    return whole;
}

#endif
