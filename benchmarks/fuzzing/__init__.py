"""Fuzzing: what is promised of any input, and two engines that look for an input for which it does not hold."""
