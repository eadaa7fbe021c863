#include "link.h"
#include <QCoreApplication>
#include <QMutexLocker>
#include <utility>

/* ---- the worker ---- */

void Worker::open(const QString &host, quint16 port) {
    socket = new QTcpSocket(this);
    connect(socket, &QTcpSocket::connected, this, &Worker::connected);
    connect(socket, &QTcpSocket::readyRead, this, &Worker::read);
    connect(socket, &QTcpSocket::bytesWritten, this, [this](qint64 size) { written += size; });
    socket->connectToHost(QHostAddress(host), port);
    socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
}

void Worker::send(const QByteArray &message) { socket->write(message); }

bool Worker::append(const QByteArray &message) {
    const QMutexLocker lock(&mutex);
    const bool was_empty = gathered.isEmpty();
    gathered.append(message);
    return was_empty;
}

void Worker::take(QByteArray *into) {
    const QMutexLocker lock(&mutex);
    std::swap(*into, gathered);
}

void Worker::wake() {
    QByteArray batch;
    take(&batch);
    socket->write(batch);
}

void Worker::read() {
    while (socket->canReadLine()) emit line(socket->readLine());
}

void Worker::end() {
    delete socket;
    socket = nullptr;
}

/* ---- the main thread's end ---- */

Link::Link(bool is_batched) : batched(is_batched) {
    worker->moveToThread(&thread);
    connect(&thread, &QThread::finished, worker, &QObject::deleteLater);
    connect(this, &Link::open, worker, &Worker::open);
    connect(this, &Link::send, worker, &Worker::send);
    connect(this, &Link::wake, worker, &Worker::wake);
    connect(this, &Link::end, worker, &Worker::end, Qt::BlockingQueuedConnection);
    connect(worker, &Worker::line, this, [this](const QByteArray &line) {
        if (onLine) onLine(line);
    });
    thread.start();
}

Link::~Link() {
    emit end();
    thread.quit();
    thread.wait();
}

void Link::connectTo(const QString &host, quint16 port) {
    bool is_connected = false;
    connect(worker, &Worker::connected, this, [&is_connected] { is_connected = true; });
    emit open(host, port);
    while (!is_connected) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
}

void Link::sendMessage(const QByteArray &message) {
    accepted += message.size();
    if (!batched)
        emit send(message);
    else if (worker->append(message))
        emit wake();
}

void Link::handOver() const {
    QMetaObject::invokeMethod(
        worker, [] {}, Qt::BlockingQueuedConnection); /* comes after all signals before it */
}

void Link::flush() const {
    while (queued() > 0) QThread::usleep(50);
}
