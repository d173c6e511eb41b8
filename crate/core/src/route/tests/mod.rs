//! Scripted runs: branches, events, and the router's actions.

mod breakers;
mod cascades;
mod continuations;
mod fallbacks;
mod hedges;
mod theatre;
