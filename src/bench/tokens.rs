//! `tokens.bin`: every token arrival of chosen requests as delta varints.
