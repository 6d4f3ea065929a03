"""What goes wrong in the demo, said so that its user can mend it."""


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""
