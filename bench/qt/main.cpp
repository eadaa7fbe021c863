/* qt queued|batched WORKLOAD HOST PORT AMOUNT CONNECTIONS SERIES
 *
 * Like bench/measure.lua, where input and output are described: the same workloads with the links of link.h. */
#include "link.h"
#include <QCoreApplication>
#include <QList>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <sys/resource.h>

namespace {

constexpr qint64 MIB = 1024 * 1024;
constexpr int TURN = 200; /* messages a frame */
constexpr double FRAME = 1.0 / 60;

struct Run {
    Link *link;
    QString host;
    quint16 port;
    double amount;
    const char *series;
    void connect() const { link->connectTo(host, port); }
    qint64 count() const { return static_cast<qint64>(amount); }
};

double now() {
    timespec ts{};
    clock_gettime(CLOCK_REALTIME, &ts);
    return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) / 1e9;
}

void ready() {
    std::puts("ready");
    std::fflush(stdout);
}

QByteArray message(int size) { return QByteArray(size, 'm') + '\n'; }

double percentile(const QList<double> &sorted, double share) {
    const auto rank = static_cast<qsizetype>(std::ceil(static_cast<double>(sorted.size()) * share));
    return sorted[std::max<qsizetype>(rank, 1) - 1];
}

void poll() { QCoreApplication::processEvents(); }

void flood(const Run &run) {
    const QByteArray line = message(64);
    run.connect();
    ready();
    const double began = now();
    const clock_t processor = clock();
    for (qint64 i = 0; i < run.count(); i++) {
        run.link->sendMessage(line);
        if (i % TURN == 0) poll();
    }
    const double seconds = now() - began;
    run.link->flush();
    const double spent = static_cast<double>(clock() - processor) / CLOCKS_PER_SEC;
    std::printf("began=%.6f send_ns=%.3f processor_ns=%.3f\n", began, seconds / run.amount * 1e9,
                spent / run.amount * 1e9);
}

void bulk(const Run &run) {
    const QByteArray piece(65536, 'm');
    run.connect();
    ready();
    const double began = now();
    for (qint64 i = 0; i < run.count(); i++) {
        while (run.link->queued() + piece.size() > 16 * MIB) QThread::usleep(50);
        run.link->sendMessage(piece);
    }
    run.link->flush();
    std::printf("began=%.6f\n", began);
}

long involuntary_switches() {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

double one_frame(const Run &run, const QByteArray &line) {
    const double start = now();
    for (int i = 0; i < TURN; i++) run.link->sendMessage(line);
    poll();
    return now() - start;
}

void print_frames(const Run &run, QList<double> took, long switches) {
    const auto slow = std::count_if(took.begin(), took.end(), [](double ms) { return ms > 2; });
    std::sort(took.begin(), took.end());
    std::printf("p50=%.6f p99=%.6f p999=%.6f max=%.6f ", percentile(took, 0.5), percentile(took, 0.99),
                percentile(took, 0.999), took.last());
    std::printf("slow=%ld frames=%ld switches=%ld bytes=%ld\n", static_cast<long>(slow), static_cast<long>(took.size()),
                switches, static_cast<long>(took.size()) * TURN * 1025);
    run.link->flush();
}

void frames(const Run &run) {
    const QByteArray line = message(1024);
    run.connect();
    FILE *series = std::fopen(run.series, "w");
    if (!series) qFatal("cannot write %s", run.series);
    ready();
    QList<double> took;
    const long switches = involuntary_switches();
    const double began = now();
    for (double due = began; now() - began < run.amount;) {
        took.append(one_frame(run, line) * 1e3);
        const double end = now();
        std::fprintf(series, "%.4f %.4f\n", end - began - took.last() / 1e3, took.last());
        due = std::max(due + FRAME, end);
        QThread::usleep(static_cast<unsigned long>((due - end) * 1e6));
    }
    std::fclose(series);
    print_frames(run, took, involuntary_switches() - switches);
}

void measure_trips(const Run &run, const char *name, QEventLoop::ProcessEventsFlags flags) {
    const QByteArray line = message(64);
    QList<double> trips;
    QByteArray echo;
    run.link->onLine = [&echo](const QByteArray &taken) { echo = taken; };
    for (qint64 i = 0; i < run.count(); i++) {
        const double began = now();
        echo.clear();
        run.link->sendMessage(line);
        while (echo.isEmpty()) QCoreApplication::processEvents(flags);
        if (echo != line) qFatal("a wrong echo");
        trips.append((now() - began) * 1e6);
    }
    run.link->onLine = nullptr;
    std::sort(trips.begin(), trips.end());
    std::printf("%s_p50=%.3f %s_p99=%.3f ", name, percentile(trips, 0.5), name, percentile(trips, 0.99));
}

void pingpong(const Run &run) {
    run.connect();
    ready();
    measure_trips(run, "spin", QEventLoop::AllEvents);
    measure_trips(run, "wait", QEventLoop::WaitForMoreEvents);
    std::putchar('\n');
}

void idle(const Run &run) {
    run.connect();
    poll();
    ready();
    const double began = now();
    for (qint64 i = 0; i < run.count(); i++) poll();
    std::printf("poll_ns=%.3f\n", (now() - began) / run.amount * 1e9);
}

void receive(const Run &run) {
    ready();
    const double began = now();
    qint64 taken = 0;
    QByteArray last;
    double ended = 0;
    run.link->onLine = [&](const QByteArray &line) {
        if (++taken < run.count() || ended > 0) return;
        last = line;
        ended = now();
    };
    run.connect();
    while (last.isEmpty()) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    std::printf("rate=%.6f last=%lld\n", run.amount / (ended - began) / 1e6, last.left(last.indexOf(' ')).toLongLong());
}

long resident_kib() {
    long pages = 0;
    FILE *file = std::fopen("/proc/self/statm", "r");
    if (!file || std::fscanf(file, "%*s %ld", &pages) != 1) qFatal("cannot read statm");
    std::fclose(file);
    return pages * 4;
}

void queued(const Run &run) {
    const QByteArray rest = message(1016);
    run.connect();
    ready();
    const long before = resident_kib();
    const double began = now();
    for (qint64 i = 0; i < run.count(); i++) {
        run.link->sendMessage(QByteArray::number(i).rightJustified(8, '0') + rest);
        if (i % TURN == 0) poll();
    }
    const double seconds = now() - began;
    run.link->handOver();
    std::printf("send_ns=%.3f growth=%.4f\n", seconds / run.amount * 1e9,
                static_cast<double>(resident_kib() - before) / run.amount);
}

const struct {
    const char *name;
    void (*run)(const Run &);
} workloads[] = {
    {"flood", flood}, {"bulk", bulk},       {"frames", frames}, {"pingpong", pingpong},
    {"idle", idle},   {"receive", receive}, {"queued", queued},
};

} // namespace

int main(int argc, char **argv) {
    const QCoreApplication application(argc, argv);
    if (argc < 8) qFatal("usage: qt queued|batched WORKLOAD HOST PORT AMOUNT CONNECTIONS SERIES");
    Link link(std::strcmp(argv[1], "batched") == 0);
    const Run run{&link, argv[3], QByteArray(argv[4]).toUShort(), QByteArray(argv[5]).toDouble(), argv[7]};
    for (const auto &workload : workloads)
        if (std::strcmp(workload.name, argv[2]) == 0) return workload.run(run), 0;
    qFatal("no workload %s", argv[2]);
}
