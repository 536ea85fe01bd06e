#include "core.h"
#include "fields.h"
#include "margin.h"

#define NANO 1000000000
#define KEPT_MOST 2048

Shape account_shape = {
    {"account", "kind", "status", "called_bps", "balance_atoms", "positions", "coins", "liquidation_id"}, NULL, {0}};
Shape position_shape = {{"size_lots", "cost_atoms", "funding_atoms"}, NULL, {0}};

enum { PAYOFF, MARK, CUMULATIVE, TIERS };
static Shape market_shape = {{"payoff", "mark_ticks", "cumulative_funding_nanoatoms", "tiers"}, NULL, {0}};
enum { FLOOR, RATE, AMOUNT };
static Shape tier_shape = {{"floor_atoms", "rate_ppm", "amount_microatoms"}, NULL, {0}};
static Shape linear_shape = {{"multiplier_atoms"}, NULL, {0}};

static PyTypeObject *linear_type, *inverse_type;

PyObject *core_know_payoffs(PyObject *Py_UNUSED(module), PyObject *arguments) {
    PyTypeObject *linear, *inverse;
    if (!PyArg_ParseTuple(arguments, "O!O!", &PyType_Type, &linear, &PyType_Type, &inverse))
        return NULL;
    Py_XSETREF(linear_type, (PyTypeObject *)Py_NewRef((PyObject *)linear));
    Py_XSETREF(inverse_type, (PyTypeObject *)Py_NewRef((PyObject *)inverse));
    Py_RETURN_NONE;
}

static Payoff read_payoff(PyObject *payoff, int *fits) {
    Payoff read = {0, 0};
    if (payoff && Py_TYPE(payoff) == linear_type && has_shape(&linear_shape, payoff)) {
        read.multiplier_atoms = read_wide(field_of(&linear_shape, payoff, 0), fits);
    } else if (payoff && Py_TYPE(payoff) == inverse_type && PyTuple_GET_SIZE(payoff) == 1) {
        read.inverse = 1;
        read.multiplier_atoms = read_wide(PyTuple_GET_ITEM(payoff, 0), fits);
    } else {
        *fits = 0;
    }
    if (read.multiplier_atoms < 1)
        *fits = 0;
    return read;
}

Payoff payoff_of(PyObject *market, int *fits) {
    return read_payoff(has_shape(&market_shape, market) ? field_of(&market_shape, market, PAYOFF) : NULL, fits);
}

int says(PyObject *text, const char *word) {
    return text && PyUnicode_CheckExact(text) && PyUnicode_CompareWithASCIIString(text, word) == 0;
}

static void fetch_fields(const Shape *shape, PyObject *object, int first, int last) {
    for (int place = first; place <= last; place++)
        __builtin_prefetch(field_of(shape, object, place));
}

void fetch_link(PyObject *accounts, PyObject *number, int link) {
    int fits = PyList_CheckExact(accounts);
    wide place = read_wide(number, &fits);
    if (!fits || place < 0 || place >= PyList_GET_SIZE(accounts))
        return;
    PyObject *account = PyList_GET_ITEM(accounts, (Py_ssize_t)place), *key, *held;
    if (link == 0) {
        __builtin_prefetch(account);
        __builtin_prefetch((char *)account + 64);
        return;
    }
    PyObject *positions = has_shape(&account_shape, account) ? field_of(&account_shape, account, POSITIONS) : NULL;
    if (!positions || !PyDict_CheckExact(positions))
        return;
    if (link == 1)
        fetch_fields(&account_shape, account, BALANCE, POSITIONS);
    if (link == 2)
        __builtin_prefetch(((PyDictObject *)positions)->ma_keys);
    for (Py_ssize_t at = 0; link > 2 && PyDict_Next(positions, &at, &key, &held);) {
        if (link == 3)
            __builtin_prefetch(held);
        else if (has_shape(&position_shape, held))
            fetch_fields(&position_shape, held, SIZE_LOTS, FUNDING_ATOMS);
    }
}

