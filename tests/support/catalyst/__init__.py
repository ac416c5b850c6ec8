"""What tasks compute on Arrow arrays, as Catalyst expressions: Spark's own semantics, which the tests compare with."""
