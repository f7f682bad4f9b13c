"""The one error that a user can cause."""


class PastaError(Exception):
    """A problem with the user's input: one sentence that says what is wrong and what to do.

    Anything else that is raised is a bug and keeps its traceback.
    """


class Cancelled(Exception):
    """The user asked to stop; nothing was written."""
