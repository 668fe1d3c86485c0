"""Copies of the modules for threads, an uncontended lock, and two threads that hand the baton to each other."""

from typing import Any

import stopwatch

from ninelives import register_no_activity

ROUNDS = 500

register_no_activity([stopwatch.start, stopwatch.stop, stopwatch.stop_work])


def main(event: Any) -> None:
    stopwatch.start()
    import concurrent.futures
    import queue
    import threading

    stopwatch.stop("copies")
    assert queue.Queue
    assert concurrent.futures.ThreadPoolExecutor
    for _ in range(50):
        measure(threading)


def measure(threading: Any) -> None:
    lock = threading.Lock()
    stopwatch.start()
    for _ in range(10 * ROUNDS):
        with lock:
            pass
    stopwatch.stop_work("lock")
    ping, pong = threading.Lock(), threading.Lock()
    ping.acquire()
    pong.acquire()

    def answer() -> None:
        for _ in range(ROUNDS):
            ping.acquire()
            pong.release()

    thread = threading.Thread(target=answer)
    thread.start()
    stopwatch.start()
    for _ in range(ROUNDS):
        ping.release()
        pong.acquire()
    stopwatch.stop("switch")
    thread.join()
