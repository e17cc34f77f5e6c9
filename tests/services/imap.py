"""An IMAP server of one folder, as small as one that imaplib can talk to (RFC 3501)."""

import re
import socketserver
import threading
from typing import Self


class Imap:
    """`mails` are its octets by UID; `seen` the UIDs that somebody marked so. USER and PASSWORD open it."""

    USER, PASSWORD = "bounces", "s3cret word"

    def __init__(self, *mails: bytes) -> None:
        self.mails = dict(enumerate(mails, 1))
        self.seen: set[int] = set()
        outer = self

        class Talk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"* OK ready\r\n")
                for line in self.rfile:
                    tag, _, command = line.decode().strip().partition(" ")
                    answer, done = outer.answer(command)
                    self.wfile.write(answer + f"{tag} {done}\r\n".encode())
                    if command == "LOGOUT":
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk)
        self.port = self._server.server_address[1]

    def answer(self, command: str) -> tuple[bytes, str]:
        if command.startswith("LOGIN"):
            known = command == f'LOGIN {self.USER} "{self.PASSWORD}"'
            return b"", "OK done" if known else "NO wrong password"
        if command.startswith("SELECT"):
            return b"* %d EXISTS\r\n" % len(self.mails), "OK done"
        if command == "UID SEARCH UNSEEN":
            unseen = " ".join(str(uid) for uid in self.mails if uid not in self.seen)
            return f"* SEARCH {unseen}\r\n".encode(), "OK done"
        if fetch := re.fullmatch(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", command):
            octets = self.mails[int(fetch[1])][: int(fetch[2])]
            head = f"* 1 FETCH (UID {fetch[1]} BODY[]<0> {{{len(octets)}}}\r\n".encode()
            return head + octets + b")\r\n", "OK done"
        if store := re.fullmatch(r"UID STORE (\d+) \+FLAGS \(\\Seen\)", command):
            self.seen.add(int(store[1]))
            return b"", "OK done"
        return (b"* BYE\r\n", "OK done") if command == "LOGOUT" else (b"* CAPABILITY IMAP4rev1\r\n", "OK done")

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
