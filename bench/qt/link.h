/* What Qt programs do to keep the network off their main thread: a worker object is moved to a QThread, and both sides
 * talk by queued signals. */
#pragma once
#include <QByteArray>
#include <QHostAddress>
#include <QMutex>
#include <QObject>
#include <QTcpSocket>
#include <QThread>
#include <atomic>
#include <functional>

/* Lives in the network's thread. */
class Worker : public QObject {
    Q_OBJECT
  public:
    void take(QByteArray *into);            /* moves out what `append` gathered */
    bool append(const QByteArray &message); /* any thread; true when a wake-up is due */
    std::atomic<qint64> written{0};

  public slots:
    void open(const QString &host, quint16 port);
    void send(const QByteArray &message);
    void wake();
    void end();

  signals:
    void connected();
    void line(const QByteArray &line);

  private:
    void read();
    QTcpSocket *socket = nullptr;
    QMutex mutex;
    QByteArray gathered; /* under the mutex */
};

/* The main thread's end. Every message is a queued signal; or, batched, goes into a buffer that both threads share, with
 * one signal for as many messages as the worker then finds in it. */
class Link : public QObject {
    Q_OBJECT
  public:
    explicit Link(bool batched);
    ~Link() override;
    void connectTo(const QString &host, quint16 port);
    void sendMessage(const QByteArray &message);
    qint64 queued() const { return accepted - worker->written; }
    void flush() const;
    void handOver() const; /* returns when the worker has given all to its socket */
    std::function<void(const QByteArray &line)> onLine;

  signals:
    void open(const QString &host, quint16 port);
    void send(const QByteArray &message);
    void wake();
    void end();

  private:
    QThread thread;
    Worker *worker = new Worker;
    const bool batched;
    qint64 accepted = 0;
};
