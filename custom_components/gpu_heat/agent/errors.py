"""What can go wrong, by who can do something about it."""


class AgentError(Exception):
    """The root of the agent's own errors; the message is one line for a person."""


class UsageError(AgentError):
    """The command line, the config or the machine's set-up is wrong; nothing was started."""


class MalformedError(AgentError):
    """A request does not have the shape that its endpoint takes."""


class UnknownError(AgentError):
    """There is no such job or device."""


class ConflictError(AgentError):
    """The thing exists, but this cannot be done to it in its present state."""


class OutOfRangeError(AgentError):
    """A value has the right type and lies outside its limits."""


class UnreachableError(AgentError):
    """A driver or engine does not answer now; trying again later may help."""
