"""The error that means: the user's input was refused."""


class InputError(ValueError):
    """A configuration, a command line or data that cannot be used; its text is all that the user is shown."""
