/* Included by clang-tidy and cppcheck before every file: what never returns, which Lua's headers do not say, so that the
 * code behind it is not taken for reachable. Nothing is built with it.
 */
struct lua_State;
struct sw_spot;
int lua_error(struct lua_State *L) __attribute__((noreturn));
int luaL_error(struct lua_State *L, const char *format, ...) __attribute__((noreturn));
int sw_raise(struct lua_State *L, const char *format, ...) __attribute__((noreturn));
int sw_misuse_number(struct lua_State *L, struct sw_spot spot, int index, const char *valid) __attribute__((noreturn));
int sw_refuse_self(struct lua_State *L, int index, const char *type, const char *object,
                   void (*push_methods)(struct lua_State *L)) __attribute__((noreturn));
int sw_misuse(struct lua_State *L, struct sw_spot spot, int index, const char *valid) __attribute__((noreturn));
int sw_upvalue_replaced(struct lua_State *L) __attribute__((noreturn));
