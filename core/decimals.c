/* Decimal text to a whole number of units, as `whole` in replay/importers/digits.py has it. */
#include "core.h"

#define DIGITS_MOST 18 /* so many always fit into 63 bits */

static int is_digit(char character) {
    return character >= '0' && character <= '9';
}

/* whole(text, decimals): text x 10^decimals; None where that is not whole, is no number, or could be beyond 63 bits. */
PyObject *core_whole(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    if (count != 2 || !PyUnicode_CheckExact(arguments[0]) || !PyLong_CheckExact(arguments[1]))
        Py_RETURN_NONE;
    if (!PyUnicode_IS_COMPACT_ASCII(arguments[0]))
        Py_RETURN_NONE;
    int beyond;
    const long decimals = PyLong_AsLongAndOverflow(arguments[1], &beyond);
    if (beyond || decimals < 0 || decimals > DIGITS_MOST)
        Py_RETURN_NONE;
    const char *at = (const char *)PyUnicode_1BYTE_DATA(arguments[0]);
    const char *stop = at + PyUnicode_GET_LENGTH(arguments[0]);
    const int below = at < stop && *at == '-';
    at += below;
    const char *units = at;
    while (at < stop && is_digit(*at))
        at++;
    const char *point = at, *fraction = at;
    if (at < stop && *at == '.') {
        fraction = ++at;
        while (at < stop && is_digit(*at))
            at++;
        if (at == fraction)
            Py_RETURN_NONE;
    }
    if (at != stop || point == units)
        Py_RETURN_NONE;
    while (stop - fraction > decimals && stop[-1] == '0')
        stop--;
    if (stop - fraction > decimals || point - units + decimals > DIGITS_MOST)
        Py_RETURN_NONE;
    int64_t value = 0;
    for (at = units; at < point; at++)
        value = 10 * value + (*at - '0');
    for (long place = 0; place < decimals; place++)
        value = 10 * value + (fraction + place < stop ? fraction[place] - '0' : 0);
    return PyLong_FromLongLong(below ? -value : value);
}
