/* The main of a fuzz target where there is no libFuzzer: one test over the inputs kept in spec/fuzz/corpus/NAME, or
 * over the files that are its arguments.
 */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

static size_t replayed;

/* The input stands alone on the heap, so that the address sanitizer sees a look beyond it. */
static void replay(const char *name) {
    printf("# %s\n", name);
    fflush(stdout); /* known when it crashes */
    FILE *file = fopen(name, "rb");
    MUST(file != NULL);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    MUST(bytes != NULL && fread(bytes, 1, size, file) == size);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    replayed++;
}

static void replay_folder(const char *folder) {
    DIR *dir = opendir(folder);
    if (dir == NULL) return;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char name[1024];
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') replay(name);
    }
    closedir(dir);
}

/* The corpus of build/KIND/unit/fuzz_NAME. */
static void replay_corpus(const char *program) {
    const char *name = strrchr(program, '/');
    char folder[256];
    name = name != NULL ? name + 1 : program;
    snprintf(folder, sizeof folder, "spec/fuzz/corpus/%s", name + strlen("fuzz_"));
    replay_folder(folder);
    if (replayed == 0) printf("FAILED no inputs in %s\n", folder);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) replay(argv[i]);
    if (argc < 2) replay_corpus(argv[0]);
    if (replayed > 0) printf("ok %s (%zu inputs)\n", fuzz_claim, replayed);
    printf("%d passed, %d failed\n", replayed > 0, replayed == 0);
    return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