/* The tiers that were read, at the place of their address or the next one that was free. */
static Tiers *kept[2 * KEPT_MOST];
static int kept_count;

static void forget_tiers(void) {
    for (int i = 0; i < 2 * KEPT_MOST; i++) {
        if (kept[i]) {
            Py_DECREF(kept[i]->tiers);
            PyMem_Free(kept[i]);
            kept[i] = NULL;
        }
    }
    kept_count = 0;
}

static Tiers *parse_tiers(PyObject *tiers) {
    int count = (int)PyTuple_GET_SIZE(tiers), fits = 1;
    Tiers *found = PyMem_Malloc(sizeof *found + count * sizeof *found->tier);
    if (!found)
        return NULL;
    for (int i = 0; i < count && fits; i++) {
        PyObject *tier = PyTuple_GET_ITEM(tiers, i);
        if (!has_shape(&tier_shape, tier)) {
            fits = 0;
            break;
        }
        found->tier[i].floor_atoms = read_wide(field_of(&tier_shape, tier, FLOOR), &fits);
        found->tier[i].rate_ppm = read_wide(field_of(&tier_shape, tier, RATE), &fits);
        found->tier[i].amount_microatoms = read_wide(field_of(&tier_shape, tier, AMOUNT), &fits);
    }
    if (!fits) {
        PyMem_Free(found);
        return NULL;
    }
    found->tiers = Py_NewRef(tiers);
    found->count = count;
    return found;
}

static const Tiers *read_tiers(PyObject *tiers, int *fits) {
    if (!tiers || !PyTuple_CheckExact(tiers) || !PyTuple_GET_SIZE(tiers) || PyTuple_GET_SIZE(tiers) > TIERS_MOST) {
        *fits = 0;
        return NULL;
    }
    size_t place = (uintptr_t)tiers / 16 % (2 * KEPT_MOST);
    while (kept[place] && kept[place]->tiers != tiers)
        place = (place + 1) % (2 * KEPT_MOST);
    if (!kept[place]) {
        kept[place] = parse_tiers(tiers);
        kept_count += kept[place] != NULL;
    }
    if (!kept[place])
        *fits = 0;
    return kept[place];
}

wide value_of(Payoff payoff, wide lots, wide price_ticks, int *fits) {
    if (!payoff.inverse)
        return times(times(lots, price_ticks, fits), payoff.multiplier_atoms, fits);
    if (!price_ticks)
        return 0;
    wide owed = times(magnitude(lots), payoff.multiplier_atoms, fits);
    return lots > 0 ? floor_of(-owed, price_ticks) : ceiling_of(owed, price_ticks);
}

static wide maintenance_of(const Tiers *tiers, wide notional_atoms, int *fits) {
    const Tier *chosen = tiers->tier;
    for (int i = 0; i < tiers->count && tiers->tier[i].floor_atoms <= notional_atoms; i++)
        chosen = &tiers->tier[i];
    return plus(times(chosen->rate_ppm, notional_atoms, fits), -chosen->amount_microatoms, fits);
}

