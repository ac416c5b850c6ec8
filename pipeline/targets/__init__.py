"""Targets: all that depends on the task, a module each.

A module holds an instance of a subclass of `Target` (`pipeline/schemas/target.py`). The registry finds it in this
package: the task is then allowed as `data.task`, and is trained, evaluated, reported and served. A target in a package
of the user's own is named as `package.module:name`.

Evaluation and model call a target, and a target calls back into them: it chooses an accumulator and a head's layers. To
keep imports one-way, they know the abstract class only, and the registry loads these modules by name at run time. The
alternative, abstract accumulators and layers below both, would spread each task over several packages again.
"""
