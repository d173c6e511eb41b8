//! The router against a naive interpreter of its rules, and against whatever can happen.

#[cfg(test)]
mod naive;
#[cfg(test)]
mod properties;
