"""DNS on the wire, a few lines of it: asks 127.0.0.11 from inside a container, or plays a name server.

query.py [--tcp] [--type A|AAAA] [--count N] [--server ADDRESS] NAME     prints RCODE ADDRESS...
query.py --serve ADDRESS      answers answer.test with 198.51.100.9 and denies the rest, udp and tcp
"""

import argparse
import random
import socket
import struct
import sys
import threading

TYPES = {"A": 1, "AAAA": 28}
CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def question(name, kind):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return labels + b"\0" + struct.pack("!HH", kind, 1)


def skip_name(message, at):
    while True:
        length = message[at]
        if length & 0xC0:
            return at + 2
        if not length:
            return at + 1
        at += 1 + length


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        if not part:
            raise SystemExit("connection closed")
        data += part
    return data


def ask(server, name, kind, tcp):
    number = random.randrange(65536)
    message = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + question(name, kind)
    if tcp:
        with socket.create_connection((server, 53), timeout=5) as stream:
            stream.sendall(struct.pack("!H", len(message)) + message)
            answer = read_exactly(stream, struct.unpack("!H", read_exactly(stream, 2))[0])
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
            stream.settimeout(5)
            # Connected: an answer from any other address or port is not seen.
            stream.connect((server, 53))
            stream.send(message)
            answer = stream.recv(65535)
    got, flags, questions, answers = struct.unpack("!HHHH", answer[:8])
    assert got == number and flags & 0x8000, "not an answer to the question"
    at = 12
    for _ in range(questions):
        at = skip_name(answer, at) + 4
    addresses = []
    for _ in range(answers):
        at = skip_name(answer, at)
        record, _, _, length = struct.unpack("!HHIH", answer[at : at + 10])
        data = answer[at + 10 : at + 10 + length]
        at += 10 + length
        if record == kind:
            addresses.append(socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data))
    return CODES.get(flags & 15, str(flags & 15)), addresses


def answer_to(message):
    end = skip_name(message, 12) + 4
    name = message[12:end]
    known = name.lower() == question("answer.test", 1)
    # The name exists with an A record only.
    exists = name.lower()[:-4] == question("answer.test", 1)[:-4]
    header = message[:2] + struct.pack("!HHHHH", 0x8180 | (0 if exists else 3), 1, 1 if known else 0, 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton("198.51.100.9")
    return header + name + (record if known else b"")


def serve(address):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 53))
    tcp = socket.create_server((address, 53))

    def streams():
        while True:
            stream, _ = tcp.accept()
            with stream:
                length = struct.unpack("!H", read_exactly(stream, 2))[0]
                reply = answer_to(read_exactly(stream, length))
                stream.sendall(struct.pack("!H", len(reply)) + reply)

    threading.Thread(target=streams, daemon=True).start()
    print("ready", flush=True)
    while True:
        message, peer = udp.recvfrom(65535)
        udp.sendto(answer_to(message), peer)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve")
    parser.add_argument("--server", default="127.0.0.11")
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--type", default="A", choices=TYPES)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("name", nargs="?")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    found = []
    for _ in range(options.count):
        code, addresses = ask(options.server, options.name, TYPES[options.type], options.tcp)
        found += addresses
    print(code, *found)


if __name__ == "__main__":
    sys.exit(main())
