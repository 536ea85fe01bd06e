/* What the files of the core share. Each concern has a file; `module.c` gives them to Python. */
#ifndef DELEVERAGE_CORE_H
#define DELEVERAGE_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* pages.c */
PyObject *core_page_root(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_tree_root(PyObject *module, PyObject *leaves);

#endif
