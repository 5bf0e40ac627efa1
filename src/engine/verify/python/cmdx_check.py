"""Compiles files with the project's interpreter and looks whether their names still resolve. Runs none of them.

Reads JSON [[path, before, after], ...] (the two are files) from the file named first, writes JSON [[path, problem], ...].
"""
import ast
import builtins
import json
import symtable
import sys
import warnings


def _unresolved(source, path):
    """Names a file reads as globals and never binds; none when `import *` may bind anything."""
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return set()
    top = symtable.symtable(source, path, "exec")
    bound, used = set(), set()
    open_tables = [top]
    while open_tables:
        table = open_tables.pop()
        open_tables.extend(table.get_children())
        for symbol in table.get_symbols():
            name = symbol.get_name()
            is_module = table.get_type() == "module"
            if is_module and (symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()):
                bound.add(name)
            elif symbol.is_declared_global() and symbol.is_assigned():
                bound.add(name)
            if symbol.is_referenced() and (symbol.is_global() or is_module):
                used.add(name)
    known = set(dir(builtins)) | {"__file__", "__path__", "__annotations__", "__builtins__", "__class__"}
    return used - bound - known


def _check(path, before, after):
    with open(before, "rb") as file:
        old = file.read()
    with open(after, "rb") as file:
        new = file.read()
    try:
        compile(new, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        try:
            compile(old, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return "it does not compile with this interpreter, before or after"
        return "it does not compile: %s" % error
    lost = _unresolved(new, path) - _unresolved(old, path)
    if lost:
        return "names that nothing binds: %s" % ", ".join(sorted(lost))
    return None


def _main():
    warnings.simplefilter("ignore")
    with open(sys.argv[1]) as file:
        wanted = json.load(file)
    problems = []
    for path, before, after in wanted:
        problem = _check(path, before, after)
        if problem:
            problems.append([path, problem])
    sys.stdout.write(json.dumps(problems))


_main()
