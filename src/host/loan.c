#include "host/loan.h"

#include <lauxlib.h>
#include <stddef.h>

#include "host/host.h"

static void push_loans(lua_State *L) { sw_push_host_value(L, HOST_LOANS); }

int sw_loan_make(lua_State *L, int index) {
    push_loans(L);
    lua_pushvalue(L, index);
    int loan = luaL_ref(L, -2);
    lua_pop(L, 1);
    return loan;
}

void sw_loan_end(lua_State *L, int loan) {
    push_loans(L);
    luaL_unref(L, -1, loan);
    lua_pop(L, 1);
}

void sw_loans_end(lua_State *L, struct sw_pages *returned) {
    if (returned->head == NULL) return;
    push_loans(L);
    for (const struct sw_page *page = returned->head; page != NULL; page = page->next) luaL_unref(L, -1, page->loan);
    lua_pop(L, 1);
    sw_pages_free(returned);
}
