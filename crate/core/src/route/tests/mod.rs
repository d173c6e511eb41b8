//! Stories of runs: who is asked, what they do, what the router does about it.

mod breakers;
mod cascades;
mod continuations;
mod fallbacks;
mod hedges;
mod theatre;
