/* Figures of accounts in rows of 64-bit numbers, as handlers/columns.py takes them in. */
#include "core.h"
#include "fields.h"

/* Where a trader stands; 0 is whoever is none. A row: this, the balance, then size, cost and funding an instrument. */
enum { NO_TRADER, HINDERED, STANDING, LIQUIDATING };
#define FIGURES_BEFORE 2
#define FIGURES_EACH 3

static int64_t read_figure(PyObject *number, int *fits) {
    int beyond = 1;
    long long figure = number && PyLong_CheckExact(number) ? PyLong_AsLongLongAndOverflow(number, &beyond) : 0;
    if (beyond)
        *fits = 0;
    return figure;
}

static int64_t standing_of(PyObject *status) {
    if (says(status, "healthy") || says(status, "called"))
        return STANDING;
    return says(status, "liquidating") ? LIQUIDATING : HINDERED;
}

/* Fills a row that is all nought; 0 where the account does not fit it. */
static int fill(int64_t *row, PyObject *account, Py_ssize_t instruments) {
    PyObject *key, *held;
    Py_ssize_t place = 0;
    int fits = has_shape(&account_shape, account);
    if (!fits || !says(field_of(&account_shape, account, KIND), "user"))
        return fits;
    PyObject *positions = field_of(&account_shape, account, POSITIONS);
    row[0] = standing_of(field_of(&account_shape, account, STATUS));
    row[1] = read_figure(field_of(&account_shape, account, BALANCE), &fits);
    if (!positions || !PyDict_CheckExact(positions))
        return 0;
    while (fits && PyDict_Next(positions, &place, &key, &held)) {
        if (!PyTuple_CheckExact(key) || PyTuple_GET_SIZE(key) != 2 || !has_shape(&position_shape, held))
            return 0;
        int64_t instrument = read_figure(PyTuple_GET_ITEM(key, 0), &fits);
        if (read_figure(PyTuple_GET_ITEM(key, 1), &fits) || instrument < 0 || instrument >= instruments)
            return 0;
        for (int i = SIZE_LOTS; i <= FUNDING_ATOMS; i++)
            row[FIGURES_BEFORE + FIGURES_EACH * instrument + i] = read_figure(field_of(&position_shape, held, i), &fits);
    }
    return fits;
}

static void fetch_ahead(PyObject *accounts, PyObject *numbers, Py_ssize_t at) {
    for (int link = 0; link < FETCH_LINKS; link++) {
        Py_ssize_t place = at + FETCH_STEP * (FETCH_LINKS - link);
        if (place < PyList_GET_SIZE(numbers))
            fetch_link(accounts, PyList_GET_ITEM(numbers, place), link);
    }
}

/* figures_of(accounts, numbers, instruments): None where one of them does not fit. */
PyObject *core_figures_of(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {
    Py_ssize_t instruments = count == 3 ? PyLong_AsSsize_t(arguments[2]) : -1;
    if (instruments < 0 || instruments > INT32_MAX || !PyList_CheckExact(arguments[1])) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "figures_of takes accounts, a list of numbers and how many instruments there are");
        return NULL;
    }
    PyObject *accounts = arguments[0], *numbers = arguments[1];
    Py_ssize_t width = FIGURES_BEFORE + FIGURES_EACH * instruments, size = width * (Py_ssize_t)sizeof(int64_t);
    int fits = PyList_CheckExact(accounts) && PyList_GET_SIZE(numbers) <= PY_SSIZE_T_MAX / size;
    if (!fits)
        Py_RETURN_NONE;
    PyObject *rows = PyBytes_FromStringAndSize(NULL, size * PyList_GET_SIZE(numbers));
    if (!rows)
        return NULL;
    memset(PyBytes_AS_STRING(rows), 0, size * PyList_GET_SIZE(numbers));
    for (Py_ssize_t i = 0; fits && i < PyList_GET_SIZE(numbers); i++) {
        fetch_ahead(accounts, numbers, i);
        int64_t number = read_figure(PyList_GET_ITEM(numbers, i), &fits);
        if (fits && number >= 0 && number < PyList_GET_SIZE(accounts))
            fits = fill((int64_t *)PyBytes_AS_STRING(rows) + width * i, PyList_GET_ITEM(accounts, number), instruments);
        else
            fits = 0;
    }
    if (fits)
        return rows;
    Py_DECREF(rows);
    Py_RETURN_NONE;
}
