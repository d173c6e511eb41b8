//! What the machine can be reading, and what it remembers of what must follow.

/// The symbols that a thread reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in super::super) enum Symbol {
    /// Nothing more. First, so that it is never among the threads dropped.
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
    /// After this many items: another one, or the end.
    Items {
        array: u32,
        count: u32,
    },
    /// Before property `next`, after this many members: another one, or the end.
    Members {
        object: u32,
        next: u32,
        count: u32,
    },
    /// A name of such a member.
    Name {
        object: u32,
        next: u32,
        count: u32,
    },
    /// Text that is no answer in JSON.
    Prose,
    /// A call in FunctionGemma's format, or the end where it may be.
    Calls {
        may_end: bool,
    },
}

/// One way to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Thread {
    pub(super) symbol: Symbol,
    /// How far into the symbol.
    pub(super) at: u32,
    /// The stack of what follows.
    pub(super) rest: u32,
}

/// The next symbol, and the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) symbol: Symbol,
    pub(super) below: u32,
    /// Brackets open.
    pub(super) depth: u32,
}
