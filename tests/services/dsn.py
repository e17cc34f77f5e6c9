"""Mails that come back, as mail servers write them (RFC 3464)."""


def returned(
    message_id: str = "",
    *,
    to: str = "bounces@example.com",
    envelope: str = "",
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 no such user",
    headers_only: bool = True,
) -> bytes:
    """A report like Postfix's: words for people, the facts, the returned mail or its headers."""
    original = f"Original-Envelope-Id: {envelope}\r\n" if envelope else ""
    kind = "text/rfc822-headers" if headers_only else "message/rfc822"
    back = f"From: FlexPrint <flexprint@example.com>\r\nMessage-ID: {message_id}\r\nSubject: Printers\r\n\r\n"
    return (
        f"From: MAILER-DAEMON@mx.example.com\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="B"\r\n\r\n'
        "--B\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you ...\r\n"
        "--B\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.example.com\r\n{original}\r\n"
        f"Final-Recipient: rfc822; a@example.com\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: {diagnostic}\r\n\r\n--B\r\nContent-Type: {kind}\r\n\r\n{back}\r\n--B--\r\n"
    ).encode()
