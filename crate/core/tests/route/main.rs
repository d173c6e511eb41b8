//! Compares the router with a naive interpreter of its rules, and tests it with random events.

#[cfg(test)]
mod naive;
#[cfg(test)]
mod properties;
