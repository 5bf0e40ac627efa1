"""Call-heavy: recursion and small methods."""


class Account:
    def __init__(self):
        self.balance = 0

    def deposit(self, amount):
        self.balance += self.checked(amount)

    def checked(self, amount):
        return amount if amount > 0 else 0


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def main():
    account = Account()
    for _ in range(40):
        fibonacci(27)
        for amount in range(400_000):
            account.deposit(amount)
    print(account.balance)


main()
