/* Preloaded together with a sanitizer's runtime into a stock Lua (tools/run): takes LD_PRELOAD back out of the environment,
 * so that the shells and programs which that Lua starts run without the runtime.
 */
#include <stdlib.h>

__attribute__((constructor)) static void unpreload(void) { unsetenv("LD_PRELOAD"); }
