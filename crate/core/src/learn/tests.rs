//! Tests of classifiers and calibrations as a whole.

mod calibrations;
mod classifiers;
