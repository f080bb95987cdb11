"""The ground floor: pure, synchronous, exact. No I/O, no clock, no logging."""
