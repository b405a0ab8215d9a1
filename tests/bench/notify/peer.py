"""The least that a sender does which neither loses nor doubles a mail: two commits for each, and smtplib between them.

usage: python peer.py PORT DSN NUMBER BYTES (with PGPASSWORD); prints how many mails a second it handed over. One mail
after the other on one kept connection: nothing is written, chosen, looked up or told, and the bytes are there already.
It runs with notify's own interpreter and driver.
"""

import smtplib
import sys
import time

import psycopg2

SENDER = "hub@mercadito.example"
LINE = "Aguacate Hass, caja de 25 lb, de Michoacan; precio de hoy, entrega el martes por la manana.\r\n"
TABLE = "CREATE TABLE IF NOT EXISTS peer_mails (id bigint PRIMARY KEY, raw bytea, state text NOT NULL)"


def main() -> None:
    """Hand them over."""
    port, number, size = int(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
    raw = ("Subject: peer\r\n\r\n" + LINE * (size // len(LINE))).encode("ascii")
    with psycopg2.connect(sys.argv[2]) as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.execute("TRUNCATE peer_mails")
    with smtplib.SMTP("127.0.0.1", port) as relay, connection.cursor() as cursor:
        relay.ehlo()
        began = time.monotonic()
        for mail in range(number):
            cursor.execute("INSERT INTO peer_mails VALUES (%s, %s, 'dot')", (mail, raw))
            connection.commit()
            relay.sendmail(SENDER, [f"person-{mail}@store.example"], raw)
            cursor.execute("UPDATE peer_mails SET state = 'sent', raw = NULL WHERE id = %s", (mail,))
            connection.commit()
        print(number / (time.monotonic() - began))
    connection.close()


if __name__ == "__main__":
    main()
