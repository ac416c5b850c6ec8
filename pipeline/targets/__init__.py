"""Targets: all that depends on what a label is, a module a task.

A module holds an instance of a subclass of `Target` (`pipeline/schemas/target.py`), and is found by being here: the
task is then allowed as `data.task`, is trained, evaluated, reported and served. A target in a package of the user's own
is named as `package.module:name`. These modules stand above the parts whose work they choose, which know the abstract
class alone.
"""
