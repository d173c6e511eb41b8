//! Symbols that the machine reads, and the stack of those that must follow.

/// The symbols that a thread reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in super::super) enum Symbol {
    /// The end. First in the order, so that it is never among the dropped threads.
    End,
    /// Any shape of a value.
    Value(u32),
    /// One byte.
    Byte(u8),
    /// Nothing, a space, or a line break and its indentation.
    Space,
    Words(u32),
    Text(u32),
    Number(u32),
    /// After this many items: another item, or the end.
    Items {
        array: u32,
        count: u32,
    },
    /// Before property `next`, after this many members: another member, or the end.
    Members {
        object: u32,
        next: u32,
        count: u32,
    },
    /// The name of an undeclared member.
    Name {
        object: u32,
        next: u32,
        count: u32,
    },
    /// Prose instead of JSON.
    Prose,
    /// A call in FunctionGemma's format, or the end if allowed.
    Calls {
        may_end: bool,
    },
}

/// One path through the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Thread {
    pub(super) symbol: Symbol,
    /// The position within the symbol.
    pub(super) at: u32,
    /// The stack of symbols that follow.
    pub(super) rest: u32,
}

/// The next symbol, and the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) symbol: Symbol,
    pub(super) below: u32,
    /// The number of open brackets.
    pub(super) depth: u32,
}
