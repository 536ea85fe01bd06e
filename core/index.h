/* The ends of all accounts, nearest first, as handlers/ranges.py has them: one heap a slot, in which an end that was
   replaced stays until it comes to the top or there are more of them than of others. */
#ifndef DELEVERAGE_INDEX_H
#define DELEVERAGE_INDEX_H

#include "ranges.h"

typedef struct RangeIndex RangeIndex;

extern PyTypeObject RangeIndexType;

/* Replaces an account's ends; none disarms it. 0 if there is no such slot or no memory, and an exception says so. */
int arm_ends(RangeIndex *index, long account, const End *ends, int count);

PyObject *core_pass_over(PyObject *index, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_arm_between(PyObject *index, PyObject *const *arguments, Py_ssize_t count);

#endif
