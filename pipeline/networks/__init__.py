"""The networks that `model.type` may name, a module each; README.md shows how to add one."""
