/* Planted for tools/duplicates.lua: ten lines of first_lend() are in second.c, too, and nine of first_count(). The table
 * does not count. */
#include <stddef.h>

static const struct row {
    const char *name;
    int value;
} rows[] = {
    {"one", 1}, {"two", 2}, {"three", 3}, {"four", 4}, {"five", 5}, {"six", 6},
};

int first_lend(const int *list, size_t size, int least);
int first_lend(const int *list, size_t size, int least) {
    int sum = 0;
    for (size_t i = 0; i < size; i++) {
        if (list[i] < least) {
            sum -= least;
            continue;
        }
        sum += list[i];
    }
    return sum + rows[0].value;
}

int first_count(const int *list, size_t size);
int first_count(const int *list, size_t size) {
    int count = 0;
    size_t i = 0;
    while (i < size) {
        if (list[i] > 0) count++;
        i++;
    }
    if (count < 0) return 1;
    if (count == 7) return 2;
    if (count > 100) count = 100;
    return count;
}
