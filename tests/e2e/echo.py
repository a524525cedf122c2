"""Answers, over tcp and udp, with who asks: run inside containers by test_network.py.

echo.py PORT...      serves
echo.py --ask tcp|udp ADDRESS PORT [--from-port N]      prints the answer, exits 1 without one in 3 s
"""

import argparse
import selectors
import socket
import sys


def serve(ports):
    selector = selectors.DefaultSelector()
    for port in ports:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            server = socket.socket(socket.AF_INET6, kind)
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                server.listen(64)
            selector.register(server, selectors.EVENT_READ, port)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            server, port = key.fileobj, key.data
            if server.type == socket.SOCK_STREAM:
                stream, peer = server.accept()
                with stream:
                    stream.sendall(line(peer, port))
            else:
                _, peer = server.recvfrom(2048)
                server.sendto(line(peer, port), peer)


def line(peer, port):
    return f"{socket.gethostname()} {port} {peer[0].removeprefix('::ffff:')}\n".encode()


def ask(protocol, address, port, from_port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as stream:
        stream.settimeout(3)
        if from_port:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stream.bind(("", from_port))
        try:
            stream.connect((address, port))
            if protocol == "udp":
                stream.send(b"who am I?")
            answer = stream.recv(2048).decode().strip()
        except OSError as error:
            print(error, file=sys.stderr)
            return 1
    print(answer)
    return 0 if answer else 1


parser = argparse.ArgumentParser()
parser.add_argument("--ask", nargs=3)
parser.add_argument("--from-port", type=int, default=0)
parser.add_argument("ports", nargs="*", type=int)
options = parser.parse_args()
if options.ask:
    sys.exit(ask(options.ask[0], options.ask[1], int(options.ask[2]), options.from_port))
serve(options.ports)