/* Adds a position to a margin, if it is such as is read here. */
static int add_position(PyObject *key, PyObject *held, PyObject *markets, Margin *margin) {
    int fits = 1;
    if (!PyTuple_CheckExact(key) || PyTuple_GET_SIZE(key) != 2 || !has_shape(&position_shape, held))
        return 0;
    wide instrument = read_wide(PyTuple_GET_ITEM(key, 0), &fits), leg = read_wide(PyTuple_GET_ITEM(key, 1), &fits);
    if (!fits || leg || instrument < 0 || instrument >= PyList_GET_SIZE(markets) || margin->count == POSITIONS_MOST)
        return 0;
    PyObject *market = PyList_GET_ITEM(markets, (Py_ssize_t)instrument);
    if (!has_shape(&market_shape, market))
        return 0;
    Exposure *found = &margin->at[margin->count++];
    found->instrument = (int)instrument;
    found->mark_ticks = read_wide(field_of(&market_shape, market, MARK), &fits);
    if (!fits || found->mark_ticks <= 0)
        return 0;
    found->tiers = read_tiers(field_of(&market_shape, market, TIERS), &fits);
    found->payoff = read_payoff(field_of(&market_shape, market, PAYOFF), &fits);
    found->funding_nanoatoms = read_wide(field_of(&market_shape, market, CUMULATIVE), &fits);
    found->lots = read_wide(field_of(&position_shape, held, SIZE_LOTS), &fits);
    wide cost_atoms = read_wide(field_of(&position_shape, held, COST_ATOMS), &fits);
    wide owed_atoms = -read_wide(field_of(&position_shape, held, FUNDING_ATOMS), &fits);
    if (!fits || !found->lots)
        return 0;
    found->value_atoms = value_of(found->payoff, found->lots, found->mark_ticks, &fits);
    owed_atoms = plus(owed_atoms, times(found->lots, found->funding_nanoatoms, &fits) / NANO, &fits);
    wide profit_atoms = plus(plus(found->value_atoms, -cost_atoms, &fits), -owed_atoms, &fits);
    wide needed = fits ? maintenance_of(found->tiers, magnitude(found->value_atoms), &fits) : 0;
    margin->equity_atoms = plus(margin->equity_atoms, profit_atoms, &fits);
    margin->requirement_microatoms = plus(margin->requirement_microatoms, needed, &fits);
    return fits;
}

int read_prices(PyObject *market, wide *mark_ticks, wide *funding_nanoatoms) {
    int fits = has_shape(&market_shape, market);
    if (fits) {
        *mark_ticks = read_wide(field_of(&market_shape, market, MARK), &fits);
        *funding_nanoatoms = read_wide(field_of(&market_shape, market, CUMULATIVE), &fits);
    }
    return fits && *mark_ticks > 0;
}

int margin_of(PyObject *account, PyObject *markets, Margin *margin) {
    int fits = 1;
    PyObject *key, *held;
    Py_ssize_t place = 0;
    if (!PyList_CheckExact(markets) || !has_shape(&account_shape, account))
        return 0;
    PyObject *positions = field_of(&account_shape, account, POSITIONS), *coins = field_of(&account_shape, account, COINS);
    if (kept_count > KEPT_MOST - POSITIONS_MOST)
        forget_tiers();
    margin->count = 0;
    margin->requirement_microatoms = 0;
    margin->equity_atoms = read_wide(field_of(&account_shape, account, BALANCE), &fits);
    if (!fits || !positions || !PyDict_CheckExact(positions) || !coins || !PyDict_CheckExact(coins) || PyDict_GET_SIZE(coins))
        return 0;
    while (fits && PyDict_Next(positions, &place, &key, &held))
        fits = add_position(key, held, markets, margin);
    return fits;
}

wide slack_of(const Margin *margin, wide level_bps, int *fits) {
    wide needed = times(level_bps, margin->requirement_microatoms, fits);
    return plus(times(margin->equity_atoms, SLACK_SCALE, fits), -needed, fits);
}

/* (equity_atoms, requirement_microatoms, values_atoms) of a margin. */
PyObject *margin_object(const Margin *margin) {
    PyObject *values = PyList_New(margin->count);
    for (int i = 0; values && i < margin->count; i++) {
        PyObject *value = wide_object(margin->at[i].value_atoms);
        if (!value)
            Py_CLEAR(values);
        else
            PyList_SET_ITEM(values, i, value);
    }
    PyObject *equity = wide_object(margin->equity_atoms), *needed = wide_object(margin->requirement_microatoms);
    if (!values || !equity || !needed) {
        Py_XDECREF(values), Py_XDECREF(equity), Py_XDECREF(needed);
        return NULL;
    }
    PyObject *found = PyTuple_Pack(3, equity, needed, values);
    Py_DECREF(values), Py_DECREF(equity), Py_DECREF(needed);
    return found;
}

PyObject *core_margin_of(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {
    Margin margin;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "margin_of takes an account and the markets");
        return NULL;
    }
    if (!margin_of(arguments[0], arguments[1], &margin))
        Py_RETURN_NONE;
    return margin_object(&margin);
}
