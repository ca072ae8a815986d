"""Which network and which training belong to a method: the one place that knows them all."""

from painting.agents import adversarial, analytic, ddpg
from painting.agents.config import AdversarialConfig, AgentConfig, DdpgConfig
from painting.agents.faces import Faces
from painting.agents.learner import Learner
from painting.agents.policy import Policy


def build(config: AgentConfig) -> Policy:
    """An agent with weights drawn from torch's own generator."""
    match config.method:
        case DdpgConfig():
            return ddpg.build(config)
        case AdversarialConfig():
            return adversarial.build(config)
        case _:
            return analytic.build(config)


def learner(config: AgentConfig, faces: Faces) -> Learner:
    """What trains it, on the device of the pictures."""
    match config.method:
        case DdpgConfig():
            return ddpg.DdpgLearner(config, faces)
        case AdversarialConfig():
            return adversarial.AdversarialLearner(config, faces)
        case _:
            return analytic.AnalyticLearner(config, faces)
