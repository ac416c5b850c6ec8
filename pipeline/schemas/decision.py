"""What is done with a network's probabilities before anyone sees them: they are calibrated, then a class is chosen.

Both are fitted on validation rows when a training ends, and travel with the model. With p the probability that the
network gives, and logit(p) = log(p / (1 - p)):

    none          p
    platt         sigmoid(slope * logit(p) + intercept), two classes
    isotonic      linear between `scores`, at which it is `rates`, and constant beyond them, two classes
    temperature   sigmoid(logit(p) / temperature), or softmax(log(p) / temperature)

Of two classes, a row belongs to class id 1 from `threshold` on; of several, to the most probable one.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.schemas.document import Document, HashedDocument


class Calibration(Document):
    """How probabilities are corrected.

    Attributes:
        kind: which of the ways above.
        slope: of Platt's.
        intercept: of Platt's.
        temperature: above 1 where the network is too sure of itself.
        scores: of isotonic calibration, ascending probabilities of the network.
        rates: what each of them means, ascending.
    """

    kind: Literal["none", "platt", "isotonic", "temperature"] = "none"
    slope: float = 1.0
    intercept: float = 0.0
    temperature: float = Field(default=1.0, gt=0.0)
    scores: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _scores_have_rates(self) -> Self:
        if len(self.scores) != len(self.rates) or bool(self.scores) != (self.kind == "isotonic"):
            raise ValueError("isotonic calibration has scores and a rate for each of them; the others have none")
        return self


class DecisionRule(HashedDocument):
    """From the network's probabilities to calibrated ones, and to a class; the default is as the network says.

    Attributes:
        calibration: of the probabilities.
        threshold: of two classes: the calibrated probability from which on a row belongs to class id 1.
        goal: what the threshold was chosen for, and what it reaches, in words; empty where it was given.
        rows: validation rows that this was fitted on; 0 where nothing was fitted.
        remark: why something that was asked for could not be fitted; empty where all is well.
    """

    formats_without_hash = (None,)

    calibration: Calibration = Calibration()
    threshold: float = 0.5
    goal: str = ""
    rows: int = 0
    remark: str = ""
