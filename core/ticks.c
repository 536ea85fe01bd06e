/* Prices from outside that lie ahead, as columns, as sim/ahead.py reads them: how far they are alike, and what they are. */
#include "core.h"
#include "fields.h"

enum { PRICES, PROVENANCE };
static Shape tick_shape = {{"prices", "provenance"}, NULL, {0}};

/* A whole number of 64 bits; cleared in `fits` where it is none. */
static int64_t read_64(PyObject *number, int *fits) {
    int beyond = 0;
    if (!number || !PyLong_CheckExact(number)) {
        *fits = 0;
        return 0;
    }
    int64_t value = PyLong_AsLongLongAndOverflow(number, &beyond);
    if (beyond)
        *fits = 0;
    return value;
}

/* The price of an instrument among the prices of a tick: (instrument, price), NULL where there is no such pair. */
static PyObject *pair_of(PyObject *prices, Py_ssize_t place) {
    PyObject *pair = PyTuple_GET_ITEM(prices, place);
    return PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2 ? pair : NULL;
}

/* The prices of an input (time, body) that is a price from outside and of no file's row; NULL where it is not. */
static PyObject *prices_of(PyObject *entry, PyTypeObject *ticked, int *fits) {
    if (!PyTuple_CheckExact(entry) || PyTuple_GET_SIZE(entry) != 2) {
        *fits = 0;
        return NULL;
    }
    PyObject *body = PyTuple_GET_ITEM(entry, 1);
    if (Py_TYPE(body) != ticked)
        return NULL;
    PyObject *prices = has_shape(&tick_shape, body) ? field_of(&tick_shape, body, PRICES) : NULL;
    if (!prices || !PyTuple_CheckExact(prices)) {
        *fits = 0;
        return NULL;
    }
    return field_of(&tick_shape, body, PROVENANCE) == Py_None ? prices : NULL;
}

/* A row of the table, where its instruments are those of the first one; 0 where they are not. */
static int read_row(PyObject *prices, PyObject *first, int64_t *row, int *fits) {
    Py_ssize_t instruments = PyTuple_GET_SIZE(first);
    if (PyTuple_GET_SIZE(prices) != instruments)
        return 0;
    for (Py_ssize_t place = 0; place < instruments; place++) {
        PyObject *pair = pair_of(prices, place), *known = pair_of(first, place);
        if (!pair || !known) {
            *fits = 0;
            return 0;
        }
        int64_t instrument = read_64(PyTuple_GET_ITEM(pair, 0), fits);
        if (instrument != read_64(PyTuple_GET_ITEM(known, 0), fits) || !*fits)
            return 0;
        row[place] = read_64(PyTuple_GET_ITEM(pair, 1), fits);
    }
    return *fits;
}

static PyObject *instruments_of(PyObject *first) {
    Py_ssize_t count = first ? PyTuple_GET_SIZE(first) : 0;
    PyObject *found = PyTuple_New(count);
    for (Py_ssize_t place = 0; found && place < count; place++)
        PyTuple_SET_ITEM(found, place, Py_NewRef(PyTuple_GET_ITEM(pair_of(first, place), 0)));
    return found;
}

static PyObject *columns(PyObject *first, const int64_t *times, const int64_t *table, Py_ssize_t rows) {
    Py_ssize_t cells = first ? rows * PyTuple_GET_SIZE(first) : 0;
    PyObject *instruments = instruments_of(rows ? first : NULL);
    PyObject *at = PyBytes_FromStringAndSize((const char *)times, rows * sizeof *times);
    PyObject *prices = PyBytes_FromStringAndSize((const char *)table, cells * sizeof *table);
    PyObject *found = instruments && at && prices ? PyTuple_Pack(3, instruments, at, prices) : NULL;
    Py_XDECREF(instruments);
    Py_XDECREF(at);
    Py_XDECREF(prices);
    return found;
}

/* ticks_ahead(entries, start, type): instruments, times and prices, as bytes of 64-bit numbers; None if not for C. */
PyObject *core_ticks_ahead(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {
    if (count != 3 || !PyList_CheckExact(arguments[0]) || !PyLong_CheckExact(arguments[1]) || !PyType_Check(arguments[2]))
        Py_RETURN_NONE;
    PyObject *entries = arguments[0], *first = NULL;
    Py_ssize_t start = PyLong_AsSsize_t(arguments[1]), stop = PyList_GET_SIZE(entries), rows = 0;
    if (start < 0 || start >= stop) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    int fits = 1;
    first = prices_of(PyList_GET_ITEM(entries, start), (PyTypeObject *)arguments[2], &fits);
    Py_ssize_t instruments = first ? PyTuple_GET_SIZE(first) : 0;
    int64_t *times = PyMem_New(int64_t, stop - start), *table = PyMem_New(int64_t, (stop - start) * instruments + 1);
    PyObject *found = NULL;
    if (!times || !table)
        PyErr_NoMemory();
    for (Py_ssize_t i = start; times && table && instruments && fits && i < stop; i++, rows++) {
        PyObject *entry = PyList_GET_ITEM(entries, i);
        PyObject *prices = prices_of(entry, (PyTypeObject *)arguments[2], &fits);
        if (!prices || !read_row(prices, first, table + rows * instruments, &fits))
            break;
        times[rows] = read_64(PyTuple_GET_ITEM(entry, 0), &fits);
    }
    if (times && table)
        found = fits ? columns(first, times, table, rows) : Py_NewRef(Py_None);
    PyMem_Free(times);
    PyMem_Free(table);
    return found;
}
