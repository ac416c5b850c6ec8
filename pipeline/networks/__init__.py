"""The networks that `model.type` may name, a module each; README.md here shows how to add one."""
