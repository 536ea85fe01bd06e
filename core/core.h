/* What `module.c` gives to Python. Each concern has a file, and what it shares with others a header of its name. */
#ifndef DELEVERAGE_CORE_H
#define DELEVERAGE_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "margin.h"

/* pages.c */
PyObject *core_page_root(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_tree_root(PyObject *module, PyObject *leaves);

/* draws.c */
PyObject *core_draw_bits(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_draw_normal(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

/* ticks.c */
PyObject *core_ticks_ahead(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

/* decimals.c */
PyObject *core_whole(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

/* reductions.c */
PyObject *core_fold_reductions(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

/* figures.c */
PyObject *core_figures_of(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

/* margin.c */
PyObject *core_know_payoffs(PyObject *module, PyObject *payoffs);
PyObject *core_margin_of(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *margin_object(const Margin *margin);

#endif
