"""Status words of one structure inside a batch."""

from __future__ import annotations

from enum import Enum

__all__ = ['ANSWERS', 'STATUS_MEANINGS', 'Status']


class Status(str, Enum):
    """What became of one structure. A batch never fails for one bad structure: its row carries one of these words."""

    OK = 'ok'
    NOT_PERCOLATING = 'not_percolating'
    NO_MOBILE_ION = 'no_mobile_ion'
    DISORDERED = 'disordered'
    OVERLAPPING_SITES = 'overlapping_sites'
    NO_OXIDATION_STATES = 'no_oxidation_states'
    NO_PARAMETERS = 'no_parameters'
    TOO_LARGE = 'too_large'
    OUT_OF_TIME = 'out_of_time'
    UNREADABLE = 'unreadable'
    UNSTABLE = 'unstable'
    NO_PHONONS = 'no_phonons'
    NOT_RELAXED = 'not_relaxed'
    UNKNOWN_ELEMENT = 'unknown_element'
    FAILED = 'failed'

    def __str__(self) -> str:
        return self.value


#: Words that are a scientific answer; every other word means that there is none.
ANSWERS = frozenset({Status.OK, Status.NOT_PERCOLATING})

#: One clause per word, for reports and documentation.
STATUS_MEANINGS: dict[Status, str] = {
    Status.OK: 'computed',
    Status.NOT_PERCOLATING: 'no percolating path below the energy cap: an answer, not an error',
    Status.NO_MOBILE_ION: 'the structure holds none of the mobile ion',
    Status.DISORDERED: 'sites with partial or mixed occupancy',
    Status.OVERLAPPING_SITES: 'two sites are closer than any bond',
    Status.NO_OXIDATION_STATES: 'no charge-neutral oxidation states were found',
    Status.NO_PARAMETERS: 'a pair of ions has no tabulated parameters',
    Status.TOO_LARGE: 'more sites or grid points than the limit',
    Status.OUT_OF_TIME: 'the time limit of one structure was reached',
    Status.UNREADABLE: 'its files are damaged, incomplete, unsafe, or contradict each other',
    Status.UNSTABLE: 'so many phonon modes are imaginary that averages over them mean nothing',
    Status.NO_PHONONS: 'no complete phonons in the table that the descriptors were joined with',
    Status.NOT_RELAXED: 'forces stayed above the limit in all steps of the relaxation',
    Status.UNKNOWN_ELEMENT: 'no data of one of the elements are known to the layout or to the calculator',
    Status.FAILED: 'an unexpected error; the message beside the word says which',
}
