"""SQLite and JSON: a query per row, every answer serialised."""

import json
import sqlite3


def main():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE post (id INTEGER PRIMARY KEY, user INTEGER, title TEXT, body TEXT)")
    connection.execute("CREATE INDEX post_user ON post (user)")
    rows = ((i % 900, "title %d" % i, "text of the post " * 12) for i in range(9_000))
    connection.executemany("INSERT INTO post (user, title, body) VALUES (?, ?, ?)", rows)
    size = 0
    for _ in range(85):
        for user in range(900):
            posts = connection.execute("SELECT * FROM post WHERE user = ?", (user,)).fetchall()
            size += len(json.dumps([{"id": p[0], "title": p[2], "body": p[3]} for p in posts]))
    print(size)


main()
