"""An SMTP server without manners: it answers each command as it is told, hangs, or hangs up."""

import socketserver
import threading
from collections.abc import Mapping
from typing import Self

HANG = "hang"
HANG_UP = "hang up"

POLITE = {
    "greeting": "220 rude.test ready",
    "EHLO": "250-rude.test\r\n250 SIZE 1000000",
    "DATA": "354 go on",
    "content": "250 2.0.0 queued as 7",
    "QUIT": "221 bye",
}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed in the middle is what these tests are about."""


class Rude:
    """`answers` maps a command (or "greeting", or "content" for the end of the mail) to an answer, HANG or HANG_UP;
    a list is used up one by one, its last for good. `heard` are the commands, `mails` the accepted contents."""

    def __init__(self, answers: Mapping[str, str | list[str]] | None = None) -> None:
        self.answers = {**POLITE, **(answers or {})}
        self.heard: list[str] = []
        self.mails: list[bytes] = []
        self._over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._conversation())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def answer(self, to: str) -> str:
        answer = self.answers.get(to, "250 ok")
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if answer == HANG:
            self._over.wait()
            return HANG_UP
        return answer

    def _conversation(rude: "Rude") -> type[socketserver.StreamRequestHandler]:
        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                if not self.say(rude.answer("greeting")):
                    return
                for line in self.rfile:
                    verb = line.decode("latin-1").split()[0].upper() if line.strip() else ""
                    rude.heard.append(line.decode("latin-1").strip())
                    answer = rude.answer(verb)
                    if not self.say(answer) or verb == "QUIT":
                        return
                    if verb == "DATA" and answer.startswith("354") and not self.content():
                        return

            def content(self) -> bool:
                lines = []
                for line in self.rfile:
                    if line == b".\r\n":
                        break
                    lines.append(line[1:] if line.startswith(b".") else line)
                answer = rude.answer("content")
                if answer.startswith("2"):
                    rude.mails.append(b"".join(lines))
                return self.say(answer)

            def say(self, answer: str) -> bool:
                if answer == HANG_UP:
                    return False
                self.wfile.write(f"{answer}\r\n".encode("latin-1"))
                return True

        return Conversation

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
