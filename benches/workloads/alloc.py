"""Allocation-heavy: dictionaries, lists and strings that live and die."""


def records(n):
    return [{"id": i, "name": "user %d" % i, "tags": [i, i + 1, str(i)]} for i in range(n)]


def index(rows):
    table = {}
    for row in rows:
        table.setdefault(row["name"][-2:], []).append(row)
    return table


def main():
    total = 0
    for _ in range(7):
        total += len(index(records(220_000)))
    print(total)


main()
