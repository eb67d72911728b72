"""What can go wrong, as one tree.

::

    MgdistError            1   anything below
    ├── JobError           2   the job file, or a value set on the command line
    ├── DataError          3   what the job points at: files, columns, records, splits
    ├── TrainError         4   training cannot start or go on (NaN loss, lost worker, no compiler)
    ├── SearchError        5   no trial came to an end
    ├── ConvertError       6   the network does not convert, or parity is broken
    ├── BudgetError        7   no candidate keeps the accuracy budget and the device's limits
    ├── RunError           8   a run folder: locked, damaged, not writable, disk full
    └── ClusterError       9   Ray cannot be reached or does not let us in

The number is the exit code of ``mgdist``. The message is one line for people: where, what was
expected, what was found, what to do. ``JobError`` carries several such lines, since all mistakes
of a job file are reported at once. The edge runtime has its own small tree in
``mgdist_edge.errors``, because it is installed without mgdist.
"""


def first_line(said: BaseException | str) -> str:
    """Return the first line of what an error says; its kind, where it says nothing."""
    return next((line.strip() for line in str(said).splitlines() if line.strip()), type(said).__name__)[:300]


def named_line(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says, for errors that are not ours."""
    return f"{type(error).__name__}: {first_line(error)}"


class MgdistError(Exception):
    """Anything that mgdist reports to a person in one line."""

    exit_code = 1


class JobError(MgdistError):
    """The job file, or a value set on the command line, is wrong."""

    exit_code = 2


class DataError(MgdistError):
    """What the job points at cannot be used: files, columns, records, splits."""

    exit_code = 3


class TrainError(MgdistError):
    """Training cannot start or cannot go on."""

    exit_code = 4


class DivergedError(TrainError):
    """The loss is not a number any more: a lower learning rate may help."""


class DamagedError(TrainError):
    """A checkpoint is not what was written: the one before it may be."""


class SearchError(MgdistError):
    """The search came to an end without one finished trial."""

    exit_code = 5


class ConvertError(MgdistError):
    """The network does not convert, or the device model is not equal to it."""

    exit_code = 6


class BudgetError(MgdistError):
    """No candidate keeps both the accuracy budget and the device's limits."""

    exit_code = 7


class RunError(MgdistError):
    """A run folder is locked, damaged, not writable, or its disk is full."""

    exit_code = 8


class ClusterError(MgdistError):
    """Ray cannot be reached, or does not let us in."""

    exit_code = 9
