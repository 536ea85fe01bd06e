/* The module `deleverage.core._core`: what the files beside this one offer to Python. `_core.pyi` has their types. */
#include "core.h"
#include "index.h"
#include "sha256.h"

static PyMethodDef METHODS[] = {
    {"draw_bits", (PyCFunction)(void (*)(void))core_draw_bits, METH_FASTCALL, "64 random bits, by what they are for."},
    {"draw_normal", (PyCFunction)(void (*)(void))core_draw_normal, METH_FASTCALL, "A normal draw, by what it is for."},
    {"figures_of", (PyCFunction)(void (*)(void))core_figures_of, METH_FASTCALL, "Figures of accounts in rows."},
    {"fold_reductions", (PyCFunction)(void (*)(void))core_fold_reductions, METH_FASTCALL, "Book reductions in a row."},
    {"know_payoffs", core_know_payoffs, METH_VARARGS, "The classes of a linear and an inverse payoff."},
    {"margin_of", (PyCFunction)(void (*)(void))core_margin_of, METH_FASTCALL, "Equity, requirement and values of an account."},
    {"page_root", (PyCFunction)(void (*)(void))core_page_root, METH_FASTCALL, "The root over the leaves of a page."},
    {"ticks_ahead", (PyCFunction)(void (*)(void))core_ticks_ahead, METH_FASTCALL, "Prices that lie ahead, as columns."},
    {"tree_root", core_tree_root, METH_O, "The root over leaf hashes."},
    {"whole", (PyCFunction)(void (*)(void))core_whole, METH_FASTCALL, "A decimal text as a whole number of units."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "deleverage.core._core",
    .m_doc = "What is worked out in C where there is a compiler.",
    .m_size = -1,
    .m_methods = METHODS,
};

PyMODINIT_FUNC PyInit__core(void) {
    PyObject *module = PyModule_Create(&MODULE);
    if (!module)
        return NULL;
    if (PyModule_AddType(module, &RangeIndexType) < 0)
        Py_CLEAR(module);
    else if (PyModule_AddObjectRef(module, "hashes", sha256_is_here() ? Py_True : Py_False) < 0)
        Py_CLEAR(module);
    return module;
}
