"""A small application: every request becomes a row in PostgreSQL and a count in Redis.

GET /         stores and counts the request, says which copy answered
GET /stats    what is stored and counted so far
GET /healthz  whether both servers behind it answer
"""

import http.server
import json
import os
import queue
import socket
import sys
import urllib.request

import psycopg2
import redis

INSTANCE = socket.gethostname()
PORT = 8000

# Connections not in use at the moment; one that failed is dropped and replaced by the next request.
idle = queue.LifoQueue()
counter = redis.Redis(
    host=os.environ["REDIS_HOST"],
    password=os.environ["REDIS_PASSWORD"],
    socket_timeout=5,
    socket_connect_timeout=5,
)


def connect():
    connection = psycopg2.connect(
        host=os.environ["POSTGRES_HOST"],
        dbname="shop",
        user="shop",
        password=os.environ["POSTGRES_PASSWORD"],
        connect_timeout=5,
    )
    connection.autocommit = True
    return connection


def query(text, values=()):
    """Runs one statement. Retried once on a fresh connection: an idle one may be from before a restart."""
    for fresh in (False, True):
        try:
            connection = connect() if fresh else idle.get_nowait()
        except queue.Empty:
            continue
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, values)
                rows = cursor.fetchall()
        except psycopg2.OperationalError:
            connection.close()
            if fresh:
                raise
            continue
        idle.put(connection)
        return rows
    raise AssertionError("not reached")


def prepare():
    # Both copies start at once; the lock lets one of them make the table.
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS requests (id bigserial PRIMARY KEY, instance text NOT NULL,"
            " path text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        cursor.execute("SELECT pg_advisory_unlock(1)")
    idle.put(connection)


def store(path):
    row = query(
        "INSERT INTO requests (instance, path) VALUES (%s, %s) RETURNING id", (INSTANCE, path)
    )
    return {"instance": INSTANCE, "row": row[0][0], "count": counter.incr("requests")}


def stats():
    rows = query("SELECT instance, count(*) FROM requests GROUP BY instance ORDER BY instance")
    return {
        "rows": sum(count for _, count in rows),
        "count": int(counter.get("requests") or 0),
        "instances": dict(rows),
    }


def health():
    query("SELECT 1")
    counter.ping()
    return {"instance": INSTANCE}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            if self.path == "/healthz":
                status, answer = 200, health()
            elif self.path == "/stats":
                status, answer = 200, stats()
            else:
                status, answer = 200, store(self.path)
        except (psycopg2.Error, redis.RedisError) as error:
            status, answer = 503, {"instance": INSTANCE, "error": str(error).strip()}
        body = json.dumps(answer).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print("%s %s" % (self.client_address[0], format % args))


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def main():
    if sys.argv[1:] == ["--check"]:
        with urllib.request.urlopen("http://127.0.0.1:%d/healthz" % PORT, timeout=3):
            return
    prepare()
    print("ready: %s" % INSTANCE)
    Server(("", PORT), Handler).serve_forever()


main()
