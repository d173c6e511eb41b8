//! Contains no code: this crate exists for its tests over the tree.
