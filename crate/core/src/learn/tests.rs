//! Classifiers and calibrations as a whole.

mod calibrations;
mod classifiers;
