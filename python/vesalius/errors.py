"""What goes wrong, in the program's own words."""


class VesaliusError(Exception):
    """One line that names the file or field, what was found and what was expected."""


class Interrupted(VesaliusError):
    """The command was asked to stop and kept what it had: the same command goes on."""
